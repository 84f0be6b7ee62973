"""Step 5: arguments of the handler, and the claims of an access token beside what they come from."""

from __future__ import annotations

from typing import Any

import jwt
import pytest
from tests.unit.trace_view.traces import NOW, http, negotiate, plan_of, traced

from funcjson.masking import Shown
from funcjson.trace_view import view
from funcjson.trace_view.inputs import meaning, token_view, typed_value

ID_TOKEN = jwt.encode({"sub": "s1", "role": "admin", "iss": "me"}, "k" * 32, algorithm="HS256")


async def inputs_of(
    *bindings: dict[str, Any], **headers: str
) -> tuple[list[dict[str, Any]], list[str]]:
    given = tuple((name.replace("_", "-"), value) for name, value in headers.items())
    step = view(await traced(plan_of(*bindings), http(*given)))["steps"][4]
    return step["inputs"], [rule["id"] for rule in step["rules"]]


async def test_the_trigger_comes_first_and_is_not_repeated() -> None:
    (trigger, info), _ = await inputs_of(negotiate(), x_user="ann")

    assert (trigger["name"], trigger["type"], trigger["value"]) == (
        "req",
        "httpTrigger",
        "see step 1",
    )
    assert info["value"] == {"url": "http://localhost:8888/client/?hub=chat", "accessToken": "***"}


async def test_claims_stand_beside_the_properties_they_come_from() -> None:
    (_, info), _ = await inputs_of(negotiate(), x_user="ann")

    (token,) = info["tokens"]
    claims = {claim["claim"]: claim for claim in token["claims"]}
    assert claims["asrs.s.uid"]["value"] == "ann"
    assert claims["asrs.s.uid"]["from"] == '"userId": "{headers.x-user}" (f/function.json:7)'
    assert claims["aud"]["value"] == "http://localhost/client/?hub=chat"
    assert claims["aud"]["from"].startswith('"hubName": "Chat"')
    assert token["expiresInS"] == 3600
    assert token["header"] == {"alg": "HS256", "typ": "JWT"}


async def test_claims_of_an_id_token_name_it_and_the_list() -> None:
    binding = negotiate(None, idToken="{headers.x-id}", claimTypeList=["role"])

    (_, info), rules = await inputs_of(binding, x_id=ID_TOKEN)

    claims = {claim["claim"]: claim for claim in info["tokens"][0]["claims"]}
    assert claims["role"]["value"] == "admin"
    assert "idToken" in claims["role"]["from"]
    assert "claimTypeList" in claims["role"]["from"]
    assert "token-claims" in rules


@pytest.mark.parametrize(("user", "rule"), [("ann", "token-user"), (None, "token-no-user")])
async def test_whether_a_client_has_a_user_is_taught(user: str | None, rule: str) -> None:
    _, rules = await inputs_of(negotiate(user))

    assert rule in rules
    assert "token-hour" in rules


def test_what_is_no_token_is_not_decoded() -> None:
    assert token_view("not-a-token", NOW, Shown()) == {
        "readable": False,
        "characters": 11,
        "header": None,
        "claims": [],
        "expiresInS": None,
    }


def test_times_are_dates_and_distances() -> None:
    assert meaning("exp", NOW + 60, NOW) == "expires 2023-11-14 22:14:20 UTC, in 60 s"
    assert meaning("exp", NOW - 60, NOW) == "expires 2023-11-14 22:12:20 UTC, 60 s ago"
    assert meaning("iat", NOW, NOW).startswith("issued 2023")
    assert meaning("role", "x", NOW) == ""


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ({}, None),
        ({"json": "[1]"}, [1]),
        ({"string": '{"a": 1}'}, {"a": 1}),
        ({"string": "plain"}, "plain"),
        ({"bytes": b"abc"}, "(3 bytes)"),
        ({"int": 5}, 5),
    ],
)
def test_typed_data(value: dict[str, Any], shown: Any) -> None:
    assert typed_value(value, Shown()) == shown
