"""Step 9 by name: each connection that got nothing is told why."""

from __future__ import annotations

import pytest

from funcjson.masking import Shown
from funcjson.signalr.recipients import Recipient, Recipients
from funcjson.trace_view.recipients import recipient_rows, why_missed


@pytest.mark.parametrize(
    ("to", "connection", "why"),
    [
        (("group", "blue"), ("chat", "c", "bob", None), "not in group 'blue'"),
        (("group", "blue"), ("chat", "c", "bob", []), "not in group 'blue'; it is in no group"),
        (("group", "blue"), ("chat", "c", "bob", ["red"]), "not in group 'blue'; it is in 'red'"),
        (
            ("user", "ann"),
            ("Chat", "c", "bob"),
            "other user: it is 'bob', the message is for 'ann'",
        ),
        (
            ("user", "ann"),
            ("chat", "c", None),
            "other user: it is without a user id, the message is for 'ann'",
        ),
        (("connection", "d"), ("chat", "c", None), "other connection: the message is for 'd'"),
        (
            ("all", ""),
            ("news", "c", "bob"),
            "other hub: it is in 'news', the message went to 'chat'",
        ),
        (("all", ""), ("chat", "c", "bob"), "it was left out of the send"),
    ],
)
def test_why(to: tuple[str, str], connection: tuple[str, str, str | None], why: str) -> None:
    assert why_missed("chat", *to, *connection) == why


def test_rows() -> None:
    who = Recipients((Recipient("c1", "ann", "chat"),), (Recipient("c2", None, "chat"),))

    assert recipient_rows(who, "chat", "user", "ann", Shown()) == {
        "got": [{"connection": "c1", "user": "ann", "hub": "chat", "why": ""}],
        "missed": [
            {
                "connection": "c2",
                "user": None,
                "hub": "chat",
                "why": "other user: it is without a user id, the message is for 'ann'",
            }
        ],
    }
    assert recipient_rows(None, "chat", "all", "", Shown()) == {"got": None, "missed": None}
