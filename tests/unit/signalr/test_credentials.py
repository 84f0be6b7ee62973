"""Access tokens: which are taken, and the distinct reason for which each other one is refused."""

from __future__ import annotations

from typing import Any

import jwt
import pytest

from funcjson.signalr.credentials import (
    AudienceRule,
    IdTokenError,
    KeyMissingError,
    ServiceEndpoint,
    TokenFault,
    TokenRefused,
    TokenTooLongError,
    challenge,
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


def client_fault(
    token: str | None, rule: AudienceRule = LOCAL, host: str = ""
) -> TokenFault | None:
    try:
        verify_client_token(token, [OTHER, KEY], "chat", now=NOW, rule=rule, request_host=host)
    except TokenRefused as refused:
        assert refused.hint
        assert challenge(refused).startswith("Bearer")
        return refused.fault
    return None


def server_fault(token: str, path: str) -> TokenFault | None:
    try:
        verify_server_token(token, [KEY], path, now=NOW, rule=LOCAL)
    except TokenRefused as refused:
        return refused.fault
    return None


@pytest.mark.parametrize(
    "audience",
    [
        "http://localhost/client/?hub=chat",
        "http://localhost:8888/client/?hub=chat",
        "http://127.0.0.1:8888/client?hub=chat",
        "https://[::1]/client/?hub=CHAT",
        ["x", "http://localhost/client/?hub=chat"],
    ],
)
def test_audiences_of_all_sdks_are_taken(audience: Any) -> None:
    assert client_fault(token_for(audience)) is None


@pytest.mark.parametrize(
    ("audience", "fault"),
    [
        ("http://localhost/client/?hub=other", TokenFault.AUDIENCE_HUB),
        ("http://localhost/client/", TokenFault.AUDIENCE_HUB),
        ("http://localhost/api/hubs/chat/:send", TokenFault.AUDIENCE_PATH),
        ("http://example.test/client/?hub=chat", TokenFault.AUDIENCE_HOST),
        ("http://[bad/client/?hub=chat", TokenFault.AUDIENCE_PATH),
        (5, TokenFault.NO_AUDIENCE),
        (None, TokenFault.NO_AUDIENCE),
    ],
)
def test_another_audience_is_refused_by_its_part(audience: Any, fault: TokenFault) -> None:
    assert client_fault(token_for(audience)) is fault


def test_the_name_the_request_used_is_a_name_of_this_service() -> None:
    token = token_for("http://signalr.test/client/?hub=chat")

    assert client_fault(token, host="signalr.test:9999") is None


def test_strict_mode_wants_scheme_and_host() -> None:
    assert client_fault(token_for("http://localhost:1/client/?hub=chat"), STRICT) is None
    assert (
        client_fault(token_for("https://localhost/client/?hub=chat"), STRICT)
        is TokenFault.AUDIENCE_HOST
    )


def test_the_audience_check_can_be_off_but_not_the_expiry() -> None:
    off = AudienceRule(mode="off")

    assert client_fault(signed({"exp": NOW + 1}), off) is None
    assert client_fault(signed({"exp": NOW - 60}), off) is TokenFault.EXPIRED


@pytest.mark.parametrize(
    ("token", "fault"),
    [
        (None, TokenFault.MISSING),
        ("", TokenFault.MISSING),
        ("nonsense", TokenFault.MALFORMED),
        ("a.b.c", TokenFault.MALFORMED),
        (signed({"exp": NOW + 60}, "x" * 44), TokenFault.SIGNATURE),
        (signed({"aud": "http://localhost/client/?hub=chat"}), TokenFault.NO_EXPIRY),
        (signed({"exp": "soon"}), TokenFault.NO_EXPIRY),
        (signed({"exp": NOW - 31}), TokenFault.EXPIRED),
        (jwt.encode({"exp": NOW + 60}, "", algorithm="none"), TokenFault.ALGORITHM),
        (signed({"exp": NOW + 60}, "x" * 64, "HS384"), TokenFault.ALGORITHM),
    ],
)
def test_each_check_has_its_own_word(token: str | None, fault: TokenFault) -> None:
    assert client_fault(token) is fault


def test_a_token_is_good_a_little_past_its_expiry() -> None:
    token = signed({"aud": "http://localhost/client/?hub=chat", "exp": NOW - 30})
    older = signed({"aud": "http://localhost/client/?hub=chat", "exp": NOW - 300})

    assert client_fault(token) is None
    assert client_fault(older, STRICT) is None


def test_what_the_service_does_not_check_does_not_matter() -> None:
    token = token_for(
        "http://localhost/client/?hub=chat",
        sub=5,
        iat=NOW + 86_400,
        nbf=NOW + 86_400,
        jti=1,
    )

    assert client_fault(token) is None


def test_hs512_is_taken() -> None:
    claims = {"aud": "http://localhost/client/?hub=chat", "exp": NOW + 60}
    token = jwt.encode(claims, KEY.encode().ljust(64, b"\0"), algorithm="HS512")

    assert client_fault(token) is None


def test_a_short_key_signs_without_a_warning() -> None:
    endpoint = ServiceEndpoint("http://localhost", access_key="K")
    token = mint_client_token(endpoint, "chat", now=NOW)

    assert verify_client_token(token, ["K"], "chat", now=NOW, rule=LOCAL)["exp"] == NOW + 3600


SERVER = [
    ("/api/hubs/chat/:send", "http://localhost/api/hubs/chat/:send?api-version=2022-06-01", None),
    ("/api/hubs/chat/:send", "http://localhost:8888/api/hubs/chat/:send", None),
    ("/api/v1/hubs/chat/", "http://localhost/api/v1/hubs/chat", None),
    ("/api/v1/hubs/chat", "http://localhost/api/v1/hubs/chat/", None),
    ("/api/hubs/Chat/:send", "http://localhost/api/hubs/chat/:send", None),
    (
        "/api/v1/hubs/chat/users/a%20b%2F%C3%BC",
        "http://localhost/api/v1/hubs/chat/users/a b/ü",
        None,
    ),
    (
        "/api/v1/hubs/chat/users/a%20b%2F%C3%BC",
        "http://localhost/api/v1/hubs/chat/users/a%20b%2F%C3%BC",
        None,
    ),
    (
        "/api/hubs/chat/groups/G/:send",
        "http://h.test/api/hubs/chat/groups/G/:send",
        "audience host",
    ),
    (
        "/api/hubs/chat/groups/G/:send",
        "http://localhost/api/hubs/chat/groups/g/:send",
        "audience path",
    ),
    ("/api/hubs/chat/:send", "http://localhost/api/hubs/other/:send", "audience path"),
    ("/api/hubs/chat/:send", "http://localhost/client/?hub=chat", "audience path"),
]


@pytest.mark.parametrize(("path", "audience", "fault"), SERVER)
def test_server_tokens_are_for_one_path(path: str, audience: str, fault: str | None) -> None:
    assert server_fault(token_for(audience), path) == fault


def test_a_client_token_on_rest_is_named_as_such() -> None:
    with pytest.raises(TokenRefused, match="client's access token does not work for REST"):
        verify_server_token(
            mint_client_token(ENDPOINT, "chat", now=NOW),
            [KEY],
            "/api/hubs/chat/:send",
            now=NOW,
            rule=LOCAL,
        )


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
