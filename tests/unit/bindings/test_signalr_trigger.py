"""signalRTrigger: what handlers and expressions see, and what is wrong at load."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.unit.bindings.signalr_fakes import function_with, settings_with

from funcjson.bindings.signalr_trigger import (
    BINDING,
    SignalREvent,
    claims_of,
    duplicate_keys,
    key_of,
    query_of,
)
from funcjson.errors import BindingError, Problem, Severity
from funcjson.expressions import parse_template
from funcjson.model import Binding, Direction, Language, TriggerEvent


def trigger(**properties: Any) -> Binding:
    defaults = {"hubName": "chat", "category": "messages", "event": "send"}
    return Binding(
        "invocation", "signalRTrigger", Direction.IN, {**defaults, **properties}, "/bindings/0"
    )


def event(**parts: Any) -> TriggerEvent:
    defaults = {"hub": "Chat", "category": "messages", "event": "Send", "connection_id": "c1"}
    return TriggerEvent("signalRTrigger", payload=SignalREvent(**{**defaults, **parts}))


def resolve(text: str, told: TriggerEvent, *, azure: bool = False, **properties: Any) -> str:
    data = BINDING.binding_data(told, function_with(trigger(**properties)), azure)
    return parse_template(text).evaluate(data)


def checked(**properties: Any) -> list[Problem]:
    binding = trigger(**properties)
    return list(BINDING.check(binding, function_with(binding), settings_with()))


def test_the_handler_gets_every_member_in_the_real_order() -> None:
    value = BINDING.value(event(arguments=["x", b"b"], claims={"r": "a"}), Language.PYTHON)

    assert value["string"] == (
        '{"Arguments":["x","Yg=="],"Error":null,"Category":"messages","Event":"Send",'
        '"Hub":"Chat","ConnectionId":"c1","UserId":null,"Headers":{},"Query":null,'
        '"Claims":{"r":"a"}}'
    )


def test_named_arguments_keep_their_kind() -> None:
    told = event(arguments=["hi", 5, True, {"k": "v"}])
    names = ["text", "num", "flag", "obj"]

    assert resolve("{text}-{num}-{flag}-{obj.k}", told, parameterNames=names) == "hi-5--v"


def test_the_context_beats_an_argument_of_the_same_name() -> None:
    told = event(arguments=["x"], user_id="ann")

    assert resolve("{userId}", told, parameterNames=["userId"]) == "ann"


def test_dates_are_rewritten_only_on_azure() -> None:
    told = event(arguments=["2024-01-02T03:04:05Z"])

    assert resolve("{d}", told, parameterNames=["d"]) == "2024-01-02T03:04:05Z"
    assert resolve("{d}", told, parameterNames=["d"], azure=True) == "2024-01-02T03-04-05Z"


def test_sys_knows_the_function() -> None:
    assert resolve("{sys.methodname}", event(arguments=[])) == "f"


def test_an_argument_may_be_called_sys() -> None:
    assert resolve("{sys}", event(arguments=["x"]), parameterNames=["sys"]) == "x"


@pytest.mark.parametrize("arguments", [None, [], ["x", "y"]])
def test_the_number_of_arguments_must_be_that_of_the_names(arguments: Any) -> None:
    with pytest.raises(BindingError) as caught:
        resolve("", event(arguments=arguments), parameterNames=["a"])

    assert caught.value.problems[0].code == "FJ0325"
    assert caught.value.problems[0].azure == (
        f"The function accept 1 arguments but message provided {len(arguments or [])}."
    )


def test_metadata_has_arguments_and_context() -> None:
    told = event(arguments=[5])
    function = function_with(trigger(parameterNames=["n"]))
    data = BINDING.binding_data(told, function, False)
    metadata = BINDING.metadata(told, function, data)

    assert metadata["n"] == {"json": "5"}
    assert metadata["ConnectionId"] == {"string": "c1"}
    assert "sys" not in metadata


def test_offers_are_names_of_arguments_and_context() -> None:
    offers = BINDING.offers(trigger(parameterNames=["text"]))

    assert offers is not None
    assert {"text", "ConnectionId", "sys"} <= offers
    assert "Error" not in offers
    assert "Error" in (BINDING.offers(trigger(category="connections")) or ())
    assert "x" not in (BINDING.offers(trigger(parameterNames=None)) or ())


def test_keys_ignore_letter_case() -> None:
    assert key_of(trigger(hubName="CHAT")) == event().payload.key


@pytest.mark.parametrize(
    ("properties", "code", "azure"),
    [
        (
            {"category": "Connections", "event": "joined"},
            "FJ0326",
            "Event joined is not supported in connections",
        ),
        (
            {"parameterNames": ["a", "b", "A"]},
            "FJ0327",
            "Elements in ParameterNames should be ignore case unique.",
        ),
        (
            {"category": "connections", "event": "Connected", "parameterNames": ["a"]},
            "FJ0325",
            "The function accept 1 arguments but message provided 0.",
        ),
    ],
)
def test_what_the_schema_cannot_say(properties: dict[str, Any], code: str, azure: str) -> None:
    (problem,) = checked(**properties)

    assert (problem.code, problem.azure) == (code, azure)


def test_braces_are_a_warning() -> None:
    (problem,) = checked(event="{name}")

    assert (problem.code, problem.severity) == ("FJ0328", Severity.WARNING)


def test_a_sound_trigger_has_no_problem() -> None:
    assert checked(parameterNames=["a", "b"]) == []
    assert checked(category="CONNECTIONS", event="Disconnected") == []


def test_an_event_belongs_to_one_function() -> None:
    other = Binding("req", "httpTrigger", Direction.IN, {}, "/bindings/0")
    functions = [
        function_with(trigger(), "a"),
        function_with(other, "web"),
        function_with(trigger(hubName="CHAT"), "b"),
        function_with(trigger(event="x"), "c"),
    ]
    (problem,) = duplicate_keys(functions)

    assert (problem.code, problem.function) == ("FJ0329", "b")
    assert problem.azure == ("Duplicated key parameter hub: CHAT, category: messages, event: send")


def test_claims_lose_what_the_real_platform_loses() -> None:
    assert claims_of("k: v, k: w, bad, u: a: b, n: 1") == {"k": "v", "n": "1"}
    assert claims_of("") is None


def test_the_query_joins_repeated_names() -> None:
    assert query_of("?a=1&a=2&b=%20x") == {"a": "1,2", "b": " x"}
    assert query_of("?") is None


def test_a_context_is_plain_json() -> None:
    context = event(headers={"H": "1"}, query={}, error="gone").payload.context()

    assert json.loads(json.dumps(context)) == context
    assert (context["Query"], context["Error"]) == ({}, "gone")
