"""A backplane over publish and subscribe: who is there, requests to each of them, and their replies.

Every node listens on a channel of its own, where requests and replies come, and on one that all share:

    hello    I am here; each node that hears it answers `welcome`, and the newcomer waits for all of them
    beat     I am still here, about once a second; who is silent for `dead_after_s` is no member any more
    bye      I leave
    missed   to one node: I had taken you for dead and asked you nothing meanwhile, so catch up; your clients cannot

How many heard a publication is what the Link must tell: a node that hears nothing is not waited for. While a reply
is missing its node is addressed again now and then, since its connection may have ended with the request unread.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import os
import secrets
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence, Set
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol

from funcjson.signalr.backplane.base import TIMEOUT_S, Answers, Handler, Reply, Request
from funcjson.signalr.backplane.gone import Gone
from funcjson.signalr.backplane.wire import Note, pack, unpack
from funcjson.signalr.errors import BackplaneUnavailable

log = logging.getLogger("funcjson.signalr.backplane")

ALL = "all"  # the channel that all nodes share
_PROBE_S = 0.05  # after which a reply is late enough to look whether its node still hears anything


class Link(Protocol):
    """An open connection to whatever carries the channels. A broken one raises OSError everywhere."""

    async def publish(self, notes: Sequence[tuple[str, bytes]]) -> Sequence[int]:
        """Publish (channel, data) in order; for each, how many subscribers it was given to."""

    def listen(self) -> AsyncIterator[bytes]:
        """What comes on this node's channels, from their subscription on."""

    async def close(self) -> None:
        """Close it; never raises."""


# Opens a Link that is subscribed to the given channels already. Raises OSError.
Connect = Callable[[Sequence[str]], Awaitable[Link]]


@dataclass(slots=True)
class _Call:
    """A request that waits for replies."""

    waiting: set[str]
    enough: Callable[[Reply], bool] | None
    ended: asyncio.Future[None]
    replies: list[Reply] = field(default_factory=list)
    silent: list[str] = field(default_factory=list)
    cut_off: str = ""

    def reply(self, sender: str, value: Reply) -> None:
        if sender in self.waiting:
            self.waiting.discard(sender)
            self.replies.append(value)
            if self.enough is not None and self.enough(value):
                self.end()
            self.end_if_complete()

    def give_up(self, name: str) -> None:
        if name in self.waiting:
            self.waiting.discard(name)
            self.silent.append(name)
            self.end_if_complete()

    def end_if_complete(self) -> None:
        if not self.waiting:
            self.end()

    def end(self) -> None:
        _done(self.ended)


@dataclass(frozen=True, slots=True)
class _Post:
    channel: str
    data: bytes
    heard: Callable[[int], None] | None = None  # told how many got it


class PubSubBackplane:
    """One node. `connect` opens a link; `place` is what carries the channels, in words, without secrets."""

    def __init__(
        self,
        connect: Connect,
        place: str,
        *,
        beat_s: float = 1.0,
        dead_after_s: float = 4.0,
        retry_s: float = 0.2,
    ) -> None:
        self.name = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"
        self._connect = connect
        self._place = place
        self._beat_s = beat_s
        self._dead_after_s = dead_after_s
        self._retry_s = retry_s
        self._handler: Handler | None = None
        self._rejoined: Callable[[bool], Awaitable[None]] | None = None
        self._members: dict[str, float] = {}  # when each other node was last heard
        self._welcomed: set[str] = set()
        self._greeted = asyncio.Event()
        self._expected = -1  # how many welcomes are to come; -1: not known yet
        self._heard_self = 0.0
        self._gone = Gone()  # one that is heard again must catch up
        self._was_missed = False  # others have gone on without this node
        self._must_catch_up = asyncio.Event()
        self._calls: dict[int, _Call] = {}
        self._numbers = itertools.count(1)
        self._serving: dict[tuple[str, int], asyncio.Task[None]] = {}
        self._outbox: list[_Post] = []
        self._has_post = asyncio.Event()
        self._cut_off = "it has not joined"
        self._life: asyncio.Task[None] | None = None
        self._first: asyncio.Future[None] | None = None
        self._said_bye = asyncio.Event()  # or there is nobody to say it to

    # What a service uses

    @property
    def others(self) -> Set[str]:
        return self._members.keys()

    @property
    def is_alone(self) -> bool:
        return not self._members and not self._cut_off

    @property
    def gone(self) -> str:
        return self._gone.told(asyncio.get_running_loop().time())

    async def join(
        self, handler: Handler, rejoined: Callable[[bool], Awaitable[None]] | None = None
    ) -> None:
        self._handler, self._rejoined = handler, rejoined
        loop = asyncio.get_running_loop()
        self._first = loop.create_future()
        self._life = loop.create_task(self._live())
        try:
            await asyncio.wait((self._first, self._life), return_when=asyncio.FIRST_COMPLETED)
            # A life that has ended has met what nobody foresaw.
            await (self._first if self._first.done() else self._life)
        except OSError as error:
            await self.leave()
            raise BackplaneUnavailable(f"{self._place} cannot be used: {_said(error)}") from error
        except BaseException:
            await self.leave()
            raise

    async def leave(self) -> None:
        life, self._life = self._life, None
        if life is None:
            return
        for task in tuple(self._serving.values()):
            task.cancel()
        if not self._cut_off:
            self._said_bye.clear()
            self._post(ALL, Note("bye", self.name), lambda _: self._said_bye.set())
            with suppress(TimeoutError):
                async with asyncio.timeout(self._beat_s):
                    await self._said_bye.wait()
        life.cancel()
        await asyncio.gather(life, *self._serving.values(), return_exceptions=True)
        self._cut("it has left")

    async def call(
        self,
        request: Request,
        *,
        timeout_s: float = TIMEOUT_S,
        enough: Callable[[Reply], bool] | None = None,
        without: Collection[str] = (),
    ) -> Answers:
        if self._cut_off:
            return Answers(cut_off=self._cut_off)
        asked = self._members.keys() - without
        if not asked:
            return Answers()
        number = next(self._numbers)
        ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        call = self._calls[number] = _Call(asked, enough, ended)
        data = pack(Note("ask", self.name, number, request))
        for name in tuple(call.waiting):
            self._post_data(name, data, partial(self._asked, call, name))
        try:
            async with asyncio.timeout(timeout_s):
                await self._ended(call)
        except TimeoutError:
            pass  # the answer says who was silent
        finally:
            del self._calls[number]
            for name in call.waiting:
                self._post(name, Note("cancel", self.name, number))
        if call.cut_off:
            return Answers(tuple(call.replies), cut_off=call.cut_off)
        if enough is not None and any(enough(reply) for reply in call.replies):
            return Answers(tuple(call.replies))
        return Answers(tuple(call.replies), (*call.silent, *sorted(call.waiting)))

    async def _ended(self, call: _Call) -> None:
        """Wait for the end of a call, and look ever more seldom whether those who have not replied hear us."""
        probe_s = _PROBE_S
        while not call.ended.done():
            await asyncio.wait((call.ended,), timeout=probe_s)
            probe_s *= 2
            for name in () if call.ended.done() else tuple(call.waiting):
                self._post(name, Note("beat", self.name), partial(self._asked, call, name))

    @staticmethod
    def _asked(call: _Call, name: str, heard: int) -> None:
        if not heard:  # its connection is gone, whatever became of the node
            call.give_up(name)

    # The life of the node: connect, be a member, lose the connection, and again

    async def _live(self) -> None:
        while True:
            why = ""
            try:
                await self._be_member()
            except* (OSError, ValueError) as errors:
                error = _first_of(errors)
                why = f"{self._place} cannot be reached ({_said(error)})"
                if self._first is not None and not self._first.done():
                    self._first.set_exception(OSError(_said(error)))
            if not self._cut_off:
                log.warning("this node is cut off from the others: %s", why)
            self._cut(why)
            await asyncio.sleep(self._retry_s)

    async def _be_member(self) -> None:
        """Returns never; raises when the link breaks."""
        async with asyncio.timeout(self._dead_after_s):
            link = await self._connect((ALL, self.name))
        try:
            async with asyncio.TaskGroup() as group:
                self._outbox.clear()
                group.create_task(self._read(link))
                group.create_task(self._publish(link))
                await self._greet()
                group.create_task(self._beat())
                self._must_catch_up.clear()
                group.create_task(self._catch_up())
                if self._first is not None and not self._first.done():
                    self._first.set_result(None)
                else:
                    log.warning("this node is joined to the others again, by %s", self._place)
                    self._must_catch_up.set()
        finally:
            await link.close()

    async def _catch_up(self) -> None:
        """Each time that this node may have missed something."""
        while self._rejoined is not None:
            await self._must_catch_up.wait()
            self._must_catch_up.clear()
            was_missed, self._was_missed = self._was_missed, False
            await _guarded(self._rejoined(was_missed))

    async def _greet(self) -> None:
        """Say hello, and wait until everybody who heard it knows us."""
        self._welcomed, self._expected = set(), -1
        self._greeted.clear()
        self._post(ALL, Note("hello", self.name), self._said_hello)
        with suppress(TimeoutError):
            # A node that hears but does not answer is dead without its connection knowing it yet.
            async with asyncio.timeout(self._dead_after_s):
                await self._greeted.wait()
        self._heard_self = asyncio.get_running_loop().time()
        self._cut_off = ""

    def _said_hello(self, heard: int) -> None:
        self._expected = heard - 1  # without ourselves
        self._check_welcomes()

    def _check_welcomes(self) -> None:
        if 0 <= self._expected <= len(self._welcomed):
            self._greeted.set()

    def _cut(self, why: str) -> None:
        """Nobody can be asked: end what waits."""
        self._cut_off = why
        self._members.clear()
        self._outbox.clear()
        self._said_bye.set()
        for call in self._calls.values():
            call.cut_off = why
            call.end()

    async def _beat(self) -> None:
        loop = asyncio.get_running_loop()
        last = loop.time()
        while True:
            self._post(ALL, Note("beat", self.name))
            await asyncio.sleep(self._beat_s)
            now = loop.time()
            late, last = now - last > 2 * self._beat_s, now
            if late:
                continue  # this process slept; what the others said meanwhile is still to be read
            for name, heard in tuple(self._members.items()):
                # Unless nothing was heard at all, this node's own beats included.
                heard_others_s = self._heard_self - heard
                if (
                    now - heard > self._dead_after_s
                    and heard_others_s > self._dead_after_s - 2 * self._beat_s
                ):
                    log.warning("node %s is gone: not heard for %.1f s", name, now - heard)
                    self._gone.bury(name, heard)
                    self._forget(name)
            if now - self._heard_self > self._dead_after_s:
                raise TimeoutError("it passes nothing on")

    def _forget(self, name: str) -> None:
        self._members.pop(name, None)
        for call in tuple(self._calls.values()):
            call.give_up(name)
        for (sender, _), task in tuple(self._serving.items()):
            if sender == name:
                task.cancel()

    # Out: what is said in one turn of the loop leaves together, in order

    def _post(self, channel: str, note: Note, heard: Callable[[int], None] | None = None) -> None:
        self._post_data(channel, pack(note), heard)

    def _post_data(self, channel: str, data: bytes, heard: Callable[[int], None] | None) -> None:
        self._outbox.append(_Post(channel, data, heard))
        self._has_post.set()

    async def _publish(self, link: Link) -> None:
        while True:
            await self._has_post.wait()
            self._has_post.clear()
            posts, self._outbox = self._outbox, []
            if not posts:
                continue
            async with asyncio.timeout(self._dead_after_s):
                counts = await link.publish([(post.channel, post.data) for post in posts])
            for post, count in zip(posts, counts, strict=True):
                if post.heard is not None:
                    post.heard(count)

    # In

    async def _read(self, link: Link) -> None:
        async for data in link.listen():
            try:
                note = unpack(data)
                hear = _HEARD[note.kind]
            except (ValueError, KeyError, TypeError):
                log.warning(
                    "%s carries something that no node has said; it is ignored", self._place
                )
                continue
            if note.sender == self.name:
                self._heard_self = asyncio.get_running_loop().time()
                continue
            hear(self, note)

    def _alive(self, note: Note) -> None:
        if note.sender not in self._members:
            log.info("node %s is there", note.sender)
        self._members[note.sender] = asyncio.get_running_loop().time()

    def _heartbeat(self, note: Note) -> None:
        self._alive(note)
        self._tell_missed(note.sender)

    def _tell_missed(self, name: str) -> None:
        if self._gone.returns(name):
            log.warning("node %s is back", name)
            self._post(name, Note("missed", self.name))

    def _missed(self, note: Note) -> None:
        if not self._was_missed:
            log.warning("this node was silent so long that %s went on without it", note.sender)
        self._alive(note)
        self._was_missed = True
        self._must_catch_up.set()

    def _hello(self, note: Note) -> None:
        self._alive(note)
        self._post(note.sender, Note("welcome", self.name))
        self._tell_missed(note.sender)

    def _welcome(self, note: Note) -> None:
        self._alive(note)
        self._welcomed.add(note.sender)
        self._check_welcomes()

    def _bye(self, note: Note) -> None:
        self._gone.returns(note.sender)
        log.info("node %s has left", note.sender)
        self._forget(note.sender)

    def _ask(self, note: Note) -> None:
        task = asyncio.get_running_loop().create_task(self._serve(note))
        key = (note.sender, note.number)
        self._serving[key] = task
        task.add_done_callback(lambda _: self._serving.pop(key, None))

    async def _serve(self, note: Note) -> None:
        assert self._handler is not None
        try:
            reply = await self._handler(note.value or {})
            data = pack(Note("reply", self.name, note.number, reply))
        except Exception:
            # The seam between nodes: what breaks in one must not stop the caller on another.
            log.exception("this node could not answer %r", (note.value or {}).get("verb"))
            data = pack(Note("failed", self.name, note.number))
        self._post_data(note.sender, data, None)

    def _cancel(self, note: Note) -> None:
        task = self._serving.get((note.sender, note.number))
        if task is not None:
            task.cancel()

    def _reply(self, note: Note) -> None:
        call = self._calls.get(note.number)
        if call is not None:
            call.reply(note.sender, note.value or {})

    def _failed(self, note: Note) -> None:
        call = self._calls.get(note.number)
        if call is not None:
            call.give_up(note.sender)


_HEARD: Mapping[str, Callable[[PubSubBackplane, Note], None]] = {
    "hello": PubSubBackplane._hello,
    "welcome": PubSubBackplane._welcome,
    "beat": PubSubBackplane._heartbeat,
    "bye": PubSubBackplane._bye,
    "missed": PubSubBackplane._missed,
    "ask": PubSubBackplane._ask,
    "cancel": PubSubBackplane._cancel,
    "reply": PubSubBackplane._reply,
    "failed": PubSubBackplane._failed,
}


def _done(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


async def _guarded(catching_up: Awaitable[None]) -> None:
    try:
        await catching_up
    except Exception:
        # The seam to the service: a failed catching up must not end the membership.
        log.exception("catching up with the other nodes failed")


def _first_of(errors: BaseExceptionGroup[BaseException]) -> BaseException:
    found: BaseException = errors
    while isinstance(found, BaseExceptionGroup):
        found = found.exceptions[0]
    return found


def _said(error: BaseException) -> str:
    """What an error says, and its kind when it says nothing."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    if isinstance(error, TimeoutError) and not str(error):
        return "it does not answer"
    return str(error) or type(error).__name__
