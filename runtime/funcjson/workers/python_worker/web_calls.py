"""Calls of functions whose requests and responses are those of the app's web extension."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

from . import failures
from .http_exchange import Exchange
from .web_extension import Handle, WebExtension

Message = dict[str, Any]
# What the host says about a call that runs.
OPERATIONS = frozenset(("body", "taken", "cancel"))


class WebCalls:
    """The calls that run, on one event loop; `send` takes messages for the host."""

    def __init__(
        self,
        extension: WebExtension,
        send: Callable[[Message], None],
        loop: asyncio.AbstractEventLoop,
        app_root: str,
    ) -> None:
        self._extension = extension
        self._send = send
        self._loop = loop
        self._app_root = app_root
        self._running: dict[str, _Call] = {}
        # What came for calls before they began.
        self._early: dict[str, list[Message]] = {}
        self._after: set[asyncio.Task[None]] = set()

    def expect(self, identifier: str) -> None:
        """A call is about to `run`; what the host says about it meanwhile is kept."""
        self._early[identifier] = []

    def receive(self, message: Message) -> None:
        """Take one of `OPERATIONS`, from any thread."""
        self._loop.call_soon_threadsafe(self._pass_on, message)

    def _pass_on(self, message: Message) -> None:
        call = self._running.get(message["id"])
        if call is not None:
            call.take(message)
        elif message["id"] in self._early:
            self._early[message["id"]].append(message)

    async def run(self, message: Message, parameter: str, handle: Handle) -> dict[str, Any]:
        """Answer the request that `parameter` holds with what `handle` returns.

        The response as typed data, {} when it went to the host in pieces. Raises what the handler or the framework raised.
        What the response does after its end, such as a background task, is not waited for.
        """
        identifier: str = message["id"]
        request = next(data["http"] for name, data in message["inputs"] if name == parameter)
        exchange = Exchange(identifier, request, self._send, bool(message.get("stream")))
        call = self._running[identifier] = _Call(exchange, message["function"], self._app_root)
        for early in self._early.pop(identifier, ()):
            call.take(early)
        task = self._loop.create_task(call.run(self._extension, request["params"], handle))
        call.task = task
        try:
            await asyncio.wait((task, exchange.whole), return_when=asyncio.FIRST_COMPLETED)
            if not task.done():
                self._after.add(task)
                task.add_done_callback(self._after.discard)
            elif call.error is not None:
                raise failures.from_app(call.error, self._app_root)
            return exchange.response()
        finally:
            del self._running[identifier]


class _Call:
    """One call; `error` is what it failed with."""

    def __init__(self, exchange: Exchange, function: str, app_root: str) -> None:
        self.error: BaseException | None = None
        self.task: asyncio.Task[None] | None = None
        self._exchange = exchange
        self._function = function
        self._app_root = app_root
        self._response: Any = None

    def take(self, message: Message) -> None:
        self._exchange.take(message)
        if self._exchange.is_gone and self._exchange.is_begun and self.task is not None:
            # Nobody waits for the rest of the response: what makes it ends, also where it waits for something else.
            self.task.cancel()

    async def run(self, extension: WebExtension, params: dict[str, str], handle: Handle) -> None:
        raised: list[BaseException] = []

        async def respond(request: Any) -> Any:
            try:
                self._response = await handle(request)
            except BaseException as error:
                raised.append(error)
                raise
            return self._response

        exchange = self._exchange
        try:
            await extension.call(exchange, params, respond)
        except BaseException as error:
            if exchange.whole.done() and not exchange.is_gone:
                trace = failures.from_app(error, self._app_root)
                logging.getLogger().error(
                    "'%s' failed after its response", self._function, exc_info=trace
                )
            elif raised or not exchange.is_gone:
                self.error = error
        else:
            if raised:
                logging.getLogger().warning(
                    "%s was raised, and became the response %s; the real host counts this call as failed",
                    type(raised[0]).__name__,
                    exchange.status,
                )
        await _close(self._response)


async def _close(response: Any) -> None:
    """Let a generator that was not read to its end run its `finally` now."""
    close = getattr(getattr(response, "body_iterator", None), "aclose", None)
    if close is not None:
        try:
            await close()
        except BaseException:
            logging.getLogger().exception("a generator failed when it was closed")
