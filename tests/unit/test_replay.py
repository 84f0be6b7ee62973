"""Replaying a capsule: the request made again, and what counts as a difference."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
from tests.unit.inspector.inspected_host import http, inspected, message

from funcjson.errors import AppLoadError
from funcjson.inspector.capsule import make_capsule
from funcjson.replay import Difference, Replayed, differences, load, report, request_of
from funcjson.trace_view import view


@pytest.fixture
async def trace(tmp_path: Path) -> dict[str, Any]:
    async with inspected(tmp_path) as host:
        event = http(
            "/api/send?code=topsecret1&x=1",
            ("Authorization", "Bearer abcdefgh"),
            ("X-Own", "yes"),
            body=b'{"text": "hi"}',
        )
        return view(await host.invoke("send", event, message("newMessage")))


def test_the_request_is_made_again_without_secrets(trace: dict[str, Any]) -> None:
    asked, notes = request_of(trace)

    assert (asked.method, asked.url) == ("POST", "/api/send?code=***&x=1")
    assert asked.headers == (("X-Own", "yes"),)
    assert asked.body == b'{"text": "hi"}'
    assert asked.run
    assert any("'Authorization' was left out" in note for note in notes)
    assert any("query are masked" in note for note in notes)


def test_an_event_is_fired_by_hand() -> None:
    steps = [{"number": 1, "kind": "signalRTrigger", "payload": {"UserId": "alice"}}]
    asked, _ = request_of({"function": "ping", "steps": steps})

    assert (asked.method, asked.url) == ("POST", "/admin/functions/ping")
    assert asked.body == b'{"UserId": "alice"}'


def test_the_same_has_no_differences(trace: dict[str, Any]) -> None:
    again = copy.deepcopy(trace)
    again["steps"][7]["calls"][0]["url"] = "http://localhost:1/api/hubs/chat/:send"

    assert list(differences(trace, again)) == []


def test_another_value_is_a_difference(trace: dict[str, Any]) -> None:
    again = copy.deepcopy(trace)
    again["steps"][2]["names"] = [
        {**row, "value": "ho"} if row["name"] == "text" else row
        for row in trace["steps"][2]["names"]
    ]
    again["steps"][7]["answer"]["status"] = 400

    assert list(differences(trace, again)) == [
        Difference(3, "{text}", "hi", "ho"),
        Difference(8, "answer", 204, 400),
    ]


def test_the_report_names_step_and_values(trace: dict[str, Any]) -> None:
    done = Replayed(trace, (Difference(8, "answer", 200, 400),), ("a note",))

    text = report(done)

    assert "8 outputs flushed" in text
    assert "before  200" in text
    assert "now     400" in text
    assert text.endswith("note: a note")
    assert "Nothing differs." in report(Replayed(trace, (), ()))


def test_a_file_is_loaded(tmp_path: Path, trace: dict[str, Any]) -> None:
    file = tmp_path / "capsule.html"
    file.write_text(make_capsule(trace, "", ""), encoding="utf-8")

    assert load(file)["function"] == "send"


@pytest.mark.parametrize("content", [None, b"<html>", b"\xff\xfe"])
def test_other_files_are_refused(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "other.html"
    if content is not None:
        file.write_bytes(content)

    with pytest.raises(AppLoadError, match="FJ0159"):
        load(file)
