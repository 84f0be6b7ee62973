"""Bodies of transactions; what they do is in the conformance vectors T05 to T11."""

from __future__ import annotations

import json
from typing import Any

import pytest

from funcjson.signalr.messages import Invocation
from funcjson.signalr.rest_commands import commands_of
from funcjson.signalr.rest_problem import RestProblem
from funcjson.signalr.transactions import CloseConnection, JoinGroup, LeaveGroup, SendMessage


def read(value: Any) -> Any:
    return commands_of("application/json; charset=utf-8", json.dumps(value).encode())


def test_every_command() -> None:
    found = read(
        [
            {"type": "SendMessage", "message": {"target": "m", "arguments": [1]}},
            {"type": "JoinGroup", "group": "g"},
            {"type": "LeaveGroup", "group": "h"},
            {"type": "CloseConnection", "reason": "enough"},
            {"type": "CloseConnection"},
        ]
    )

    assert found == [
        SendMessage(Invocation("m", [1])),
        JoinGroup("g"),
        LeaveGroup("h"),
        CloseConnection("enough"),
        CloseConnection(None),
    ]


def test_a_body_without_a_content_type_is_json() -> None:
    assert commands_of("", b"[]") == []


@pytest.mark.parametrize(
    ("body", "target"),
    [
        ({}, "commands"),
        ([3], "commands[0]"),
        ([{"type": "CloseConnection"}, {"type": 4}], "commands[1].type"),
        ([{"type": "JoinGroup", "group": " "}], "commands[0].group"),
        ([{"type": "JoinGroup", "group": "g", "Filter": ""}], "commands[0].Filter"),
        ([{"type": "SendMessage", "message": {"target": ""}}], "commands[0].message.target"),
        ([{"type": "SendMessage", "message": 3}], "commands[0].message"),
    ],
)
def test_the_problem_names_the_place(body: Any, target: str) -> None:
    with pytest.raises(RestProblem) as refused:
        read(body)

    assert (refused.value.status, refused.value.target) == (400, target)
    assert refused.value.fix
