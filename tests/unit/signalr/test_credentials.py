"""Access tokens as the SDK makes them: claims, key id, limits; and how claims are read."""

from __future__ import annotations

from typing import Any

import jwt
import pytest

from funcjson.signalr.credentials import (
    AudienceRule,
    IdTokenError,
    KeyMissingError,
    ServiceEndpoint,
    TokenTooLongError,
    claims_from_id_token,
    mint_client_token,
    mint_server_token,
    parse_connection_string,
    user_claims,
    user_id_of,
    verify_client_token,
    verify_server_token,
)

NOW = 1_700_000_000
KEY = "k" * 44
OTHER = "o" * 44
ENDPOINT = ServiceEndpoint("http://localhost:8888", access_key=KEY)
LOCAL = AudienceRule()
STRICT = AudienceRule(mode="strict", origins=frozenset({"http://localhost"}))


def signed(claims: dict[str, Any], key: str = KEY, algorithm: str = "HS256") -> str:
    return jwt.encode(claims, key, algorithm=algorithm)


def token_for(audience: Any, **claims: Any) -> str:
    return signed({"aud": audience, "exp": NOW + 60, **claims})


def test_a_short_key_signs_without_a_warning() -> None:
    endpoint = ServiceEndpoint("http://localhost", access_key="K")
    token = mint_client_token(endpoint, "chat", now=NOW)

    assert verify_client_token(token, ["K"], "chat", now=NOW, rule=LOCAL)["exp"] == NOW + 3600


def test_what_we_mint_we_take() -> None:
    client = mint_client_token(ENDPOINT, "Chat", now=NOW, user_id="ann", lifetime_s=60)
    server = mint_server_token(
        ENDPOINT, "api/hubs/chat/:send?api-version=2022-06-01", now=NOW, name="me_1"
    )

    assert verify_client_token(client, [KEY], "chat", now=NOW, rule=LOCAL)["exp"] == NOW + 60
    claims = verify_server_token(server, [KEY], "/api/hubs/chat/:send", now=NOW, rule=LOCAL)
    assert list(claims) == ["nameid", "nbf", "exp", "iat", "aud"]


def test_the_key_id_is_stable_and_is_not_the_key() -> None:
    one = jwt.get_unverified_header(mint_client_token(ENDPOINT, "chat", now=NOW))

    assert one == jwt.get_unverified_header(mint_client_token(ENDPOINT, "chat", now=NOW + 1))
    assert list(one) == ["alg", "typ", "kid"]
    assert KEY not in one["kid"]


def test_a_token_longer_than_4096_is_refused_as_the_sdk_does() -> None:
    with pytest.raises(TokenTooLongError, match="AccessToken must not be longer than 4K"):
        mint_client_token(ENDPOINT, "chat", now=NOW, user_id="u" * 3000)


def test_an_identity_endpoint_says_that_it_needs_azure() -> None:
    endpoint = parse_connection_string("Endpoint=https://x;AuthType=azure")

    with pytest.raises(KeyMissingError, match="need Azure"):
        mint_client_token(endpoint, "chat", now=NOW)


def test_a_user_id_with_half_a_character_does_not_break_the_token() -> None:
    token = mint_client_token(ENDPOINT, "chat", now=NOW, user_id="a\ud800")

    claims = verify_client_token(token, [KEY], "chat", now=NOW, rule=LOCAL)
    assert user_id_of(claims) == "a\ufffd"


def test_claims_of_an_id_token_are_renamed_as_the_sdk_renames_them() -> None:
    role = "http://schemas.microsoft.com/ws/2008/06/identity/claims/role"
    token = signed(
        {"iss": "i", "sub": ["a", "b"], "exp": 5, role: ["r1", "r2"], "n": None, "o": {"k": 1.5}}
    )

    assert claims_from_id_token(token, ["iss", "sub", "exp", role, "n", "o"]) == [
        ("asrs.u.iss", "i"),
        ("sub", "a"),
        ("asrs.u.sub", "b"),
        ("asrs.u.exp", "5"),
        ("role", "r1"),
        ("role", "r2"),
        ("n", ""),
        ("o", {"k": 1.5}),
    ]


@pytest.mark.parametrize(
    ("text", "hint"),
    [("Bearer a.b.c", "bare token"), ("", "empty"), ("x", "three base64url parts")],
)
def test_an_unreadable_id_token_says_what_it_must_be(text: str, hint: str) -> None:
    with pytest.raises(IdTokenError, match=hint):
        claims_from_id_token(text, ["name"])


def test_repeated_claims_become_an_array() -> None:
    token = mint_client_token(ENDPOINT, "chat", now=NOW, claims=[("role", "a"), ("role", "b")])

    assert verify_client_token(token, [KEY], "chat", now=NOW, rule=LOCAL)["role"] == ["a", "b"]


USERS = [
    ({"nameid": "u1"}, "u1"),
    ({"asrs.s.uid": "a", "nameid": "b"}, "a"),
    ({"sub": "s", "nameid": "n"}, "s"),
    ({"http://schemas.xmlsoap.org/ws/2005/05/identity/claims/nameidentifier": "x"}, "x"),
    ({"nameid": ["a", "b"]}, "a"),
    ({"sub": 5}, "5"),
    ({"asrs.s.uid": ""}, None),
    ({"nameid": []}, None),
    ({}, None),
]


@pytest.mark.parametrize(("claims", "user"), USERS)
def test_the_user_of_a_token(claims: dict[str, Any], user: str | None) -> None:
    assert user_id_of(claims) == user


def test_an_app_sees_its_own_claims_under_their_own_names() -> None:
    claims = {"asrs.s.uid": "u", "name": "Doe, J", "role": ["a", "b"], "asrs.u.aud": "x", "n": 1}

    assert list(user_claims(claims)) == [
        ("name", "Doe, J"),
        ("role", "a"),
        ("role", "b"),
        ("aud", "x"),
        ("n", "1"),
    ]
