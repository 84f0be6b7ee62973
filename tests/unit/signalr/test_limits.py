"""Limits: which names and sizes the real service takes, and when a tier is used up."""

from __future__ import annotations

import pytest

from funcjson.signalr.limits import (
    Quotas,
    group_name_fault,
    hub_name_fault,
    hub_name_fix,
    long_token_note,
    request_excess,
)
from funcjson.signalr.rest_message import RestRequest

DAY = 86_400.0


class Clock:
    def __init__(self) -> None:
        self.now = 10 * DAY

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize("name", ["c", "Chat", "a.b", "a_b", "a`1[x,y]", "a" * 128])
def test_hub_names_that_the_service_takes(name: str) -> None:
    assert hub_name_fault(name) is None


@pytest.mark.parametrize("name", ["", "my-hub", "1abc", "_a", "a b", "é", "a" * 129, "a\n"])
def test_hub_names_that_it_refuses(name: str) -> None:
    fault = hub_name_fault(name)

    assert fault is not None
    assert "between 1 and 128" in fault


def test_a_refused_hub_name_gets_a_near_one() -> None:
    assert "'my_hub'" in hub_name_fix("my-hub")
    assert hub_name_fix("12") == "give the hub a name"


@pytest.mark.parametrize(
    ("name", "is_good"),
    [
        ("g", True),
        ("a/b ü%", True),
        ("x" * 1024, True),
        ("", False),
        ("  ", False),
        ("x" * 1025, False),
    ],
)
def test_group_names(name: str, is_good: bool) -> None:
    assert (group_name_fault(name) is None) is is_good


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (RestRequest("POST", "/" + "x" * 12_287), 414),
        (RestRequest("POST", "/x", "y" * 12_287), 414),
        (RestRequest("POST", "/x", headers={"authorization": "x" * 16_384}), 431),
        (RestRequest("POST", "/x", body=b"x" * 1_048_577), 413),
        (RestRequest("POST", "/x", body=b"x" * 1_048_576), None),
    ],
)
def test_sizes(request_: RestRequest, status: int | None) -> None:
    excess = request_excess(request_)

    assert (excess.status if excess else None) == status


@pytest.mark.parametrize(
    ("headers", "says"),
    [({"content-length": "5000000"}, "has 5000000 bytes"), ({}, "has more than 1048576 bytes")],
)
def test_a_body_that_was_not_read_to_its_end(headers: dict[str, str], says: str) -> None:
    request = RestRequest("POST", "/", headers=headers, body=b"x" * ((1 << 20) + 7))
    excess = request_excess(request)

    assert excess is not None
    assert says in excess.what


def test_a_token_that_no_sdk_makes_is_noted() -> None:
    assert long_token_note("x" * 4096) == ""
    assert "4097 characters" in long_token_note("x" * 4097)


def test_the_free_tier_holds_twenty_connections() -> None:
    quotas = Quotas("free", Clock())

    assert quotas.connection_excess(19) is None
    excess = quotas.connection_excess(20)
    assert excess is not None
    assert excess.status == 429


def test_the_free_tier_sends_twenty_thousand_messages_a_day() -> None:
    clock = Clock()
    quotas = Quotas("free", clock)
    quotas.spend(19_998, 100)
    assert quotas.message_excess() is None
    quotas.spend(1, 2049)

    assert quotas.sent_today == 20_000
    assert quotas.message_excess() is not None
    clock.now += DAY
    assert quotas.message_excess() is None


def test_the_standard_tier_never_refuses_a_message() -> None:
    quotas = Quotas("standard", Clock())
    quotas.spend(10_000_000, 1)

    assert quotas.message_excess() is None
    assert quotas.connection_excess(1_000) is not None


def test_without_a_tier_nothing_is_counted() -> None:
    quotas = Quotas("off", Clock())
    quotas.spend(10_000_000, 1)

    assert quotas.sent_today == 0
    assert quotas.connection_excess(1_000_000) is None
