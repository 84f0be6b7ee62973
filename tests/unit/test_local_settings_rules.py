"""Members of local.settings.json that cannot be used are told with their place."""

from __future__ import annotations

import json
from typing import Any

import pytest

from funcjson.json_source import parse_json
from funcjson.local_settings_rules import check_shape


def found(document: Any) -> list[tuple[str, str, str]]:
    """Code, what and pointer of each problem."""
    source = parse_json(json.dumps(document).encode(), "local.settings.json")
    problems = list(check_shape(source, source.value))
    assert all(p.where is not None and p.where.line and p.why and p.fix for p in problems)
    return [(p.code, p.what, p.where.pointer if p.where else "") for p in problems]


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"$schema": "x", "isencrypted": False, "values": {"A": "1"}, "ConnectionStrings": {}},
        {"Values": None, "Host": {"LocalHttpPort": 7072, "CORS": "*", "CORSCredentials": True}},
        {"Host": {"LocalHttpPort": "7072", "localHttpAddress": "127.0.0.1"}},
    ],
)
def test_what_is_read_has_no_problem(document: Any) -> None:
    assert found(document) == []


@pytest.mark.parametrize(
    ("value", "kind"), [([1], "an array"), ("x", "text"), (3, "a number"), (True, "true or false")]
)
@pytest.mark.parametrize("name", ["Values", "ConnectionStrings", "Host"])
def test_a_section_must_be_an_object(name: str, value: Any, kind: str) -> None:
    assert found({name: value}) == [("FJ0127", f"'{name}' is {kind}, not an object", f"/{name}")]


@pytest.mark.parametrize("value", ["abc", 99999, "65536", -1, 7071.5])
def test_a_port_must_be_the_number_of_one(value: Any) -> None:
    assert found({"Host": {"LocalHttpPort": value}}) == [
        ("FJ0127", "'LocalHttpPort' is not a port", "/Host/LocalHttpPort")
    ]


def test_a_member_that_nothing_reads_is_told_with_the_nearest_name() -> None:
    source = parse_json(b'{"Value": {"A": "1"}, "Host": {"Cros": "*", "x/y": 1}, "A": 1}', "f")
    problems = list(check_shape(source, source.value))

    assert [(p.code, str(p.where).split()[0]) for p in problems] == [
        ("FJ0128", "f:1:2"),
        ("FJ0128", "f:1:32"),
        ("FJ0128", "f:1:45"),
        ("FJ0128", "f:1:56"),
    ]
    assert [p.fix for p in problems] == [
        'did you mean "Values"?',
        'did you mean "CORS"?',
        "remove it",
        'settings belong into "Values": {...}',
    ]


@pytest.mark.parametrize(
    "document",
    [
        {"AzureSignalRConnectionString": "Endpoint=https://x;AccessKey=SECRET;"},
        {"Host": {"AzureSignalRConnectionString": "x"}},
        {"MyConnection": "Endpoint=https://x;AccessKey=SECRET;"},
    ],
)
def test_a_connection_string_in_the_wrong_section_is_sent_to_values(document: Any) -> None:
    source = parse_json(json.dumps(document).encode(), "f")
    (problem,) = check_shape(source, source.value)

    assert problem.code == "FJ0128"
    assert 'move it into "Values"' in problem.fix
    assert "SECRET" not in str(problem.as_json())


@pytest.mark.parametrize(
    ("name", "fix"),
    [
        ("ConnectionStrings_Hub", "ConnectionStrings__Hub"),
        ("ConnectionStrings.Hub", "ConnectionStrings__Hub"),
        ("AzureSignalRConnectionString_serviceUri", "AzureSignalRConnectionString__serviceUri"),
        ("Azure_SignalR_Endpoints_east", "Azure__SignalR__Endpoints__east"),
    ],
)
def test_levels_are_separated_by_two_underscores(name: str, fix: str) -> None:
    source = parse_json(json.dumps({"Values": {name: "x"}}).encode(), "f")
    (problem,) = check_shape(source, source.value)

    assert (problem.code, problem.fix) == ("FJ0128", f'write "{fix}"')


@pytest.mark.parametrize(
    "name",
    [
        "ConnectionStrings__My_Hub",
        "ConnectionStrings:Hub",
        "A_B__serviceUri",
        "Azure__SignalR__Endpoints__my_east__primary",
        "MY_SETTING",
        "FUNCTIONS_WORKER_RUNTIME",
    ],
)
def test_sound_names_have_no_problem(name: str) -> None:
    assert found({"Values": {name: "x"}}) == []
