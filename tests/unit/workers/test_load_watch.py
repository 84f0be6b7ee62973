"""Which of several loads is the one that does not end."""

from __future__ import annotations

import asyncio

import pytest

from funcjson.workers.load_watch import LoadWatch, NeverLoaded


async def test_a_job_that_ends_gives_its_value_and_nothing_is_told() -> None:
    told: list[str] = []

    async def job() -> int:
        return 5

    assert await LoadWatch(told.append).run("f", job()) == 5
    assert told == []


async def test_the_first_that_waits_is_the_one_that_does_not_end() -> None:
    told: list[str] = []
    watch = LoadWatch(told.append, notice_s=0.02, limit_s=0.2)
    forever = asyncio.Event()
    second = asyncio.create_task(_behind(watch, forever))
    with pytest.raises(NeverLoaded):
        await watch.run("first", forever.wait())
    # What waited behind it has its own time from now on.
    forever.set()

    assert await second
    assert told[0] == "first"


async def test_what_has_waited_as_long_is_overdue_too() -> None:
    watch = LoadWatch(lambda _: None, notice_s=0.02, limit_s=0.2)
    forever = asyncio.Event()
    second = asyncio.create_task(_behind(watch, forever))
    first = asyncio.create_task(watch.run("first", forever.wait()))
    await asyncio.sleep(0)
    early = watch.overdue()
    with pytest.raises(NeverLoaded):
        await first
    third = asyncio.create_task(watch.run("third", forever.wait()))
    await asyncio.sleep(0)
    late = watch.overdue()
    forever.set()
    await asyncio.gather(second, third)

    assert (early, late) == ([], ["second"])


async def _behind(watch: LoadWatch, gate: asyncio.Event) -> bool:
    await asyncio.sleep(0)
    return await watch.run("second", gate.wait())
