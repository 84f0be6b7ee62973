"""Worker extensions: when they are on, in which order they run, and what a failing one does."""

from __future__ import annotations

import logging
from types import SimpleNamespace
from typing import Any

import pytest

from funcjson.workers.python_worker.extension_hooks import AFTER, BEFORE, ExtensionHooks

ON = {"PYTHON_ENABLE_WORKER_EXTENSIONS": "true"}
CONTEXT = SimpleNamespace(function_name="f")


class Library:
    """Registered hooks as the library keeps them: of a function and of the app."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []
        names = (*BEFORE, *AFTER, "post_function_load", "post_function_load_app_level")
        of_function = {n: [self._entry(n)] for n in names if not n.endswith("_app_level")}
        of_app = {n: [self._entry(n)] for n in names if n.endswith("_app_level")}
        self.ExtensionMeta = SimpleNamespace(
            get_function_hooks=lambda name: SimpleNamespace(**of_function) if name == "f" else None,
            get_application_hooks=lambda: SimpleNamespace(**of_app),
        )

    def _entry(self, name: str) -> SimpleNamespace:
        def hook(*values: Any) -> None:
            self.calls.append((name, *values))
            if values[-1] == "fail":
                raise ValueError

        return SimpleNamespace(ext_name="Own", ext_impl=hook)


def test_hooks_run_from_the_outside_in_and_back_out() -> None:
    library = Library()
    hooks = ExtensionHooks(library, ON)
    hooks.run(BEFORE, CONTEXT, {})
    hooks.run(AFTER, CONTEXT, {}, "result")

    assert [call[0] for call in library.calls] == [*BEFORE, *AFTER]
    assert library.calls[0][2:] == (CONTEXT, {})
    assert library.calls[-1][2:] == (CONTEXT, {}, "result")


def test_loading_is_told_with_name_and_folder() -> None:
    library = Library()
    ExtensionHooks(library, ON).loaded("f", "/app/f")

    assert library.calls == [
        ("post_function_load", "f", "/app/f"),
        ("post_function_load_app_level", "f", "/app/f"),
    ]


@pytest.mark.parametrize("environment", [{}, {"PYTHON_ENABLE_WORKER_EXTENSIONS": "0"}])
def test_they_are_off_by_default(environment: dict[str, str]) -> None:
    library = Library()
    ExtensionHooks(library, environment).run(BEFORE, CONTEXT, {})

    assert library.calls == []


def test_a_hook_that_fails_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    library = Library()
    with caplog.at_level(logging.ERROR):
        ExtensionHooks(library, ON).run(BEFORE, CONTEXT, "fail")

    assert len(library.calls) == 2
    assert {record.name for record in caplog.records} == {"azure_functions_worker.extension.Own"}


def test_a_library_without_extensions_has_none() -> None:
    ExtensionHooks(SimpleNamespace(), ON).run(BEFORE, CONTEXT, {})
