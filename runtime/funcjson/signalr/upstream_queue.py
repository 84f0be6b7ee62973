"""What upstream is told of clients: one call at a time for each connection, in order.

A client that is quicker than upstream is not read for a while; what breaks in upstream stops no connection.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable

from funcjson.signalr.connection import Ended, Event, Opened
from funcjson.signalr.events import ClientEvents, ClientInfo, Rejection
from funcjson.signalr.messages import Completion, Invocation, StreamInvocation
from funcjson.signalr.session import Session

log = logging.getLogger("funcjson.signalr.connection")

MAX_WORK = 256  # messages of one client that wait for upstream; then its transport is not read


class UpstreamQueue:
    """The calls to the upstream of one node. `close` ends a connection; `reply` answers a client's call."""

    __slots__ = ("_close", "_reply", "_tasks", "events")

    def __init__(
        self,
        events: ClientEvents,
        close: Callable[[Session, str], None],
        reply: Callable[[Session, Completion | bytes], None],
    ) -> None:
        self.events = events
        self._close = close
        self._reply = reply
        self._tasks: set[asyncio.Task[None]] = set()

    def put(self, session: Session, item: Event) -> None:
        """Tell upstream after everything that it has not heard yet of this connection."""
        if session.work is None:
            session.work = deque()
        session.work.append(item)
        if len(session.work) == MAX_WORK and session.sink is not None:
            session.sink.hold(True)
        if not session.is_working:
            session.is_working = True
            task = asyncio.get_running_loop().create_task(self._work(session))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _work(self, session: Session) -> None:
        work, info = session.work, session.info
        assert work is not None
        assert info is not None
        try:
            while work:
                if len(work) == MAX_WORK and session.sink is not None:
                    session.sink.hold(False)
                await self._do(session, info, work.popleft())
        finally:
            session.is_working = False

    async def _do(self, session: Session, info: ClientInfo, item: Event) -> None:
        """One call to upstream. Whatever breaks there must not stop the connection."""
        try:
            match item:
                case Opened():
                    rejection = await self.events.connected(info)
                    if isinstance(rejection, Rejection):
                        self._close(session, rejection.reason)
                case Ended(error=error):
                    await self.events.disconnected(info, error)
                case Invocation() | StreamInvocation():
                    await self._ask(session, info, item)
                case _:
                    return
        except Exception:
            # The seam to an upstream, which may be anybody's code: one broken event stops no other.
            log.exception("an event of connection %s failed in the upstream", session.id)

    async def _ask(
        self, session: Session, info: ClientInfo, message: Invocation | StreamInvocation
    ) -> None:
        call = message.invocation_id
        if call is None:
            await self.events.message(info, message)
            return
        is_stream = isinstance(message, StreamInvocation)
        if is_stream and not session.is_ended:
            # At once: an upstream may send items before it answers. Open until it, REST or the client ends it.
            session.streams = session.streams or set()
            session.streams.add(call)
        asking = asyncio.ensure_future(self.events.message(info, message))
        session.current = (call, asking)
        try:
            answer = await asking
        except asyncio.CancelledError:
            if not asking.cancelled() or _is_cancelling():
                raise
            answer = Completion(call, error="Invocation failed, response cancelled.")
        except Exception:
            if not is_stream or session.ends_stream(call):
                self._reply(session, Completion(call, error="Invocation failed, status code 500"))
            raise
        finally:
            session.current = None
        if is_stream:
            stays_open = answer is None or (isinstance(answer, Completion) and answer.error is None)
            if stays_open or not session.ends_stream(call):
                return
        self._reply(session, Completion(call) if answer is None else answer)

    async def finish(self, timeout_s: float) -> None:
        """Let upstream hear of the last events, but not for long."""
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=timeout_s)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)


def _is_cancelling() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
