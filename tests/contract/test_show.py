"""What `funcjson show` prints of functions in code: their function.json, whole."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.contract.test_apps import app, python
from tests.unit.workers.node_driver import with_packages

from funcjson.cli import main
from funcjson.show import show_app

V1 = {"strategy": "fixedDelay", "maxRetryCount": 1, "delayInterval": "00:00:01"}
V2 = """import azure.functions as func
app = func.FunctionApp()
@app.timer_trigger("t", "0 0 0 1 1 *")
@app.retry(strategy="exponential_backoff", max_retry_count="2", minimum_interval="00:00:01", maximum_interval="00:00:03")
def f(t): pass
"""
V4 = """const { app } = require('@azure/functions');
app.timer('f', { schedule: '0 0 0 1 1 *', handler: () => {}, retry: { strategy: 'fixedDelay', maxRetryCount: 1, delayInterval: 500 } });
"""
TIMER = {"type": "timerTrigger", "direction": "in", "name": "t", "schedule": "0 0 0 1 1 *"}
APPS: dict[str, tuple[dict[str, str], dict[str, Any]]] = {
    "function.json": (python("f", "def main(t): pass", TIMER, retry=V1), V1),
    "python v2": (
        {"function_app.py": V2},
        {
            "strategy": "exponentialBackoff",
            "maxRetryCount": 2,
            "minimumInterval": "00:00:01",
            "maximumInterval": "00:00:03",
        },
    ),
    "javascript v4": (
        {"package.json": '{"main": "a.js"}', "a.js": V4},
        {"strategy": "fixedDelay", "maxRetryCount": 1},
    ),
}


@pytest.mark.parametrize("model", APPS)
def test_the_retry_policy_is_shown(tmp_path: Path, model: str) -> None:
    files, retry = APPS[model]
    for name, text in (app() | files).items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    with_packages(tmp_path)
    text = show_app(tmp_path, "f").text
    document, _ = json.JSONDecoder().raw_decode(text, text.index("{"))

    assert document["retry"] | retry == document["retry"]


BROKEN: dict[str, tuple[dict[str, str], str]] = {
    "python v2": ({"function_app.py": "import nonexist"}, "function_app.py:1"),
    "javascript v4": (
        {"package.json": '{"main": "a.js"}', "a.js": "require('nope-x')"},
        "a.js:1",
    ),
    "function.json": ({"f/function.json": "{", "f/index.js": ""}, "f/function.json:1"),
}


@pytest.mark.parametrize("model", BROKEN)
def test_an_app_that_cannot_be_shown_says_why(
    tmp_path: Path, model: str, capsys: pytest.CaptureFixture[str]
) -> None:
    files, place = BROKEN[model]
    for name, text in (app() | files).items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)

    for asked in ([], ["f"]):
        code = main(["show", str(tmp_path), *asked])

        shown = capsys.readouterr()
        assert (code, shown.out) == (1, "")
        assert "error[FJ" in shown.err
        assert place in shown.err


def test_a_broken_function_is_told_beside_those_that_are_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = python("good", "def main(t): pass", TIMER) | {"bad/function.json": "{"}
    for name, text in (app() | files).items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)

    everything = main(["show", str(tmp_path)])
    shown = capsys.readouterr()
    one = main(["show", str(tmp_path), "good"])

    assert (everything, one) == (1, 0)
    assert "# good " in shown.out
    assert "bad/function.json:1" in shown.err
    assert capsys.readouterr().err == ""


def test_an_app_without_functions_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "host.json").write_text('{"version": "2.0"}')
    (tmp_path / "function_app.py").write_text(
        "import azure.functions as func\napp = func.FunctionApp()\n"
    )

    code = main(["show", str(tmp_path)])

    shown = capsys.readouterr()
    assert code == 0
    assert "no functions" in shown.err


def test_validate_of_functions_in_code_leads_to_show(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "host.json").write_text('{"version": "2.0"}')
    (tmp_path / "function_app.py").write_text("import nonexist")

    main(["validate", str(tmp_path)])

    assert "`funcjson show` runs the code" in capsys.readouterr().out
