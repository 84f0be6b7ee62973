"""signalRConnectionInfo: url and access token, and what keeps them from being made."""

from __future__ import annotations

import json
from typing import Any

import jwt
import pytest
from tests.unit.bindings.signalr_fakes import (
    KEY,
    NOW,
    FakeServices,
    resolved,
)

from funcjson.bindings.signalr_connection_info import BINDING
from funcjson.errors import BindingError
from funcjson.signalr.credentials import ServiceEndpoint

ID_TOKEN = jwt.encode({"sub": "1", "name": "Ann", "iat": 1}, "k" * 32)


async def info(services: FakeServices | None = None, **properties: Any) -> dict[str, Any]:
    value = await BINDING.bind(
        resolved("signalRConnectionInfo", **properties), services or FakeServices()
    )
    return dict(json.loads(value["string"]))


def claims(found: dict[str, Any]) -> dict[str, Any]:
    return jwt.decode(found["accessToken"], options={"verify_signature": False})


async def failure(services: FakeServices | None = None, **properties: Any) -> BindingError:
    with pytest.raises(BindingError) as caught:
        await info(services, **properties)
    return caught.value


async def test_the_text_is_indented_json_in_the_real_order() -> None:
    value = await BINDING.bind(resolved("signalRConnectionInfo", hubName="Chat"), FakeServices())
    lines = value["string"].split("\n")

    assert lines[0] == "{"
    assert lines[1] == '  "url": "http://localhost:8888/client/?hub=chat",'
    assert lines[2].startswith('  "accessToken": "ey')
    assert lines[3:] == ["}"]


async def test_the_token_is_signed_for_the_hub_and_the_user() -> None:
    found = await info(hubName="Chat", userId="ann")
    token = jwt.decode(
        found["accessToken"],
        KEY,
        algorithms=["HS256"],
        audience="http://localhost/client/?hub=chat",
        options={"verify_exp": False, "verify_iat": False, "verify_nbf": False},
    )

    assert token["asrs.s.uid"] == "ann"
    assert token["exp"] == NOW + 3600


@pytest.mark.parametrize(
    ("user", "expect"), [(None, None), ("", ""), (5, "5"), (True, "True"), ("{x}", "{x}")]
)
async def test_a_user_id_is_text_and_null_is_none(user: Any, expect: str | None) -> None:
    assert claims(await info(hubName="h", userId=user)).get("asrs.s.uid") == expect


async def test_claims_are_copied_from_the_id_token() -> None:
    found = claims(
        await info(hubName="h", idToken=ID_TOKEN, claimTypeList=["name", "iat", "absent"])
    )

    assert (found["name"], found["asrs.u.iat"]) == ("Ann", "1")


async def test_without_a_list_the_id_token_is_not_looked_at() -> None:
    assert "name" not in claims(await info(hubName="h", idToken="garbage", claimTypeList=None))


async def test_an_unreadable_id_token_says_how_to_send_one_and_never_shows_it() -> None:
    error = await failure(hubName="h", idToken=f"Bearer {ID_TOKEN}", claimTypeList=["name"])

    assert error.problems[0].code == "FJ0311"
    assert "'Bearer '" in error.problems[0].why
    assert ID_TOKEN not in str(error)


async def test_a_token_over_4k_is_refused() -> None:
    error = await failure(hubName="h", userId="x" * 4096)

    assert error.problems[0].code == "FJ0309"
    assert error.problems[0].azure == "AccessToken must not be longer than 4K."


@pytest.mark.parametrize(
    ("properties", "parameter", "pointer"),
    [
        ({}, "key", "/bindings/1"),
        ({"hubName": None}, "key", "/bindings/1"),
        ({"hubName": ""}, "hubName", "/bindings/1/hubName"),
    ],
)
async def test_a_missing_hub_is_an_error(
    properties: dict[str, Any], parameter: str, pointer: str
) -> None:
    problem = (await failure(**properties)).problems[0]

    assert problem.code == "FJ0310"
    assert problem.azure == f"Value cannot be null. (Parameter '{parameter}')"
    assert problem.where is not None
    assert problem.where.pointer == pointer


@pytest.mark.parametrize(("kind", "azure"), [("binary", "System.Byte[]"), ("stream", "")])
async def test_other_data_types_are_refused(kind: str, azure: str) -> None:
    problem = (await failure(hubName="h", dataType=kind)).problems[0]

    assert problem.code == "FJ0312"
    assert azure in (problem.azure or "")


async def test_an_identity_without_a_key_is_refused() -> None:
    endpoint = ServiceEndpoint("https://x", None)

    assert (await failure(FakeServices(endpoint), hubName="h")).problems[0].code == "FJ0307"
