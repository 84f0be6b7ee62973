"""What the inspector asks of a host, and what it never shows."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.unit.inspector.inspected_host import KEY, inspected

from funcjson.inspector.inspected import Facts, Refusal, mask_of, text_in


async def test_keys_and_secret_settings_are_masked(tmp_path: Path) -> None:
    async with inspected(tmp_path) as host:
        text = mask_of(host).text(f"a {KEY} b very-secret-value-1 c")

    assert text == "a *** b *** c"


async def test_facts_are_found_once_for_each_version(tmp_path: Path) -> None:
    facts = Facts()
    async with inspected(tmp_path) as host:
        first = facts.of(host.version)

        assert first.listeners == {"newMessage": "page.html:2"}
        assert facts.of(host.version) is first


def test_members_must_be_text() -> None:
    assert text_in({"a": "x"}, "a") == "x"
    assert text_in({"a": None}, "a", "y") == "y"
    with pytest.raises(Refusal, match="'a' must be text"):
        text_in({"a": 1}, "a")
