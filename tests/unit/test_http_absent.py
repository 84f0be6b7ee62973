"""Why no function answers at a path."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from funcjson.app_version import AppVersion, Loader
from funcjson.errors import Problem
from funcjson.http_absent import problem_of

TRIGGER = {"type": "httpTrigger", "direction": "in", "name": "req", "route": "say/{what}"}
EVENT = {
    "type": "signalRTrigger",
    "direction": "in",
    "name": "it",
    "hubName": "h",
    "category": "messages",
    "event": "shout",
}
FUNCTIONS = {"answer": {**TRIGGER, "route": "answer"}, "say": TRIGGER, "shout": EVENT}


async def load(root: Path, **host: object) -> AppVersion:
    (root / "host.json").write_text(json.dumps({"version": "2.0", **host}), "utf-8")
    for name, trigger in FUNCTIONS.items():
        (root / name).mkdir()
        (root / name / "function.json").write_text(json.dumps({"bindings": [trigger]}), "utf-8")
        (root / name / "index.js").write_text("module.exports = async () => {};\n", "utf-8")
    return await Loader(root, {}).load()


def what(problem: Problem | None) -> str:
    return problem.what if problem else ""


@pytest.mark.parametrize(
    ("path", "function"),
    [
        ("/api/say/hello", "say"),
        ("/api/say/answer", "say"),
        ("/admin/functions/shout", "shout"),
        ("/api/SAY", "say"),
        ("/api/answer", ""),
        ("/", ""),
    ],
)
async def test_what_is_left_out_is_found_by_route_and_by_name(
    path: str, function: str, tmp_path: Path
) -> None:
    app = await load(tmp_path, functions=["answer"])

    assert what(problem_of(app, path)).partition(" is left out: ")[0] == function


async def test_what_did_not_load_is_found_by_name(tmp_path: Path) -> None:
    app = await load(tmp_path)
    app.plans.pop("say")
    app.problems = (Problem("FJ0101", "it is no JSON", function="say"),)

    assert what(problem_of(app, "/api/say")) == "it is no JSON"
    assert problem_of(app, "/api/other") is None


async def test_an_app_without_functions_says_why_it_has_none(tmp_path: Path) -> None:
    app = await load(tmp_path)
    app.plans.clear()
    app.problems = (Problem("FJ0148", "the code could not be read"),)

    assert what(problem_of(app, "/api/any")) == "the code could not be read"
