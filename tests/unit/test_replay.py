"""Replaying a capsule: the request made again, and what counts as a difference."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from tests.unit.inspector.inspected_host import http, inspected, message, write_app

from funcjson.errors import AppLoadError
from funcjson.inspector.capsule import make_capsule
from funcjson.replay import (
    Difference,
    Replayed,
    Supplied,
    differences,
    load,
    replay,
    report,
    request_of,
)
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
    again = request_of(trace)

    asked = again.asked
    assert (asked.method, asked.url) == ("POST", "/api/send?code=***&x=1")
    assert asked.headers == (("X-Own", "yes"),)
    assert asked.body == b'{"text": "hi"}'
    assert asked.run
    assert again.headers == ("Authorization",)
    assert again.missing == ("parts of the query are masked, and were sent as ***",)


def test_what_a_capsule_lacks_may_be_given(trace: dict[str, Any]) -> None:
    supplied = Supplied((("authorization", "Bearer mine"),), b"other")

    again = request_of(trace, supplied)

    assert again.asked.headers == (("X-Own", "yes"), ("authorization", "Bearer mine"))
    assert again.asked.body == b"other"
    assert again.headers == ()


@pytest.mark.parametrize(
    ("request_row", "body", "why"),
    [
        ({"body": {"a": 1}, "bodyBase64": "eyJhIjoxfQ==", "bodyBytes": 7}, b'{"a":1}', ""),
        ({"body": "x... (2 bytes)", "bodyBase64": "//8=", "bodyBytes": 2}, b"\xff\xff", ""),
        ({"body": {"a": "***"}, "bodyBase64": None, "bodyLeftOut": "masked", "bodyBytes": 9},
         b'{"a": "***"}', "masked"),
        ({"body": "of old", "bodyBytes": 6}, b"of old", ""),
        ({"body": "x... (5000 characters)", "bodyBytes": 5000}, b"x... (5000 characters)", "a part"),
        ({"body": {"a": 1}, "bodyBytes": 8}, b'{"a": 1}', "a part"),
    ],
    ids=["JSON", "bytes", "masked", "old text", "old cut", "old JSON"],
)  # fmt: skip
def test_the_same_body_or_a_word_about_it(
    request_row: dict[str, Any], body: bytes, why: str
) -> None:
    row = {"method": "POST", "url": "http://h/api/f", "headers": [], **request_row}

    again = request_of({"function": "f", "steps": [{"request": row}]})

    assert again.asked.body == body
    assert (why in again.missing[0]) if why else again.missing == ()


async def test_a_different_request_is_not_compared(trace: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "again").mkdir()
    app = write_app(tmp_path / "again")
    done = await replay(trace, app, {})

    assert done.differences is None
    assert "it was not the same request" in report(done)


async def test_an_app_without_the_function_is_one_sentence(tmp_path: Path) -> None:
    row = {"method": "POST", "url": "http://h/api/f", "headers": [], "body": None, "bodyBytes": 0}
    capsule = {"function": "f", "outcome": "succeeded", "steps": [{"request": row}]}

    done = await replay(capsule, write_app(tmp_path), {})

    first, *_ = report(done).splitlines()
    assert first.startswith("Not run: the capsule is of 'f', and no function answers POST /api/f")


async def test_a_masked_header_that_is_needed_is_asked_for(tmp_path: Path) -> None:
    app = write_app(tmp_path)
    bindings = json.loads((app / "negotiate" / "function.json").read_text())
    bindings["bindings"][2]["userId"] = "{headers.authorization}"
    (app / "negotiate" / "function.json").write_text(json.dumps(bindings))
    headers = [{"name": "Authorization", "value": "Bearer ***"}]
    row = {
        "method": "POST",
        "url": "/api/negotiate",
        "headers": headers,
        "body": None,
        "bodyBytes": 0,
    }
    capsule = {"function": "negotiate", "outcome": "succeeded", "steps": [{"request": row}]}

    text = report(await replay(capsule, app, {}))

    assert "it needs the header 'Authorization', whose value the capsule does not have" in text
    assert "--header 'Authorization: ...' gives it" in text


def test_an_event_is_fired_by_hand() -> None:
    steps = [{"number": 1, "kind": "eventGridTrigger", "payload": {"id": "1"}, "reason": "came"}]
    asked = request_of({"function": "ping", "steps": steps}).asked

    assert (asked.method, asked.url, asked.reason) == ("POST", "/admin/functions/ping", "came")
    assert json.loads(asked.body) == {"input": {"id": "1"}}


def test_the_signature_of_an_event_is_not_missed() -> None:
    headers = {"X-ASRS-Signature": "***", "X-ASRS-Hub": "chat"}
    again = request_of({"function": "f", "steps": [{"payload": {"Headers": headers}}]})

    assert (again.missing, again.asked.run) == ((), True)


@pytest.mark.parametrize("text", ["***", "long... (5000 characters)"])
async def test_an_event_that_is_not_whole_is_not_run(text: str, tmp_path: Path) -> None:
    steps = [{"kind": "signalRTrigger", "payload": {"Arguments": [text]}}]
    capsule = {"function": "ping", "outcome": "succeeded", "steps": steps}

    done = await replay(capsule, write_app(tmp_path), {})

    assert not done.document["ran"]
    assert report(done).startswith("Not run: the same event cannot be made: ")
    given = request_of(capsule, Supplied(body=b'{"Arguments": [1]}')).asked
    assert given.run
    assert json.loads(given.body) == {"input": '{"Arguments": [1]}'}


def test_an_http_function_that_was_set_off_by_hand_is_so_again() -> None:
    row = {"method": "POST", "url": "http://h/admin/functions/f", "headers": [], "bodyBytes": 2,
           "body": "hi"}  # fmt: skip

    asked = request_of({"function": "f", "steps": [{"request": row}]}).asked

    assert (asked.url, json.loads(asked.body)) == ("/admin/functions/f", {"input": "hi"})


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


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(AppLoadError, match=r"FJ0160.*there is no file"):
        load(tmp_path / "nothing.html")


@pytest.mark.parametrize("content", [b"<html>", b"\xff\xfe"])
def test_other_files_are_refused(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "other.html"
    file.write_bytes(content)

    with pytest.raises(AppLoadError, match="FJ0159"):
        load(file)
