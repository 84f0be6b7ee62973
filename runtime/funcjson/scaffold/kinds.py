"""The programming models that apps and functions are made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Kind:
    """A programming model: its language, the folders of its app's files and of its handlers.

    `handler` is where a handler goes, `http_output` the name of the response's binding; functions
    of a model without `http_output` have no function.json.
    """

    language: str
    runtime: str
    app: tuple[str, ...]
    handlers: str
    handler: str
    http_output: str = ""


KINDS: Mapping[str, Kind] = {
    "v1": Kind(
        *("python", "python", ("app", "app-python"), "python-v1"),
        handler="{name}/__init__.py",
        http_output="$return",
    ),
    "v2": Kind(
        *("python", "python", ("app", "app-python", "app-python-v2"), "python-v2"),
        handler="function_app.py",
    ),
    "v3": Kind(
        *("javascript", "node", ("app", "app-javascript-v3"), "javascript-v3"),
        handler="{name}/index.js",
        http_output="res",
    ),
    "v4": Kind(
        *("javascript", "node", ("app", "app-javascript-v4"), "javascript-v4"),
        handler="src/functions/{name}.js",
    ),
}
LANGUAGES = ("python", "javascript")
# What an app gets when only its language is known: function.json folders.
FIRST_MODEL = {"python": "v1", "javascript": "v3"}
