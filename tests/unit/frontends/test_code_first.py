"""code_first: what a worker found in code is held against the rules of the whole app, too."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from funcjson.frontends.code_first import load_indexed
from funcjson.model import FunctionSet, Language
from funcjson.registry import open_registry
from funcjson.settings import load_settings
from funcjson.validation import Rules
from funcjson.workers.base import IndexedFunction

HTTP = {"type": "httpTrigger", "direction": "in", "name": "req", "authLevel": "anonymous"}
SEND = {
    "type": "signalRTrigger",
    "direction": "in",
    "name": "call",
    "hubName": "chat",
    "category": "messages",
    "event": "send",
}


def _load(root: Path, *functions: tuple[str, dict[str, Any]]) -> FunctionSet:
    settings = load_settings(root, {})
    index = [
        IndexedFunction(name, {"bindings": [binding]}, "src/f.js", 7) for name, binding in functions
    ]
    return load_indexed(index, root, Language.NODE, Rules(open_registry(()), settings))


def test_sound_functions_load_with_their_place(tmp_path: Path) -> None:
    found = _load(tmp_path, ("a", HTTP), ("b", SEND))

    assert [function.name for function in found.functions] == ["a", "b"]
    assert found.functions[0].script_file == "src/f.js"
    assert found.problems == ()


def test_a_broken_one_stops_no_other(tmp_path: Path) -> None:
    found = _load(tmp_path, ("a", HTTP | {"name": "my_req"}), ("b", SEND))

    assert [function.name for function in found.functions] == ["b"]
    assert [(p.function, p.code) for p in found.problems] == [("a", "FJ0206")]


def test_two_functions_for_one_event_cannot_live_together(tmp_path: Path) -> None:
    found = _load(tmp_path, ("a", SEND), ("b", SEND | {"hubName": "CHAT"}))

    assert [function.name for function in found.functions] == ["a"]
    assert [(p.function, p.code) for p in found.problems] == [("b", "FJ0329")]


def test_host_json_may_name_the_functions_to_load(tmp_path: Path) -> None:
    (tmp_path / "host.json").write_text('{"version": "2.0", "functions": ["B"]}')

    found = _load(tmp_path, ("a", HTTP), ("b", SEND))

    assert [function.name for function in found.functions] == ["b"]
    assert [problem.code for problem in found.problems] == ["FJ0146"]
