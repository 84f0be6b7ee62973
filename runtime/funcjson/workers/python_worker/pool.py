"""The threads that run synchronous handlers."""

from __future__ import annotations

import asyncio
import contextvars
import os
import queue
import threading
from collections.abc import Callable, Mapping
from typing import Any

_SETTING = "PYTHON_THREADPOOL_THREAD_COUNT"


class Pool:
    """Daemon threads that run jobs; unlike the standard pool, they never delay an exit."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._jobs: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._idle = threading.Semaphore(0)
        self._started = 0
        self._starting = threading.Lock()

    def submit(self, job: Callable[[], None]) -> None:
        """Run a job soon. Jobs must not raise."""
        self._jobs.put(job)
        with self._starting:
            if not self._idle.acquire(blocking=False) and self._started < self._size:
                self._started += 1
                name = f"handler-{self._started}"
                threading.Thread(target=self._work, name=name, daemon=True).start()

    async def result(self, loop: asyncio.AbstractEventLoop, job: Callable[[], Any]) -> Any:
        """What a job gives or raises, for a coroutine on `loop`, whose context the job has."""
        future: asyncio.Future[tuple[Any, BaseException | None]] = loop.create_future()

        def work() -> None:
            outcome: tuple[Any, BaseException | None]
            try:
                outcome = run(job), None
            except BaseException as error:  # noqa: BLE001 - it is the coroutine's
                outcome = None, error
            loop.call_soon_threadsafe(settle, outcome)

        def settle(outcome: tuple[Any, BaseException | None]) -> None:
            if not future.done():
                future.set_result(outcome)

        run = contextvars.copy_context().run
        self.submit(work)
        value, error = await future
        if error is not None:
            raise error
        return value

    def close(self) -> None:
        """Let the threads end when they have nothing more to do."""
        for _ in range(self._started):
            self._jobs.put(_leave)

    def _work(self) -> None:
        while True:
            job = self._jobs.get()
            if job is _leave:
                return
            job()
            del job
            self._idle.release()


def _leave() -> None:
    """The job that ends a thread."""


def pool_size(environment: Mapping[str, str], warn: Callable[[str], None]) -> int:
    """How many handler threads: the setting, else what Python's own pools take."""
    default = min(32, (os.cpu_count() or 1) + 4)
    text = environment.get(_SETTING)
    if text is None:
        return default
    try:
        size = int(text)
    except ValueError:
        warn(f"{_SETTING} must be an integer")
        return default
    if size < 1:
        warn(
            f"{_SETTING} must be set to a value between 1 and sys.maxint. Reverting to default "
            "value for max_workers"
        )
        return default
    return size
