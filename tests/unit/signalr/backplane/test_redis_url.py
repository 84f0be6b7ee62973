from __future__ import annotations

import pytest

from funcjson.signalr.backplane.redis_url import place_of, url_fault


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("redis://localhost", "Redis at localhost:6379"),
        ("redis://user:secret@h:1/2?x=y", "Redis at h:1"),
        ("rediss://:secret@[::1]:7", "Redis at ::1:7"),
        ("unix:///run/redis.sock?db=1", "Redis at /run/redis.sock"),
    ],
)
def test_a_place_is_told_without_secrets(url: str, place: str) -> None:
    assert place_of(url) == place


@pytest.mark.parametrize(
    "url",
    [
        "redis://",
        "redis://user:p%2Fw@localhost:6379/3?client_name=a&socket_keepalive=true",
        "rediss://h?ssl_ca_certs=/ca.pem&ssl_cert_reqs=none",
        "unix:///run/redis.sock?db=1&username=u&password=p",
    ],
)
def test_an_url_that_can_be_used(url: str) -> None:
    assert url_fault(url) == ""


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("localhost:6379", "begins with redis://, rediss:// or unix://, not with 'localhost'"),
        ("", "begins with redis://"),
        ("redis://[::1", "the brackets of an IPv6 address are not in pairs"),
        ("redis://:top/secret@h", "write the password's '/', '?', '#' and '@' as %2F"),
        ("redis://h:99999", "no number from 0 to 65535"),
        ("redis://h/chat", "the database 'chat', which must be a number"),
        ("redis://h/0?retries=3", "the option 'retries'; leave it out (there are client_name, db"),
        ("redis://h?protocol=", "the option 'protocol'; leave it out"),
        ("redis://h?ssl_cert_reqs=none", "the option ssl_cert_reqs, which needs rediss://"),
    ],
)
def test_an_url_that_cannot_is_told_with_the_fix(url: str, says: str) -> None:
    fault = url_fault(url)

    assert says in fault
    assert "top" not in fault
