"""Members of host.json by path."""

from __future__ import annotations

from typing import Any

from funcjson.errors import Location
from funcjson.host_config_reader import HostConfigReader


def reader(document: dict[str, Any], **environment: str) -> HostConfigReader:
    return HostConfigReader(
        document,
        lambda pointer: Location("host.json", pointer=pointer),
        {f"AzureFunctionsJobHost:{name}": text for name, text in environment.items()}.get,
    )


def test_a_member_is_found_in_any_letter_case_and_the_environment_wins() -> None:
    found = reader({"Logging": {"a": "file"}}, b="environment")

    assert (found.get("logging", "A"), found.get("b")) == ("file", "environment")
    assert found.get("logging", "a", "deeper") is None


def test_a_value_of_a_wrong_kind_is_a_problem_at_its_place() -> None:
    found = reader({"text": 5, "number": "many", "texts": {"a": 1}, "a/b": True})

    assert found.text("text") is None
    assert found.number(7, "number") == 7
    assert found.texts("texts") is None
    assert found.number(7, "a/b") == 7
    assert [str(problem.where) for problem in found.problems] == [
        "host.json  /text",
        "host.json  /number",
        "host.json  /texts",
        "host.json  /a~1b",
    ]
