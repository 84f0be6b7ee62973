"""The handler threads: as many as are needed, never more than allowed."""

from __future__ import annotations

import asyncio
import contextvars
import threading

import pytest

from funcjson.workers.python_worker.pool import Pool, pool_size


def test_jobs_run_side_by_side_up_to_the_size() -> None:
    pool = Pool(2)
    meeting = threading.Barrier(3)
    for _ in range(2):
        pool.submit(lambda: meeting.wait(10))
    meeting.wait(10)

    assert not meeting.broken
    pool.close()


def test_jobs_beyond_the_size_wait() -> None:
    pool = Pool(1)
    order: list[int] = []
    gate, done = threading.Event(), threading.Event()
    pool.submit(lambda: (gate.wait(10), order.append(1)))
    pool.submit(lambda: (order.append(2), done.set()))
    gate.set()
    done.wait(10)

    assert order == [1, 2]
    pool.close()


def test_an_idle_thread_is_used_again() -> None:
    pool = Pool(8)
    names: set[str] = set()
    for _ in range(3):
        done = threading.Event()

        def job(done: threading.Event = done) -> None:
            names.add(threading.current_thread().name)
            done.set()

        pool.submit(job)
        done.wait(10)

    # A thread is idle a moment after its job has ended, so two may be in use.
    assert len(names) <= 2
    pool.close()


def test_close_lets_the_threads_end() -> None:
    pool = Pool(1)
    seen: list[threading.Thread] = []
    done = threading.Event()
    pool.submit(lambda: (seen.append(threading.current_thread()), done.set()))
    done.wait(10)
    pool.close()
    seen[0].join(10)

    assert not seen[0].is_alive()


@pytest.mark.parametrize(
    ("text", "size", "warning"),
    [
        ("5", 5, None),
        ("x", None, "PYTHON_THREADPOOL_THREAD_COUNT must be an integer"),
        ("0", None, "must be set to a value between 1 and sys.maxint."),
    ],
)
def test_the_setting_gives_the_size(text: str, size: int | None, warning: str | None) -> None:
    said: list[str] = []
    default = pool_size({}, said.append)

    assert pool_size({"PYTHON_THREADPOOL_THREAD_COUNT": text}, said.append) == (size or default)
    assert [w for w in said if warning and warning in w] == said
    assert bool(said) == (warning is not None)


async def test_a_coroutine_gets_what_a_job_gives_or_raises_in_its_own_context() -> None:
    pool, loop = Pool(1), asyncio.get_running_loop()
    mine = contextvars.ContextVar("mine", default="nobody's")
    mine.set("the coroutine's")

    def stop() -> None:
        raise SystemExit(3)

    assert await pool.result(loop, mine.get) == "the coroutine's"
    with pytest.raises(SystemExit):
        await pool.result(loop, stop)
    assert await pool.result(loop, lambda: threading.current_thread().name) == "handler-1"
    pool.close()


async def test_a_coroutine_that_is_cancelled_leaves_its_job_alone() -> None:
    pool, loop = Pool(1), asyncio.get_running_loop()
    gate, begun = threading.Event(), asyncio.Event()

    def job() -> None:
        loop.call_soon_threadsafe(begun.set)
        gate.wait(10)

    waiting = asyncio.create_task(pool.result(loop, job))
    await begun.wait()
    waiting.cancel()
    gate.set()

    assert await pool.result(loop, lambda: "next") == "next"
    assert waiting.cancelled()
    pool.close()
