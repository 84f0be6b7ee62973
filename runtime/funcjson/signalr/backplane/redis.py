"""Service nodes joined by Redis: its publish and subscribe carry what they say; nothing is stored there.

Since nothing is stored, a Redis that restarts empty loses nothing, and one server can serve several groups of
nodes, each with its own `prefix`. Whoever can publish there is trusted like a node.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence, Set
from contextlib import suppress
from typing import Any

from funcjson.signalr.backplane.base import TIMEOUT_S, Answers, Handler, Reply, Request
from funcjson.signalr.backplane.pubsub import Link, PubSubBackplane
from funcjson.signalr.backplane.redis_url import place_of, url_fault
from funcjson.signalr.errors import BackplaneUnavailable

try:
    import redis.asyncio as redis_client
    from redis.asyncio.retry import Retry
    from redis.backoff import NoBackoff
    from redis.exceptions import RedisError
except ImportError:  # an optional extra: without it, RedisBackplane says so
    redis_client = None  # type: ignore[assignment]  # a module, or none

CONNECT_S = 5.0


class RedisBackplane:
    """One node, joined to the others by a Redis server. Raises BackplaneUnavailable (see `join`).

    `url` is "redis://[[user]:password@]host[:port][/db]", "rediss://..." or "unix:///path". Guarantees are those
    of the Backplane protocol; a node that dies without a word is a member for `dead_after_s` more.
    """

    def __init__(
        self,
        url: str,
        *,
        prefix: str = "funcjson",
        beat_s: float = 1.0,
        dead_after_s: float = 4.0,
        retry_s: float = 0.2,
    ) -> None:
        if redis_client is None:
            raise BackplaneUnavailable(
                "joining nodes by Redis needs the Python package redis "
                "(pip install 'funcjson[redis]')"
            )
        fault = url_fault(url)
        if fault:
            raise BackplaneUnavailable(fault)
        pool = _pool(url)

        async def connect(channels: Sequence[str]) -> Link:
            return await _open(pool, prefix, channels)

        self._node = PubSubBackplane(
            connect, place_of(url), beat_s=beat_s, dead_after_s=dead_after_s, retry_s=retry_s
        )

    @property
    def name(self) -> str:
        """What the others call this node: host, process id and something random."""
        return self._node.name

    @property
    def others(self) -> Set[str]:
        return self._node.others

    @property
    def is_alone(self) -> bool:
        return self._node.is_alone

    @property
    def gone(self) -> str:
        return self._node.gone

    async def join(
        self, handler: Handler, rejoined: Callable[[bool], Awaitable[None]] | None = None
    ) -> None:
        await self._node.join(handler, rejoined)

    async def leave(self) -> None:
        await self._node.leave()

    async def call(
        self,
        request: Request,
        *,
        timeout_s: float = TIMEOUT_S,
        enough: Callable[[Reply], bool] | None = None,
        without: Collection[str] = (),
    ) -> Answers:
        return await self._node.call(request, timeout_s=timeout_s, enough=enough, without=without)


def _pool(url: str) -> Any:
    """What makes connections. Raises BackplaneUnavailable for what the URL says of them."""
    # Without a client's retries: a connection that was made again has missed what was said meanwhile.
    try:
        pool: Any = redis_client.ConnectionPool.from_url(
            url,
            protocol=2,
            retry=Retry(NoBackoff(), 0),
            socket_timeout=None,
            socket_connect_timeout=CONNECT_S,
        )
        pool.make_connection()  # options are read only here
    except (TypeError, ValueError, RedisError) as error:
        raise BackplaneUnavailable(
            f"the URL of Redis has an option that cannot be used: {error}"
        ) from error
    return pool


async def _open(pool: Any, prefix: str, channels: Sequence[str]) -> _RedisLink:
    # Plain connections: a client takes twice the CPU time for each message.
    link = _RedisLink(pool.make_connection(), pool.make_connection(), prefix)
    try:
        await link.subscribe(channels)
    except BaseException:
        await link.close()
        raise
    return link


class _RedisLink:
    """A connection that publishes and one that is subscribed."""

    def __init__(self, publisher: Any, subscriber: Any, prefix: str) -> None:
        self._publisher = publisher
        self._subscriber = subscriber
        self._prefix = prefix

    async def subscribe(self, channels: Sequence[str]) -> None:
        try:
            await self._publisher.connect()
            await self._subscriber.connect()
            names = [f"{self._prefix}:{each}" for each in channels]
            await self._subscriber.send_command("SUBSCRIBE", *names)
            for _ in names:
                await self._subscriber.read_response()
        except RedisError as error:
            raise ConnectionError(str(error)) from error

    async def publish(self, notes: Sequence[tuple[str, bytes]]) -> Sequence[int]:
        publisher = self._publisher
        commands = [("PUBLISH", f"{self._prefix}:{channel}", data) for channel, data in notes]
        try:
            await publisher.send_packed_command(publisher.pack_commands(commands), False)
            return [int(await publisher.read_response()) for _ in notes]
        except RedisError as error:
            raise ConnectionError(str(error)) from error

    async def listen(self) -> AsyncIterator[bytes]:
        try:
            while True:
                kind, _, data = await self._subscriber.read_response()
                if kind == b"message":
                    yield data
        except RedisError as error:
            raise ConnectionError(str(error)) from error

    async def close(self) -> None:
        for connection in (self._publisher, self._subscriber):
            with suppress(RedisError, OSError):
                await connection.disconnect()
