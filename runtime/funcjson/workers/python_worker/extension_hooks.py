"""Worker extensions of `azure.functions`: hooks that run when a function is loaded and around calls.

Off unless PYTHON_ENABLE_WORKER_EXTENSIONS says otherwise, as in the real worker (on for Python 3.9).
A hook that fails is logged and does not disturb the call.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping
from typing import Any

_SETTING = "PYTHON_ENABLE_WORKER_EXTENSIONS"
_TRUE = frozenset(("1", "true", "t", "yes", "y"))
_FALSE = frozenset(("0", "false", "f", "no", "n"))
BEFORE = ("pre_invocation_app_level", "pre_invocation")
AFTER = ("post_invocation", "post_invocation_app_level")
_LOADED = ("post_function_load", "post_function_load_app_level")


class ExtensionHooks:
    """The hooks that the app's own modules have registered."""

    def __init__(self, library: Any, environment: Mapping[str, str]) -> None:
        text = environment.get(_SETTING, "").strip().lower()
        on = text in _TRUE or (sys.version_info[:2] == (3, 9) and text not in _FALSE)
        self._meta = getattr(library, "ExtensionMeta", None) if on else None

    def loaded(self, name: str, directory: str) -> None:
        """Run the hooks of a function that was loaded."""
        for hook in _LOADED:
            self._run(name, hook, lambda _: (name, directory))

    def run(self, hooks: tuple[str, str], context: Any, *values: Any) -> None:
        """Run the hooks before (arguments) or after (arguments, result) a call."""
        if self._meta is None:
            return
        for hook in hooks:
            self._run(context.function_name, hook, lambda logger: (logger, context, *values))

    def _run(self, name: str, hook: str, arguments: Any) -> None:
        if self._meta is None:
            return
        for group in (self._meta.get_function_hooks(name), self._meta.get_application_hooks()):
            for entry in getattr(group, hook, None) or ():
                logger = logging.getLogger(f"azure_functions_worker.extension.{entry.ext_name}")
                try:
                    entry.ext_impl(*arguments(logger))
                except Exception:
                    logger.exception("the hook %s failed", hook)
