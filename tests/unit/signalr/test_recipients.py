"""Who got a message and who did not: bounded, and of the message's own hub first."""

from __future__ import annotations

from dataclasses import dataclass

from funcjson.signalr.hub import Hub
from funcjson.signalr.recipients import MOST, recipients


@dataclass(frozen=True)
class One:
    id: str
    user_id: str | None = None


def hub(name: str, *ids: str) -> Hub[One]:
    made: Hub[One] = Hub(name)
    for each in ids:
        made.add(One(each, each.upper()), 0.0)
    return made


def test_those_of_the_own_hub_stand_first() -> None:
    hubs = {"alpha": hub("alpha", "x"), "chat": hub("chat", "a", "b")}

    who = recipients(hubs, "chat", [hubs["chat"].connections["a"]])

    assert [(one.connection_id, one.user_id, one.hub) for one in who.got] == [("a", "A", "chat")]
    assert [(one.connection_id, one.hub) for one in who.missed] == [("b", "chat"), ("x", "alpha")]


def test_a_long_audience_is_cut_and_nobody_is_wrongly_said_to_have_missed_it() -> None:
    chat = hub("chat", *(f"c{number}" for number in range(20 * MOST)))

    who = recipients({"chat": chat}, "chat", chat.all())

    assert len(who.got) == MOST
    assert who.missed == ()


def test_of_many_others_the_first_are_named() -> None:
    chat = hub("chat", *(f"c{number}" for number in range(3 * MOST)))

    who = recipients({"chat": chat}, "chat", [chat.connections["c0"]])

    assert [one.connection_id for one in who.missed] == [f"c{n}" for n in range(1, MOST + 1)]
