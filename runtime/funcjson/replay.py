"""`funcjson replay FILE`: run the invocation of a trace capsule again against the app, and say what differs."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from funcjson.errors import AppLoadError, Location, Problem
from funcjson.explaining.request import Asked, explain_request
from funcjson.inspector.capsule import NotACapsule, read_capsule
from funcjson.masking import MASKED

# What is another one in each run, and says nothing about the app.
_OWN_PORT = re.compile(r"\b(localhost|127\.0\.0\.1):\d+")
_TIMES = frozenset({"exp", "iat", "nbf", "aud", "asrs.s.iss"})
_OWN_HEADERS = frozenset({"host", "content-length", "connection"})


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is another one now. `before` and `now` are None where there was or is nothing."""

    step: int
    name: str
    before: Any
    now: Any


@dataclass(frozen=True, slots=True)
class Replayed:
    """The new trace document, what differs from the old one, and what could not be done as it was."""

    document: Mapping[str, Any]
    differences: tuple[Difference, ...]
    notes: tuple[str, ...]


async def replay(before: Mapping[str, Any], app: Path, environ: Mapping[str, str]) -> Replayed:
    """Run a capsule's invocation again. Raises AppLoadError when the folder is not an app."""
    asked, notes = request_of(before)
    now = await explain_request(app, asked, environ)
    return Replayed(now, tuple(differences(before, now)), tuple(notes))


def load(file: Path) -> dict[str, Any]:
    """The trace document in a file. Raises AppLoadError."""
    try:
        return read_capsule(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, NotACapsule) as error:
        raise AppLoadError(_not_a_capsule(file, str(error))) from error


def request_of(trace: Mapping[str, Any]) -> tuple[Asked, list[str]]:
    """The request to make again, and what of it could not be kept since a capsule has no secrets."""
    notes = ["nobody is connected while it runs again, so who got a message is not compared"]
    first = trace["steps"][0]
    request = first.get("request")
    if request is None:
        name = str(trace.get("function") or "")
        body = json.dumps(first.get("payload") or {}, ensure_ascii=False)
        return Asked("POST", f"/admin/functions/{name}", body=body.encode(), run=True), notes
    headers = []
    for header in request["headers"]:
        name, value = header["name"], header["value"]
        if name.lower() in _OWN_HEADERS:
            continue
        if MASKED in value:
            notes.append(f"the header '{name}' was left out: its value is masked")
            continue
        headers.append((name, value))
    text = _body(request["body"])
    if MASKED in text:
        notes.append("parts of the body are masked, and were sent as ***")
    if MASKED in request["url"]:
        notes.append("parts of the query are masked, and were sent as ***")
    parts = urlsplit(request["url"])
    url = f"{parts.path}?{parts.query}" if parts.query else parts.path
    return Asked(request["method"], url, tuple(headers), text.encode(), run=True), notes


def _body(content: Any) -> str:
    if content is None:
        return ""
    return content if isinstance(content, str) else json.dumps(content, ensure_ascii=False)


def differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[Difference]:
    """What differs between two documents, in the order of the steps."""
    for old, new in zip(before["steps"], now["steps"], strict=True):
        was, became = dict(_facts(old)), dict(_facts(new))
        for name in (*was, *(name for name in became if name not in was)):
            if was.get(name) != became.get(name):
                yield Difference(old["number"], name, was.get(name), became.get(name))


def _facts(step: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """What of a step must be the same when it runs again: name and value."""
    yield "state", step["state"]
    for problem in step.get("problems", ()):
        yield f"problem {problem['code']}", problem["what"]
    for name, value in _CONTENT.get(step["number"], _nothing)(step):
        yield name, _plain(value)


Facts = Iterator[tuple[str, Any]]


def _nothing(_step: Mapping[str, Any]) -> Facts:
    return iter(())


def _chosen(step: Mapping[str, Any]) -> Facts:
    yield "function", step.get("function")


def _data(step: Mapping[str, Any]) -> Facts:
    for row in step["names"]:
        if not row["name"].lower().startswith("headers."):
            yield f"{{{row['name']}}}", row["value"]


def _resolved(step: Mapping[str, Any]) -> Facts:
    for binding in step["bindings"]:
        for one in binding["properties"]:
            if any(token["volatile"] for token in one["tokens"]):
                continue
            error = one["error"]
            yield f"{binding['binding']}.{one['name']}", error["code"] if error else one["value"]


def _inputs(step: Mapping[str, Any]) -> Facts:
    for row in step["inputs"]:
        if row["tokens"]:
            for claim in (c for token in row["tokens"] for c in token["claims"]):
                if claim["claim"] not in _TIMES:
                    yield f"{row['name']}: claim {claim['claim']}", claim["value"]
        else:
            yield row["name"], row["value"]


def _collected(step: Mapping[str, Any]) -> Facts:
    for row in step["outputs"]:
        yield row["name"], row["value"]
    for row in step["unbound"]:
        yield f"{row['name']} (no such binding)", row["value"]


def _flushed(step: Mapping[str, Any]) -> Facts:
    for at, call in enumerate(step["calls"], 1):
        path = urlsplit(call["url"]).path if call.get("url") else ""
        yield f"request {at}", f"{call.get('method', 'not sent')} {path}".strip()
        yield f"request {at}: body", call.get("body")
    answer = step.get("answer")
    if answer is not None:
        yield "answer", answer["status"]
        yield "answer: body", answer["body"]


_CONTENT = {2: _chosen, 3: _data, 4: _resolved, 5: _inputs, 7: _collected, 8: _flushed}


def _plain(value: Any) -> Any:
    """A value without the ports of this run, which are others each time."""
    if isinstance(value, str):
        return _OWN_PORT.sub(r"\1", value)
    if isinstance(value, list):
        return [_plain(one) for one in value]
    if isinstance(value, dict):
        return {name: _plain(one) for name, one in value.items()}
    return value


def report(replayed: Replayed) -> str:
    """What a person reads."""
    names = {step["number"]: step["name"] for step in replayed.document["steps"]}
    lines = [f"Ran '{replayed.document['function']}' again: {replayed.document['outcome']}."]
    last = 0
    for one in replayed.differences:
        if one.step != last:
            lines += ["", f"{one.step} {names[one.step]}"]
            last = one.step
        lines += [
            f"  {one.name}",
            f"    before  {_text(one.before)}",
            f"    now     {_text(one.now)}",
        ]
    if not replayed.differences:
        lines += ["", "Nothing differs."]
    lines += ["", *(f"note: {note}" for note in replayed.notes)]
    return "\n".join(lines)


def _text(value: Any) -> str:
    if value is None:
        return "nothing"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 300 else f"{text[:300]}..."


def _not_a_capsule(file: Path, why: str) -> Problem:
    return Problem(
        "FJ0159",
        f"{file.name} is not a trace capsule",
        Location(str(file)),
        why,
        "save an invocation on the page at /_/ with 'Save as one file', and name that file",
    )
