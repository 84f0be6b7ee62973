"""The values of host.json that have rules of their own: what is not in the environment of a whole file."""

from __future__ import annotations

from typing import Any

from funcjson.errors import Location
from funcjson.host_config_reader import HostConfigReader
from funcjson.host_config_values import (
    DEFAULT_TIMEOUT_S,
    custom_headers,
    log_levels,
    retry,
    timeout,
)


def reader(document: dict[str, Any]) -> HostConfigReader:
    return HostConfigReader(
        document, lambda pointer: Location("host.json", pointer=pointer), lambda _: None
    )


def test_an_empty_file_has_defaults_and_no_problems() -> None:
    empty = reader({})

    assert timeout(empty) == DEFAULT_TIMEOUT_S
    assert (retry(empty), log_levels(empty), custom_headers(empty)) == (None, {}, {})
    assert empty.problems == []


def test_values_of_headers_that_are_not_text_are_written_as_dotnet_does() -> None:
    given = {"extensions": {"http": {"customHeaders": {"A": 1, "B": True, "C": None}}}}

    assert custom_headers(reader(given)) == {"A": "1", "B": "True", "C": ""}
