"""Near misses of an upstream event: the nearest functions first, and not all of them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from funcjson.upstream_webhook import near_misses


def version(*events: str, disabled: tuple[str, ...] = ()) -> Any:
    def plan(event: str) -> Any:
        properties = {"hubName": "Chat", "category": "messages", "event": event}
        binding = SimpleNamespace(type="signalRTrigger", properties=properties)
        function = SimpleNamespace(name=event.lower(), trigger=binding, disabled=event in disabled)
        return SimpleNamespace(trigger=binding, function=function)

    return SimpleNamespace(
        plans={event: plan(event) for event in events}, left_out=(), index_problems=()
    )


def test_the_most_similar_comes_first_and_three_are_enough() -> None:
    found = near_misses(
        version("boom", "noresult", "pn", "hello", "zz"), ("chat", "messages", "helo")
    )

    assert found.startswith("nearest: hello: event 'helo' is not 'hello'; ")
    assert found.count(" is not ") == 3
    assert found.endswith("; and 2 more")


def test_names_are_shown_as_they_were_written() -> None:
    found = near_misses(version("Said"), ("Chat", "messages", "Zed"))

    assert found == "nearest: said: event 'Zed' is not 'Said'"


def test_the_letter_case_is_no_difference() -> None:
    found = near_misses(version("Said", disabled=("Said",)), ("CHAT", "Messages", "sAID"))

    assert found == "nearest: said: it is disabled"


def test_control_characters_cannot_forge_a_line() -> None:
    found = near_misses(version("said"), ("chat", "messages", "evil\x1b[31m\nWARNING: fake"))

    assert "evil\\x1b[31m\\nWARNING: fake" in found


def test_an_app_without_triggers_says_so() -> None:
    assert (
        near_misses(version(), ("h", "messages", "e")) == "the app has no signalRTrigger function"
    )


def test_a_function_that_is_left_out_says_why() -> None:
    found = version("said")
    (plan,) = found.plans.values()
    left_out = SimpleNamespace(function=plan.function, why="it is left out: it is node (FJ0144)")
    asked = SimpleNamespace(plans={}, left_out=(left_out,))

    assert near_misses(asked, ("chat", "messages", "said")) == (
        "nearest: said: it is left out: it is node (FJ0144)"
    )
