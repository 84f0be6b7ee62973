"""Schedules and the runs that they begin: what a failure and a change of the schedules do to them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from funcjson.errors import FuncJsonError, Problem
from funcjson.model import Binding, Direction, Function, Language, TriggerEvent
from funcjson.plan import Plan, make_plan
from funcjson.registry import open_registry
from funcjson.settings import load_settings
from funcjson.timers import Timers


class Runs:
    """What timers fire: each run ends as the test says, with `end`."""

    def __init__(self) -> None:
        self.begun: asyncio.Queue[asyncio.Future[None]] = asyncio.Queue()

    async def fire(self, _plan: Plan, _event: TriggerEvent) -> None:
        end: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.begun.put_nowait(end)
        await end


def timer(name: str = "tick", schedule: str = "00:00:00.010", startup: bool = False) -> Plan:
    properties = {"schedule": schedule, "runOnStartup": startup}
    trigger = Binding("t", "timerTrigger", Direction.IN, properties, "/bindings/0")
    function = Function(name, Path(), (trigger,), Language.PYTHON, f"{name}/__init__.py")
    return make_plan(function, open_registry([]), load_settings(Path("/nonexistent"), {}))


RARELY = "0 0 0 29 2 *"


@pytest_asyncio.fixture
async def timers() -> AsyncIterator[Timers]:
    timers = Timers()
    yield timers
    await timers.stop()


@pytest.mark.parametrize(
    "failure",
    [ValueError("a bug in a third party's binding"), FuncJsonError(Problem("FJ0504", "no"))],
    ids=lambda error: type(error).__name__,
)
async def test_a_schedule_survives_any_failure_of_a_run(timers: Timers, failure: Exception) -> None:
    runs = Runs()
    timers.follow([timer()], runs.fire)

    for _ in range(2):
        (await runs.begun.get()).set_exception(failure)

    (await runs.begun.get()).set_result(None)


async def test_a_failure_that_nobody_told_of_is_logged_with_its_traceback(
    timers: Timers, caplog: pytest.LogCaptureFixture
) -> None:
    runs = Runs()
    with caplog.at_level(logging.ERROR, "funcjson.host"):
        timers.follow([timer()], runs.fire)
        (await runs.begun.get()).set_exception(ValueError("a bug in a third party's binding"))
        await runs.begun.get()

    assert "tick" in caplog.text
    assert "Traceback" in caplog.text
    assert "a bug in a third party's binding" in caplog.text


async def test_a_run_comes_to_its_end_when_the_schedule_is_replaced(timers: Timers) -> None:
    old, new = Runs(), Runs()
    timers.follow([timer(schedule=RARELY, startup=True)], old.fire)
    end = await old.begun.get()

    timers.follow([timer(startup=True)], new.fire)
    first = await new.begun.get()
    first.set_result(None)
    await new.begun.get()

    assert not end.cancelled()
    assert old.begun.empty()


async def test_a_timer_whose_plan_is_the_same_goes_on(timers: Timers) -> None:
    old, new, kept = Runs(), Runs(), timer(schedule=RARELY, startup=True)
    timers.follow([kept], old.fire)
    end = await old.begun.get()

    other = timer("other", RARELY, startup=True)
    timers.follow([kept, other], new.fire)
    await new.begun.get()

    assert not end.cancelled()
    assert new.begun.empty(), "runOnStartup is for a function that starts"


async def test_runs_of_one_schedule_do_not_overlap(timers: Timers) -> None:
    slow, fast = Runs(), Runs()
    timers.follow([timer()], slow.fire)
    await slow.begun.get()
    timers.follow([timer("other")], fast.fire)
    for _ in range(3):
        (await fast.begun.get()).set_result(None)

    assert slow.begun.empty()


async def test_stop_ends_schedules_and_runs() -> None:
    timers, runs = Timers(), Runs()
    timers.follow([timer()], runs.fire)
    end = await runs.begun.get()

    await timers.stop()

    assert end.cancelled()
