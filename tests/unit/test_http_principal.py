"""Which identity headers are believed."""

from __future__ import annotations

import logging
from dataclasses import dataclass

import pytest
from multidict import CIMultiDict

from funcjson.errors import AppLoadError
from funcjson.http_principal import PrincipalGuard
from funcjson.login import LoginTwin
from funcjson.model import HttpRequest

FORGED = {"Host": "h", "X-MS-Client-Principal-Id": "forged", "x-ms-client-principal-other": "y"}


@dataclass
class Peer:
    remote: str | None = "127.0.0.1"


def login(default: str | None = None) -> LoginTwin:
    return LoginTwin({}, b"k" * 32, lambda: 1000.0, default=default)


def names(
    guard: PrincipalGuard, headers: dict[str, str], twin: LoginTwin, peer: str | None = "127.0.0.1"
) -> dict[str, str]:
    pairs = guard.pairs(CIMultiDict(headers), twin, Peer(peer))
    return {name.lower(): text for name, text in pairs}


def test_a_request_without_identity_stays_as_it_is() -> None:
    pairs = PrincipalGuard("127.0.0.1").pairs(CIMultiDict({"Host": "h"}), login(), Peer())

    assert pairs == (("Host", "h"),)


def test_on_loopback_a_clients_own_headers_are_believed_with_one_note(
    caplog: pytest.LogCaptureFixture,
) -> None:
    guard = PrincipalGuard("127.0.0.1")
    with caplog.at_level(logging.INFO, "funcjson.host"):
        first = names(guard, FORGED, login())
        names(guard, FORGED, login())

    assert first["x-ms-client-principal-id"] == "forged"
    assert [r.getMessage() for r in caplog.records if "App Service would drop" in r.getMessage()]
    assert len(caplog.records) == 1


# Names that a framework takes for one with dashes: WSGI, CGI and PHP have neither dashes nor dots.
FOLDED = [
    "X_MS_CLIENT_PRINCIPAL",
    "X_MS_CLIENT_PRINCIPAL_ID",
    "x-ms_client-principal-name",
    "X-MS-CLIENT_PRINCIPAL-IDP",
    "X.MS.Client.Principal.Id",
]


@pytest.mark.parametrize("name", FOLDED)
def test_a_name_that_a_framework_takes_for_an_identity_header_is_one(name: str) -> None:
    sent = {"Host": "h", name: "forged"}

    beyond = PrincipalGuard("0.0.0.0").pairs(CIMultiDict(sent), login(), Peer())
    below_a_login = PrincipalGuard("127.0.0.1").pairs(CIMultiDict(sent), login("zoe"), Peer())

    assert beyond == (("Host", "h"),)
    assert "forged" not in [text for _, text in below_a_login]


@pytest.mark.parametrize("name", FOLDED)
@pytest.mark.parametrize("trusted", [(), ("127.0.0.1",)])
def test_who_is_believed_is_believed_by_the_names_with_dashes_only(
    name: str, trusted: tuple[str, ...], caplog: pytest.LogCaptureFixture
) -> None:
    # A proxy replaces the name that it knows and passes the others on.
    sent = {name: "forged", "X-MS-CLIENT-PRINCIPAL-ID": "real"}
    guard = PrincipalGuard("0.0.0.0" if trusted else "127.0.0.1", trusted)
    with caplog.at_level(logging.WARNING, "funcjson.host"):
        found = guard.pairs(CIMultiDict(sent), login(), Peer())

    assert found == (("X-MS-CLIENT-PRINCIPAL-ID", "real"),)
    assert f"'{name}' of a client was dropped" in caplog.text
    assert "X-MS-CLIENT-PRINCIPAL-ID" in caplog.text


def test_a_name_that_only_looks_alike_is_kept() -> None:
    sent = {"X-Principal": "p", "X-MS-Client-Ip": "10.0.0.1"}

    assert PrincipalGuard("0.0.0.0").pairs(CIMultiDict(sent), login(), Peer()) == tuple(
        sent.items()
    )


def test_a_login_beats_a_clients_own_headers() -> None:
    found = names(PrincipalGuard("127.0.0.1"), FORGED, login("zoe"))

    assert found["x-ms-client-principal-id"] == "zoe"
    assert "x-ms-client-principal-other" not in found
    assert found["host"] == "h"


def test_beyond_loopback_they_are_dropped_with_a_warning(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.INFO, "funcjson.host"):
        found = names(PrincipalGuard("0.0.0.0"), FORGED, login())

    assert found == {"host": "h"}
    assert [r.levelno for r in caplog.records] == [logging.WARNING]


@pytest.mark.parametrize("peer", ["10.0.0.5", "10.1.2.3", "::ffff:10.0.0.5"])
def test_a_trusted_proxy_is_believed(peer: str) -> None:
    guard = PrincipalGuard("0.0.0.0", ["10.0.0.0/8"])

    assert names(guard, FORGED, login(), peer)["x-ms-client-principal-id"] == "forged"


@pytest.mark.parametrize("peer", ["11.0.0.1", "nonsense", None])
def test_another_peer_is_not(peer: str | None) -> None:
    guard = PrincipalGuard("0.0.0.0", ["10.0.0.0/8"])

    assert names(guard, FORGED, login(), peer) == {"host": "h"}


def test_the_cookie_of_a_login_may_stand_in_a_second_header() -> None:
    twin = login()
    answer = twin.answer(HttpRequest("GET", "http://h/.auth/login/aad", (), "persona=zoe"))
    assert answer is not None
    sent = dict(answer.headers)["Set-Cookie"].partition(";")[0]
    headers = CIMultiDict([("Cookie", "a=b"), ("cookie", sent)])

    found = PrincipalGuard("127.0.0.1").pairs(headers, twin, Peer())

    assert ("X-MS-CLIENT-PRINCIPAL-NAME", "zoe") in found


def test_a_login_beats_a_trusted_proxy() -> None:
    guard = PrincipalGuard("0.0.0.0", ["10.0.0.5"])

    assert names(guard, FORGED, login("zoe"), "10.0.0.5")["x-ms-client-principal-id"] == "zoe"


def test_a_proxy_must_be_an_address() -> None:
    with pytest.raises(AppLoadError) as caught:
        PrincipalGuard("0.0.0.0", ["proxy.local"])

    assert caught.value.problems[0].code == "FJ0156"
