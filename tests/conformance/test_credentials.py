"""Connection strings, access tokens and upstream signatures, by their vectors."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from funcjson.signalr.credentials import (
    ConnectionStringError,
    IdTokenError,
    claims_from_id_token,
    client_audience,
    client_url,
    mint_client_token,
    parse_connection_string,
    sign_connection,
    verify_signature,
)

VECTORS = Path(__file__).parent / "vectors"
JWT_ENDPOINT = "Endpoint=http://localhost:8888;AccessKey=ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"


def vectors(name: str) -> list[Any]:
    rows = json.loads((VECTORS / f"{name}.json").read_text(encoding="utf-8"))
    return [pytest.param(row, id=row["title"]) for row in rows]


@pytest.mark.parametrize("vector", vectors("connection_strings"))
def test_connection_string(vector: dict[str, Any]) -> None:
    text = vector["given"]["connectionString"]
    if "error" in vector:
        with pytest.raises(ConnectionStringError) as caught:
            parse_connection_string(text)

        assert caught.value.message == vector["error"]
        assert caught.value.hint
        return
    endpoint = parse_connection_string(text)
    hub = vector["given"].get("hub", "chat")
    path = f"api/hubs/{hub.lower()}/:send?api-version=2022-06-01"
    found = {
        "url": client_url(endpoint, hub),
        "aud": client_audience(endpoint, hub),
        "rest": endpoint.server_endpoint + path,
        "restAud": endpoint.audience_base + path,
        "key": endpoint.access_key,
        "identity": endpoint.identity is not None,
    }

    assert {name: found[name] for name in vector["expect"]} == vector["expect"]


@pytest.mark.parametrize("vector", vectors("jwt"))
def test_token(vector: dict[str, Any]) -> None:
    given = vector["given"]
    if "error" in vector:
        with pytest.raises(IdTokenError):
            claims_from_id_token(given["idToken"], given["claimTypeList"])
        return
    claims = claims_from_id_token(given.get("idToken"), given.get("claimTypeList"))
    token = mint_client_token(
        parse_connection_string(JWT_ENDPOINT),
        "Chat",
        now=1700000000.9,
        user_id=given["userId"],
        claims=claims,
        kid="1",
    )
    payload = token.split(".")[1]
    text = base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)).decode()

    assert text == json.dumps(vector["expect"]["payload"], separators=(",", ":"))
    assert token == vector["expect"]["token"]


@pytest.mark.parametrize("vector", vectors("signatures"))
def test_signature(vector: dict[str, Any]) -> None:
    given = vector["given"]
    found = verify_signature(given["keys"], given["connectionId"], given["header"])

    assert found is vector["expect"]


def test_the_service_signs_what_the_vectors_hold() -> None:
    for param in vectors("signatures"):
        given = param.values[0]["given"]
        if given["header"] and given["header"].startswith("sha256=") and param.values[0]["expect"]:
            assert sign_connection(given["keys"], given["connectionId"]) == given["header"]
