"""Routes, constraints, requests, responses and CORS as the Functions host has them, by vectors."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from funcjson.bindings.http_trigger import value
from funcjson.cors import make_policy
from funcjson.http_response import ResponseError, from_output, from_return
from funcjson.http_route_constraints import make_constraint
from funcjson.http_route_table import build_table
from funcjson.http_route_templates import TemplateError, parse_template
from funcjson.http_routes import NotFound, RouteEntry
from funcjson.model import HttpRequest, HttpResponse, Language, TriggerEvent, TypedData

FILE = Path(__file__).parent / "vectors" / "http.json"
VECTORS: list[dict[str, Any]] = json.loads(FILE.read_text(encoding="utf-8"))


def of_kind(kind: str) -> Any:
    rows = [pytest.param(row, id=row["title"]) for row in VECTORS if row["kind"] == kind]
    return pytest.mark.parametrize("vector", rows)


def test_each_vector_is_run() -> None:
    kinds = {"route", "template", "constraint", "output", "return", "request", "cors"}

    assert {vector["kind"] for vector in VECTORS} == kinds


@of_kind("route")
def test_route(vector: dict[str, Any]) -> None:
    given, expect = vector["given"], vector["expect"]
    entries = [
        RouteEntry(one["name"], one.get("route"), _methods(one.get("methods")))
        for one in given["functions"]
    ]
    table, problems = build_table(entries, given["prefix"])
    method, _, path = given["request"].partition(" ")

    found = table.match(method, path)

    if expect["function"] is None:
        assert isinstance(found, NotFound)
    else:
        assert not isinstance(found, NotFound)
        assert (found.function, dict(found.params)) == (expect["function"], expect["params"])
    assert {p.function: p.code for p in problems} == expect.get("problems", {})
    if "azure" in expect:
        assert [p.azure for p in problems] == [expect["azure"]]


@of_kind("template")
def test_template(vector: dict[str, Any]) -> None:
    with pytest.raises(TemplateError) as caught:
        parse_template(vector["given"]["route"])

    assert caught.value.azure == vector["expect"]["azure"]
    assert caught.value.fix


@of_kind("constraint")
def test_constraint(vector: dict[str, Any]) -> None:
    given = vector["given"]

    assert make_constraint(given["constraint"])(given["value"]) == vector["expect"]["accepted"]


@of_kind("output")
def test_output(vector: dict[str, Any]) -> None:
    given, expect = vector["given"], vector["expect"]
    if "error" in expect:
        with pytest.raises(ResponseError) as caught:
            from_output(_typed(given["value"]))

        assert expect["error"] in caught.value.azure
        return

    _check(from_output(_typed(given["value"])), expect)


@of_kind("return")
def test_return(vector: dict[str, Any]) -> None:
    given = vector["given"]

    _check(from_return(_typed(given["value"]), accept=given["accept"]), vector["expect"])


@of_kind("request")
def test_request(vector: dict[str, Any]) -> None:
    given = vector["given"]
    request = HttpRequest(
        "POST",
        "http://h/api/f",
        tuple((name, text) for name, text in given.get("headers", ())),
        given.get("query", ""),
        given.get("params", {}),
        given.get("body", "").encode(),
    )
    language = Language(given.get("language", "python"))

    found = value(TriggerEvent("httpTrigger", request), language)["http"]

    for name, expected in vector["expect"].items():
        assert found[name] == (_typed(expected) if name == "body" else expected)


@of_kind("cors")
def test_cors(vector: dict[str, Any]) -> None:
    given, expect = vector["given"], vector["expect"]
    azure = given.get("azure", False)
    policy, _ = make_policy(given["origins"], given["credentials"], azure=azure)
    origin = given["origin"]

    allowed = policy.allows(origin)

    assert allowed == (expect is not None)
    if expect is not None:
        asked = given.get("preflight")
        headers = policy.preflight(origin, *asked) if asked else policy.headers(origin)
        found = {name.lower(): text for name, text in headers}
        assert {name: found.get(name) for name in expect} == expect


def _methods(given: list[str] | None) -> tuple[str, ...] | None:
    return None if given is None else tuple(given)


def _typed(given: Any) -> TypedData:
    """Typed data of a vector: bytes are written as {"hex": ...}."""
    if isinstance(given, dict):
        if "hex" in given:
            return {"bytes": bytes.fromhex(given["hex"])}
        return {name: _typed(member) for name, member in given.items()}
    return given


def _check(found: HttpResponse, expect: dict[str, Any]) -> None:
    headers = {name.lower(): text for name, text in found.headers}
    body = expect["body"]

    assert found.status == expect["status"]
    assert found.body == (body.encode() if isinstance(body, str) else bytes.fromhex(body["hex"]))
    if "contentType" in expect:
        assert headers.get("content-type") == expect["contentType"]
    for name, text in expect.get("headers", {}).items():
        assert headers.get(name) == text
