"""What `funcjson show` prints of functions in code: their function.json, whole."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.contract.test_apps import app, python
from tests.unit.workers.node_driver import with_packages

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
    text = show_app(tmp_path, "f")
    document, _ = json.JSONDecoder().raw_decode(text, text.index("{"))

    assert document["retry"] | retry == document["retry"]
