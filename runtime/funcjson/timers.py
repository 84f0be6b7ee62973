"""Fires timerTrigger functions at their times, one run at a time each.

A schedule ends when its version is replaced; a run that it began comes to its own end, like a request that is being answered.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from funcjson.bindings.timer_trigger import (
    FIRED,
    next_occurrence,
    schedule_of,
    timer_payload,
)
from funcjson.errors import FuncJsonError
from funcjson.model import TriggerEvent
from funcjson.plan import Plan

log = logging.getLogger("funcjson.host")

Fire = Callable[[Plan, TriggerEvent], Awaitable[Any]]


class Timers:
    """The schedules that are followed, and the runs that they began; `stop` ends both."""

    def __init__(self) -> None:
        self._schedules: dict[str, tuple[Plan, asyncio.Task[None]]] = {}
        # Also what is cancelled and has not ended yet, and runs whose schedule is over.
        self._tasks: set[asyncio.Task[None]] = set()

    def follow(self, plans: Iterable[Plan], fire: Fire) -> None:
        """Follow the schedules of these plans and no others. One whose plan is the same goes on as if nothing had happened."""
        before, self._schedules = self._schedules, {}
        for plan in plans:
            name = plan.function.name
            kept = before.get(name)
            if kept is not None and kept[0] is plan:
                self._schedules[name] = before.pop(name)
            else:
                self._schedules[name] = plan, self._begin(self._keep(plan, fire), f"timer {name}")
        for _, task in before.values():
            task.cancel()

    async def stop(self) -> None:
        """End all schedules and runs."""
        self._schedules = {}
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _begin(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _keep(self, plan: Plan, fire: Fire) -> None:
        """Fire at the times of one schedule, until cancelled."""
        trigger = plan.function.trigger
        schedule = schedule_of(trigger)
        last: datetime | None = None
        # Azure's host starts anew at each reload, so this is so then, too.
        if trigger.properties.get("runOnStartup") is True:
            last = datetime.now(UTC)
            await self._run(plan, fire, timer_payload(None, next_occurrence(schedule, last), False))
        while True:
            due = next_occurrence(schedule, datetime.now(UTC))
            if due is None:
                return
            await _until(due)
            now = datetime.now(UTC)
            past_due = now - due > timedelta(seconds=1)
            following = next_occurrence(schedule, due)
            await self._run(plan, fire, timer_payload(last, following, past_due))
            last = now

    async def _run(self, plan: Plan, fire: Fire, payload: dict[str, Any]) -> None:
        """One run to its end, which it comes to also when the schedule is over before."""
        reason = f"{FIRED}{datetime.now(UTC).isoformat()}"
        event = TriggerEvent("timerTrigger", payload=payload, reason=reason)
        name = plan.function.name
        run = self._begin(_survived(name, fire(plan, event)), f"run of timer {name}")
        # Unlike `await run`, this does not pass a cancellation on.
        await asyncio.wait({run})


async def _survived(name: str, run: Awaitable[Any]) -> None:
    try:
        await run
    except FuncJsonError:
        # Already logged with its invocation.
        log.debug("timer '%s' goes on after a failed run", name)
    except Exception:
        # The seam where a fault of a binding, ours or another's, must not end the schedule.
        log.exception("A run of the timer '%s' failed inside the host; its schedule goes on", name)


async def _until(due: datetime) -> None:
    """Long waits are cut, so that a suspended machine or a changed clock is noticed in a minute."""
    wait = (due - datetime.now(UTC)).total_seconds()
    while wait > 0:
        await asyncio.sleep(min(wait, 60.0))
        wait = (due - datetime.now(UTC)).total_seconds()
