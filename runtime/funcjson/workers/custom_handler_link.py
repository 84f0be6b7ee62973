"""Calls to a custom handler over HTTP, each on a connection of its own, and each way in which one can fail."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator

import aiohttp
from yarl import URL

from funcjson.errors import (
    FuncJsonError,
    HandlerError,
    Problem,
    WorkerError,
)
from funcjson.model import Call, CallResult, Function, RequestSource, WorkerLog
from funcjson.workers import custom_handler_payload as payload
from funcjson.workers.base import IndexResult, LogSink, Stacks
from funcjson.workers.custom_handler_program import HandlerProgram

ADDRESS = "127.0.0.1"
_KEPT_BODY = 2000
# aiohttp adds these by itself; a handler gets what the caller sent and nothing more.
_NOT_OURS = ("Accept", "Accept-Encoding", "Content-Type", "User-Agent")


class HandlerLink:
    """Calls to one handler process over HTTP, each on a connection of its own."""

    def __init__(
        self,
        port: int,
        handler: HandlerProgram,
        exited: asyncio.Future[Problem],
        log: LogSink,
        patience_s: float = 1.0,
    ) -> None:
        self._base = f"http://{ADDRESS}:{port}"
        self._handler = handler
        self._exited = exited
        self._log = log
        self._patience_s = patience_s
        self._functions: dict[str, Function] = {}
        self._running: set[str] = set()

    @property
    def waiting(self) -> int:
        """How many calls have no answer yet."""
        return len(self._running)

    def is_running(self, invocation_id: str) -> bool:
        return invocation_id in self._running

    async def load(self, function: Function) -> None:
        """Remember it: the program finds its handlers by itself."""
        self._functions[function.name] = function

    async def index(self) -> IndexResult:
        """Nothing: the functions of such an app are in folders."""
        return IndexResult()

    async def stacks(self) -> Stacks:
        """Unknown: the program is not ours to look into."""
        return Stacks()

    async def invoke(self, call: Call) -> CallResult:
        """Run a handler. Raises HandlerError, or WorkerError when the program ends."""
        if self._exited.done():
            raise WorkerError(self._exited.result())
        function = self._functions.get(call.function)
        if function is None:
            raise HandlerError(Problem("FJ0513", f"the function '{call.function}' is not loaded"))
        self._running.add(call.invocation_id)
        passes_on = self._handler.passes_on and payload.is_http_only(function)
        ask = self._pass_on if passes_on else self._post
        asking = asyncio.ensure_future(ask(function, call))
        either: set[asyncio.Future[CallResult] | asyncio.Future[Problem]] = {asking, self._exited}
        try:
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            if not asking.done():
                raise WorkerError(self._exited.result())
            return asking.result()
        except aiohttp.ClientError as error:
            if _is_cut_off(call):
                raise _caller_left(function) from error
            raise await self._lost(function, error) from error
        finally:
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)
            self._running.discard(call.invocation_id)

    async def _post(self, function: Function, call: Call) -> CallResult:
        text = json.dumps(payload.invocation(call), ensure_ascii=False)
        headers = {
            **payload.call_headers(call),
            "Content-Type": "application/json; charset=utf-8",
        }
        url = URL(f"{self._base}/{function.name}")
        async with (
            _session() as session,
            session.post(url, data=text.encode("utf-8", "replace"), headers=headers) as response,
        ):
            body = await response.read()
            status, reason = response.status, response.reason or ""
            content_type = response.headers.get("Content-Type", "")
        if not 200 <= status <= 299:
            raise _refused(function, status, reason, body)
        try:
            answer = payload.read_answer(function, content_type, body)
        except payload.AnswerError as error:
            raise _unreadable(function, error, body) from error
        for line in answer.logs:
            self._log(WorkerLog(line, "information", function.name, call.invocation_id))
        for hint in answer.hints:
            self._log(
                WorkerLog(hint, "warning", function.name, call.invocation_id, category="system")
            )
        return answer.result

    async def _pass_on(self, function: Function, call: Call) -> CallResult:
        """The original request goes out as it arrives, and the answer comes back as it is made."""
        request = payload.passed_on(call, f"/{function.name}" if self._handler.by_name else None)
        url = URL(f"{self._base}{request.target}", encoded=True)
        async with (
            _session() as session,
            session.request(
                request.method,
                url,
                headers=[*request.headers, *_length(call)],
                data=_pieces(call.source, session)
                if call.source is not None
                else request.body or None,
                allow_redirects=False,
            ) as response,
        ):
            headers = payload.kept_headers(response.headers.items(), request.method)
            if call.sink is None:
                return payload.read_passed_on(
                    function, response.status, headers, await response.read()
                )
            with contextlib.suppress(ConnectionError):  # of the caller: the program need not go on
                await call.sink.begin(response.status, headers)
                async for piece in response.content.iter_any():
                    await call.sink.write(piece)
            if _is_cut_off(call):
                raise aiohttp.ClientPayloadError
            return CallResult({})

    async def _lost(
        self, function: Function, error: aiohttp.ClientError
    ) -> HandlerError | WorkerError:
        """The connection broke: usually since the program ends, which is known a little later."""
        await asyncio.wait({self._exited}, timeout=self._patience_s)
        if self._exited.done():
            return WorkerError(self._exited.result())
        return HandlerError(
            Problem(
                "FJ0525",
                f"the custom handler did not answer the call of '{function.name}'",
                function.locate(""),
                why=str(error) or type(error).__name__,
                fix="the program runs on, so see its own log for this call",
                function=function.name,
            ),
            message=str(error) or type(error).__name__,
        )


def _length(call: Call) -> list[tuple[str, str]]:
    """What the caller said of a body in pieces: a small server may read no other."""
    if call.source is None:
        return []
    message = next(value["http"] for _, value in call.inputs if "http" in value)
    length = message["headers"].get("content-length")
    return [("Content-Length", length)] if length is not None else []


async def _pieces(source: RequestSource, session: aiohttp.ClientSession) -> AsyncIterator[bytes]:
    try:
        while piece := await source.read():
            yield piece
    except (ConnectionError, FuncJsonError):
        # The program, which may be answering already, must see that no more comes.
        await session.close()
        raise


def _session() -> aiohttp.ClientSession:
    """For one call: small servers close connections when they like, and a POST is not sent twice."""
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, force_close=True),
        timeout=aiohttp.ClientTimeout(total=None),
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        skip_auto_headers=_NOT_OURS,
        max_line_size=65536,
        max_field_size=65536,
    )


def _is_cut_off(call: Call) -> bool:
    return call.source is not None and call.source.passed.state == "broken off"


def _caller_left(function: Function) -> HandlerError:
    what = f"the caller of '{function.name}' did not send its whole body"
    why = "the body passes on to the custom handler as it arrives, so the call ended with it"
    return HandlerError(
        Problem("FJ0525", what, function.locate(""), why, function=function.name), message=what
    )


def _refused(function: Function, status: int, reason: str, body: bytes) -> HandlerError:
    said = f"Response status code does not indicate success: {status} ({reason})."
    text = body[:_KEPT_BODY].decode("utf-8", "replace").strip()
    fix = "see the program's own log for this call; a response to the caller belongs in 'Outputs'"
    if status == 404:
        fix = f"let the program answer POST /{function.name}: the path is the function's name only"
    return HandlerError(
        Problem(
            "FJ0524",
            f"the custom handler answered the call of '{function.name}' with {status} {reason}",
            function.locate(""),
            why=f"its answer says:\n{text}" if text else "its answer has no body",
            fix=fix,
            function=function.name,
            azure=said,
        ),
        message=said,
    )


def _unreadable(function: Function, error: payload.AnswerError, body: bytes) -> HandlerError:
    text = body[:_KEPT_BODY].decode("utf-8", "replace").strip()
    return HandlerError(
        Problem(
            "FJ0525",
            f"the custom handler's answer to the call of '{function.name}' cannot be read: {error}",
            function.locate(""),
            why=f"its answer is:\n{text}" if text else "the host reads the results from the body",
            fix='answer with Content-Type: application/json and {"Outputs": {...}, "Logs": [...], '
            '"ReturnValue": null}',
            function=function.name,
            azure=error.azure or None,
        ),
        message=str(error),
    )
