"""Connection strings, access tokens and upstream signatures, by their vectors."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import jwt
import pytest

from funcjson.signalr.credentials import (
    AudienceRule,
    ConnectionStringError,
    IdTokenError,
    TokenRefused,
    challenge,
    claims_from_id_token,
    client_audience,
    client_url,
    mint_client_token,
    parse_connection_string,
    sign_connection,
    user_id_of,
    verify_client_token,
    verify_signature,
)

VECTORS = Path(__file__).parent / "vectors"
NOW = 1_700_000_000
KEYS = {"primary": "p" * 44, "secondary": "s" * 44, "other": "o" * 44}
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


def signed(given: dict[str, Any]) -> str | None:
    """The token of a vector: `exp` and `iat` are seconds from now."""
    if given["claims"] is None:
        return None
    claims = dict(given["claims"])
    for name in ("exp", "iat"):
        if name in claims:
            claims[name] += NOW
    algorithm = given.get("algorithm", "HS256")
    # HMAC pads with zero bytes, so this is the same key.
    key = KEYS[given.get("key", "primary")].encode().ljust(64, b"\0")
    return jwt.encode(claims, "" if algorithm == "none" else key, algorithm=algorithm)


@pytest.mark.parametrize("vector", vectors("tokens"))
def test_client_token(vector: dict[str, Any]) -> None:
    token, expect = signed(vector["given"]), vector["expect"]
    keys = [KEYS["primary"], KEYS["secondary"]]
    if "fault" in expect:
        with pytest.raises(TokenRefused) as caught:
            verify_client_token(token, keys, "chat", now=NOW, rule=AudienceRule())
        assert caught.value.fault == expect["fault"]
        assert challenge(caught.value) == expect.get("challenge", challenge(caught.value))
        return
    claims = verify_client_token(token, keys, "chat", now=NOW, rule=AudienceRule())

    assert user_id_of(claims) == expect.get("user")
