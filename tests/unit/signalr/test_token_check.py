"""Access tokens: which are taken, and the distinct reason for which each other one is refused."""

from __future__ import annotations

from typing import Any

import jwt
import pytest
from tests.conformance.rest_world import entra_token

from funcjson.signalr.credentials import (
    AudienceRule,
    ServiceEndpoint,
    TokenFault,
    TokenReader,
    TokenRefused,
    challenge,
    is_entra_token,
    mint_client_token,
    read_entra_token,
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


@pytest.mark.parametrize(
    ("audience", "hint"),
    [
        ("https://localhost/client/?hub=chat", "has another scheme than this service: use http://"),
        ("http://elsewhere/client/?hub=chat", "start the service with --client-endpoint"),
    ],
)
def test_the_part_of_an_audience_that_differs_is_named(audience: str, hint: str) -> None:
    with pytest.raises(TokenRefused) as caught:
        verify_client_token(token_for(audience), [KEY], "chat", now=NOW, rule=STRICT)

    assert hint in caught.value.hint


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


ENTRA = [
    ("https://signalr.azure.com", 60, None),
    ("https://signalr.azure.com/", 60, None),
    ("https://signalr.azure.com", -31, TokenFault.EXPIRED),
    ("https://management.azure.com", 60, TokenFault.AUDIENCE_HOST),
]


@pytest.mark.parametrize(("audience", "left_s", "fault"), ENTRA)
def test_expiry_and_audience_of_an_entra_token_are_checked(
    audience: str, left_s: int, fault: TokenFault | None
) -> None:
    token = entra_token(audience, NOW + left_s)
    found = None
    try:
        assert read_entra_token(token, now=NOW, rule=LOCAL)["aud"] == audience
    except TokenRefused as refused:
        found = refused.fault

    assert found is fault


def test_which_tokens_are_of_entra() -> None:
    assert is_entra_token(entra_token("https://signalr.azure.com", NOW))
    assert not is_entra_token(jwt.encode({}, "", algorithm="none"))
    assert not is_entra_token(signed({}))
    assert not is_entra_token("nonsense")


def test_hs512_is_taken() -> None:
    claims = {"aud": "http://localhost/client/?hub=chat", "exp": NOW + 60}
    token = jwt.encode(claims, KEY.encode().ljust(64, b"\0"), algorithm="HS512")

    assert client_fault(token) is None


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


def test_a_reader_remembers_the_signature_and_still_checks_the_rest() -> None:
    reader = TokenReader([KEY], limit=1)
    token = token_for("http://localhost/client/?hub=chat")
    first = verify_client_token(token, reader, "chat", now=NOW, rule=LOCAL)
    again = verify_client_token(token, reader, "chat", now=NOW, rule=LOCAL)

    assert first is again
    with pytest.raises(TokenRefused, match="expired"):
        verify_client_token(token, reader, "chat", now=NOW + 3600, rule=LOCAL)
    with pytest.raises(TokenRefused, match="audience hub"):
        verify_client_token(token, reader, "other", now=NOW, rule=LOCAL)


def test_a_reader_forgets_the_oldest_and_never_keeps_a_bad_one() -> None:
    reader = TokenReader([KEY], limit=1)
    with pytest.raises(TokenRefused, match="signature"):
        reader.read(signed({"exp": NOW}, OTHER))
    first, second = token_for("a"), token_for("b")
    kept = reader.read(first)
    reader.read(second)

    assert reader.read(first) is not kept
