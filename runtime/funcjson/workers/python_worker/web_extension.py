"""The web framework that an app brings for HTTP streams, such as azurefunctions-extensions-http-fastapi.

The package registers itself with `azurefunctions.extensions.base` when the app imports it. From then on all HTTP
functions of the app take its requests and give its responses, as in the real worker. Its application is called in
this process, so it needs no server of its own.
"""

from __future__ import annotations

import contextvars
import importlib
import sys
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from .http_exchange import Exchange

_BASE = "azurefunctions.extensions.base"
_SETTING = "PYTHON_ENABLE_INIT_INDEXING"
_TRUE = frozenset(("1", "true", "t", "yes", "y"))
# From this version on the real worker needs no setting.
_NEEDS_NO_SETTING = (3, 13)

Handle = Callable[[Any], Awaitable[Any]]
_handle: contextvars.ContextVar[Handle] = contextvars.ContextVar("funcjson_web_handle")


class AppSettingDisabledError(Exception):
    """The app imports a web extension and has not enabled it."""

    def __init__(self) -> None:
        super().__init__(
            f"HTTP Streaming is enabled but {_SETTING} is not set or is set to false. "
            "See aka.ms/functions-python-streaming for more information"
        )


class WebExtension:
    """What the app imported. `fits` has its checks of annotations, by binding type."""

    def __init__(self, base: Any) -> None:
        self.fits: Mapping[str, Callable[[type], bool]] = {
            "httpTrigger": base.RequestTrackerMeta.check_type,
            "http": base.ResponseTrackerMeta.check_type,
        }
        self._synchronizer = base.RequestTrackerMeta.get_synchronizer()
        module = importlib.import_module(base.ModuleTrackerMeta.get_module())
        web = module.WebApp()
        web.route(_catch_all(base.RequestTrackerMeta.get_request_type()))
        self._app = web.get_app()
        if hasattr(self._app, "add_exception_handler"):
            # The host answers for what fails before a response began.
            self._app.add_exception_handler(Exception, _say_nothing)

    async def call(self, exchange: Exchange, params: Mapping[str, str], handle: Handle) -> None:
        """Let the framework answer a request with what `handle` makes of it. Raises what goes wrong in either."""

        async def with_params(request: Any) -> Any:
            self._synchronizer.sync_route_params(request, dict(params))
            return await handle(request)

        _handle.set(with_params)
        await self._app(exchange.scope, exchange.receive, exchange.send)


def find(
    environment: Mapping[str, str], version: tuple[int, ...] = sys.version_info[:2]
) -> WebExtension | None:
    """The extension that the modules loaded so far brought, if any. Raises AppSettingDisabledError."""
    base = sys.modules.get(_BASE)
    if base is None or not base.HttpV2FeatureChecker.http_v2_enabled():
        return None
    if version < _NEEDS_NO_SETTING and environment.get(_SETTING, "").strip().lower() not in _TRUE:
        raise AppSettingDisabledError
    return WebExtension(base)


def _catch_all(request_type: type) -> Handle:
    async def catch_all(request: Any) -> Any:
        return await _handle.get()(request)

    # The framework reads it, to see what the parameter is.
    catch_all.__annotations__ = {"request": request_type}
    return catch_all


async def _say_nothing(*_: Any) -> Any:
    async def nothing(*_: Any) -> None:
        pass

    return nothing
