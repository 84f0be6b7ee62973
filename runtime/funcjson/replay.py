"""`funcjson replay FILE`: run the invocation of a trace capsule again against the app, and say what differs.

A capsule has no secrets. What it lacks may be given; what depends on anything that is still missing is not compared.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from funcjson.errors import AppLoadError, Location, Problem
from funcjson.explaining.request import Asked, explain_request
from funcjson.explaining.stage import EXPLAINED
from funcjson.inspector.capsule import NotACapsule, read_capsule
from funcjson.masking import MASKED
from funcjson.signalr.rest_client import NO_SUCH_CONNECTION
from funcjson.trace import Step

# What is another one in each run, and says nothing about the app.
_OWN_PORT = re.compile(r"\b(localhost|127\.0\.0\.1):\d+")
_TIMES = frozenset({"exp", "iat", "nbf", "aud", "asrs.s.iss"})
_ADMIN = "/admin/functions/"
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
    """The new trace document, what differs from the old one, and what could not be done as it was.

    `differences` None: nothing was compared, and the first note says why.
    """

    document: Mapping[str, Any]
    differences: tuple[Difference, ...] | None
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Supplied:
    """What a person gives since the capsule does not have it; `body` None: nothing."""

    headers: tuple[tuple[str, str], ...] = ()
    body: bytes | None = None


NOTHING = Supplied()


@dataclass(frozen=True, slots=True)
class Again:
    """The request to make again. `missing` is what of it a capsule cannot hold, `headers` those left out."""

    asked: Asked
    missing: tuple[str, ...] = ()
    headers: tuple[str, ...] = ()


async def replay(
    before: Mapping[str, Any],
    app: Path,
    environ: Mapping[str, str],
    supplied: Supplied = NOTHING,
) -> Replayed:
    """Run a capsule's invocation again. Raises AppLoadError when the folder is not an app."""
    again = request_of(before, supplied)
    now = await explain_request(app, again.asked, environ)
    why = _not_to_be_compared(before, now, again)
    if not again.asked.run:
        return Replayed(now, None, (why,))
    notes = (*again.missing, *(_left_out(name) for name in again.headers), _NOBODY)
    if why:
        return Replayed(now, None, (why, *notes))
    found = tuple(differences(before, now))
    if _is_gone(now) and not _is_gone(before):
        found = tuple(one for one in found if one.step < Step.FLUSHED)
        notes = (_CONNECTION_GONE, *notes)
    return Replayed(now, found, notes)


def _is_gone(document: Mapping[str, Any]) -> bool:
    """Whether it failed since the service knows no such connection."""
    return any(
        problem["code"] == "FJ0410" and NO_SUCH_CONNECTION in (problem["why"] or "")
        for problem in document["problems"]
    )


_CONNECTION_GONE = "a request names a connection, which is not there while it runs again, so step 8 is not compared"


_NOBODY = "nobody is connected while it runs again, so who got a message is not compared"


def _left_out(name: str) -> str:
    return f"the header '{name}' was left out, since its value is masked; --header '{name}: ...' gives it"


def _not_to_be_compared(before: Mapping[str, Any], now: Mapping[str, Any], again: Again) -> str:
    """Why the new run says nothing about the old one; "" when it does."""
    if before.get("function") and not now["function"]:
        problem = now["problems"][0]
        why = f": {problem['why']}" if problem.get("why") else ""
        return f"the capsule is of '{before['function']}', and {problem['what']} in this app{why}"
    if not again.asked.run:
        return again.missing[0]
    if again.missing:
        return "it was not the same request, so what came of it is not compared"
    told = " ".join(problem["what"].lower() for problem in now["problems"])
    lacking = [name for name in again.headers if f"headers.{name.lower()}" in told]
    if lacking and before["outcome"] != "failed":
        return f"it needs the header '{lacking[0]}', whose value the capsule does not have"
    return ""


def load(file: Path) -> dict[str, Any]:
    """The trace document in a file. Raises AppLoadError."""
    try:
        return read_capsule(file.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise AppLoadError(_no_file(file)) from error
    except (OSError, UnicodeDecodeError, NotACapsule) as error:
        raise AppLoadError(_not_a_capsule(file, str(error))) from error


def request_of(trace: Mapping[str, Any], supplied: Supplied = NOTHING) -> Again:
    """The request to make again, and what of it could not be kept since a capsule has no secrets."""
    first = trace["steps"][0]
    request = first.get("request")
    if request is None:
        return _fired(first, str(trace.get("function") or ""), supplied)
    given = {name.lower() for name, _ in supplied.headers}
    headers, left_out, missing = [], [], []
    for header in request["headers"]:
        name, value = header["name"], header["value"]
        if name.lower() in _OWN_HEADERS or name.lower() in given:
            continue
        if MASKED in value:
            left_out.append(name)
        else:
            headers.append((name, value))
    body, why = _body(request)
    if supplied.body is not None:
        body, why = supplied.body, ""
    if why:
        missing.append(f"the same body cannot be sent: {why}; --body @FILE gives it")
    if MASKED in request["url"]:
        missing.append("parts of the query are masked, and were sent as ***")
    parts = urlsplit(request["url"])
    url = f"{parts.path}?{parts.query}" if parts.query else parts.path
    sent = (*headers, *supplied.headers)
    asked = Asked(request["method"], url, tuple(sent), body, run=True)
    if parts.path.startswith(_ADMIN):
        # What an HTTP function that was set off by hand got, and not what was posted.
        asked = _by_hand(parts.path, body.decode(errors="replace"), first)
    return Again(asked, tuple(missing), tuple(left_out))


def _fired(first: Mapping[str, Any], function: str, supplied: Supplied) -> Again:
    """An event of another trigger, set off by hand. One that is not whole is not run: it would be another one."""
    payload = first.get("payload")
    if supplied.body is not None:
        return Again(_by_hand(f"{_ADMIN}{function}", supplied.body.decode(errors="replace"), first))
    asked = _by_hand(f"{_ADMIN}{function}", payload, first)
    text = json.dumps(_without_signature(payload), ensure_ascii=False)
    why = "parts of it are masked" if MASKED in text else "it is cut" if _is_cut(payload) else ""
    if why:
        missing = f"the same event cannot be made: {why}; --body @FILE gives it"
        return Again(replace(asked, run=False), (missing,))
    return Again(asked)


def _by_hand(path: str, given: Any, first: Mapping[str, Any]) -> Asked:
    """What sets a function off with an event, or an HTTP function with the text of a body."""
    body = json.dumps({"input": given}, ensure_ascii=False).encode()
    return Asked("POST", path, body=body, run=True, reason=str(first.get("reason") or ""))


def _without_signature(payload: Any) -> Any:
    """An event without what proves that it is the service's, which nobody needs to run its function."""
    if not isinstance(payload, dict) or not isinstance(payload.get("Headers"), dict):
        return payload
    headers = payload["Headers"].items()
    kept = {name: text for name, text in headers if name.lower() != "x-asrs-signature"}
    return {**payload, "Headers": kept}


def _body(request: Mapping[str, Any]) -> tuple[bytes, str]:
    """The body as it came, or as much of it as is there and why that is not all."""
    exact = request.get("bodyBase64")
    if exact is not None:
        return base64.b64decode(exact), ""
    content = request["body"]
    text = content if isinstance(content, str) else json.dumps(content, ensure_ascii=False)
    shown = b"" if content is None else text.encode()
    # A capsule of an older version has only what is shown.
    same = isinstance(content, str | None) and len(shown) == request.get("bodyBytes")
    return shown, "" if same else request.get("bodyLeftOut") or "the capsule has only a part of it"


_CUT = re.compile(r"\.\.\.(?: \(\d+ characters\)| \d+ more)?$")


def _is_cut(value: Any) -> bool:
    """Whether something in a value stands for more of it, as `masking.Shown` writes it."""
    if isinstance(value, dict):
        return "..." in value or any(map(_is_cut, value.values()))
    if isinstance(value, list):
        return any(map(_is_cut, value))
    return isinstance(value, str) and _CUT.search(value) is not None


def differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[Difference]:
    """What differs between two documents, in the order of the steps."""
    for old, new in zip(before["steps"], now["steps"], strict=True):
        was, became = dict(_facts(old)), dict(_facts(new))
        for name in (*was, *(name for name in became if name not in was)):
            if was.get(name) != became.get(name):
                yield Difference(old["number"], name, was.get(name), became.get(name))


def _facts(step: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """What of a step must be the same when it runs again: name and value."""
    # A client that waited was answered though nothing was sent; nobody waits for what runs again.
    state = step["state"]
    yield "state", "done" if state == "nothing to do" else state
    for problem in step.get("problems", ()):
        yield f"problem {problem['code']}", problem["what"]
    for name, value in _CONTENT.get(step["number"], _nothing)(step):
        yield name, _plain(value)


Facts = Iterator[tuple[str, Any]]


def _nothing(_step: Mapping[str, Any]) -> Facts:
    return iter(())


def _chosen(step: Mapping[str, Any]) -> Facts:
    yield "function", step.get("function")
    trigger = step.get("trigger") or {}
    if trigger.get("type") == "signalRTrigger":
        # By these an event finds its function, and one that is posted again does not ask.
        for name in ("hubName", "category", "event"):
            yield name, str(trigger.get(name) or "").lower()


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
    completion = step.get("completion")
    if completion is not None:
        yield "result for a client that calls invoke", completion["result"]


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
    if replayed.differences is None:
        first, *notes = replayed.notes
        function, outcome = replayed.document["function"], replayed.document["outcome"]
        ran = f"Ran '{function}' again: {outcome}. Not compared: "
        if not function or outcome == EXPLAINED:
            ran = "Not run: "
        return "\n".join([f"{ran}{first}.", "", *(f"note: {note}" for note in notes)])
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


def _no_file(file: Path) -> Problem:
    return Problem(
        "FJ0160",
        f"there is no file {file}",
        Location(str(file)),
        "the command line names it",
        "correct the name; 'Save as one file' on the page at /_/ and `explain request --html` make such files",
    )


def _not_a_capsule(file: Path, why: str) -> Problem:
    return Problem(
        "FJ0159",
        f"{file.name} is not a trace capsule",
        Location(str(file)),
        why,
        "name a file that 'Save as one file' on the page at /_/ or `explain request --html` has made",
    )
