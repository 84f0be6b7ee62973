"""Personas as headers, cookies and answers."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from funcjson.identity import (
    NAME_ID,
    ROLE,
    SESSION_S,
    Named,
    NotAPersona,
    Persona,
    cookie_value,
    me,
    persona_from,
    principal_headers,
    seal,
    unseal,
)

KEY = b"k" * 32
ALICE = Persona("a-1", "alice", "aad", ("admin",), (("tid", "t"),))


def principal(persona: Persona, shape: Any) -> dict[str, Any]:
    headers = dict(principal_headers(persona, shape))
    decoded: dict[str, Any] = json.loads(base64.b64decode(headers["X-MS-CLIENT-PRINCIPAL"]))
    return decoded


def test_all_four_headers_are_set() -> None:
    headers = dict(principal_headers(ALICE))

    assert set(headers) == {f"X-MS-CLIENT-PRINCIPAL{end}" for end in ("", "-ID", "-NAME", "-IDP")}
    assert headers["X-MS-CLIENT-PRINCIPAL-ID"] == "a-1"
    assert headers["X-MS-CLIENT-PRINCIPAL-NAME"] == "alice"
    assert headers["X-MS-CLIENT-PRINCIPAL-IDP"] == "aad"


def test_app_services_principal_has_claims() -> None:
    found = principal(ALICE, "app-service")

    assert set(found) == {"auth_typ", "claims", "name_typ", "role_typ"}
    assert {"typ": NAME_ID, "val": "a-1"} in found["claims"]
    assert {"typ": ROLE, "val": "admin"} in found["claims"]
    assert {"typ": "tid", "val": "t"} in found["claims"]
    # The claim that `name_typ` points at is there.
    assert any(claim == {"typ": found["name_typ"], "val": "alice"} for claim in found["claims"])


def test_static_web_apps_principal_has_roles() -> None:
    assert principal(ALICE, "static-web-apps") == {
        "identityProvider": "aad",
        "userId": "a-1",
        "userDetails": "alice",
        "userRoles": ["anonymous", "authenticated", "admin"],
    }


def test_names_beyond_ascii_survive() -> None:
    assert principal(Persona("1", "Ünal"), "static-web-apps")["userDetails"] == "Ünal"


def test_a_claim_of_the_persona_replaces_a_derived_one() -> None:
    persona = Persona("1", "x", claims=((NAME_ID, "other"),))

    claims = principal(persona, "app-service")["claims"]

    assert [claim["val"] for claim in claims if claim["typ"] == NAME_ID] == ["other"]


def test_what_me_answers() -> None:
    (entry,) = me(ALICE, "app-service")

    assert (entry["provider_name"], entry["user_id"]) == ("aad", "alice")
    assert me(ALICE, "static-web-apps")["clientPrincipal"]["userId"] == "a-1"
    assert me(None, "app-service") == []
    assert me(None, "static-web-apps") == {"clientPrincipal": None}


def test_a_cookie_gives_the_persona_back() -> None:
    assert unseal(seal(ALICE, KEY, 1000.0), KEY, 1001.0) == ALICE


def test_a_cookie_ends() -> None:
    cookie = seal(ALICE, KEY, 1000.0)

    assert unseal(cookie, KEY, 1000.0 + SESSION_S) is None


def test_a_cookie_of_another_key_is_nothing() -> None:
    cookie = seal(ALICE, KEY, 1000.0)

    assert unseal(cookie, b"x" * 32, 1001.0) is None
    assert unseal(cookie[:-2], KEY, 1001.0) is None
    assert unseal("x", KEY, 1001.0) is None


def test_a_cookie_may_just_name_a_persona() -> None:
    cookie = seal(Named("alice", "github"), KEY, 1000.0)

    assert unseal(cookie, KEY, 1001.0) == Named("alice", "github")
    assert unseal(cookie, b"x" * 32, 1001.0) is None


@pytest.mark.parametrize("member", ["id", "name", "provider"])
@pytest.mark.parametrize("text", ["a\r\nX-Evil: 1", "a\nb", "a\x00", "a\x7f"])
def test_what_would_be_more_than_one_header_is_no_persona(member: str, text: str) -> None:
    with pytest.raises(NotAPersona, match="line ends"):
        persona_from({"name": "b", member: text})


@pytest.mark.parametrize(
    ("header", "value"),
    [("a=1; AppServiceAuthSession=x; b=2", "x"), ("AppServiceAuthSession=", ""), ("a=1", None)],
)
def test_one_cookie_among_others(header: str, value: str | None) -> None:
    assert cookie_value(header) == value


@pytest.mark.parametrize(
    ("value", "persona"),
    [
        ("bob", Persona("bob", "bob")),
        ({"name": "bob"}, Persona("bob", "bob")),
        ({"id": "1"}, Persona("1", "1")),
        (
            {"ID": "1", "Name": "bob", "provider": "github", "roles": ["a", "authenticated"]},
            Persona("1", "bob", "github", ("a",)),
        ),
        (
            {"userId": "1", "userDetails": "b", "identityProvider": "x", "userRoles": "a, b"},
            Persona("1", "b", "x", ("a", "b")),
        ),
        (
            {"name": "b", "claims": {"x": ["1", "2"], "y": 3}},
            Persona("b", "b", claims=(("x", "1"), ("x", "2"), ("y", "3"))),
        ),
        (
            {"name": "b", "claims": '[{"typ": "x", "val": "1"}]'},
            Persona("b", "b", claims=(("x", "1"),)),
        ),
        ({"name": "b", "claims": "", "userRoles": "", "userId": ""}, Persona("b", "b")),
        ({"name": "b", "claims": None, "roles": None, "id": None}, Persona("b", "b")),
        ({"id": 0}, Persona("0", "0")),
        ({"id": 7, "name": "b", "roles": [1, "a"]}, Persona("7", "b", roles=("1", "a"))),
        # The values of claims as a JSON Web Token's reader in .NET writes them.
        (
            {"name": "b", "claims": {"v": True, "n": 1.5, "o": {"a": None}, "e": None}},
            Persona("b", "b", claims=(("v", "true"), ("n", "1.5"), ("o", '{"a":null}'), ("e", ""))),
        ),
        (
            {"name": "b", "claims": [{"typ": "v", "val": False}, {"typ": "l", "val": ["x", 2]}]},
            Persona("b", "b", claims=(("v", "false"), ("l", "x"), ("l", "2"))),
        ),
    ],
)
def test_a_persona_from_json(value: Any, persona: Persona) -> None:
    assert persona_from(value) == persona


@pytest.mark.parametrize("value", [1, [], {}, {"roles": ["x"]}, {"name": "b", "claims": ["x"]}])
def test_what_is_no_persona(value: Any) -> None:
    with pytest.raises(NotAPersona):
        persona_from(value)


@pytest.mark.parametrize(
    ("members", "why"),
    [
        ({"roles": True}, "roles are a list"),
        ({"roles": {"a": 1}}, "roles are a list"),
        ({"userRoles": 5}, "roles are a list"),
        ({"roles": [["a"]]}, "roles are a list"),
        ({"claims": 42}, "claims are an object"),
        ({"claims": True}, "claims are an object"),
        ({"claims": "5"}, "claims are an object"),
        ({"claims": "true"}, "claims are an object"),
        ({"claims": [{"typ": 5, "val": "x"}]}, "a claim is"),
        ({"claims": "[" * 100_000}, "claims must be JSON"),
        ({"name": ["b"]}, "'name' is a text"),
        ({"id": {"a": 1}}, "'id' is a text"),
        ({"id": True}, "'id' is a text"),
        ({"provider": ["aad"]}, "'provider' is a text"),
        ({"name": "\ud800"}, "half a character"),
        ({"roles": ["\udfff"]}, "half a character"),
        ({"claims": {"x": "\ud800"}}, "half a character"),
    ],
)
def test_a_member_of_a_wrong_type_is_told(members: dict[str, Any], why: str) -> None:
    with pytest.raises(NotAPersona, match=why):
        persona_from({"name": "b", **members})


def test_claims_that_are_no_json() -> None:
    with pytest.raises(NotAPersona, match="claims must be JSON"):
        persona_from({"name": "b", "claims": "{"})
