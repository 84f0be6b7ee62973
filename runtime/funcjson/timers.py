"""Fires timerTrigger functions at their times, one run at a time each."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from funcjson.bindings.timer_trigger import next_occurrence, schedule_of, timer_payload
from funcjson.errors import FuncJsonError
from funcjson.model import TriggerEvent
from funcjson.plan import Plan

log = logging.getLogger("funcjson.host")

Fire = Callable[[Plan, TriggerEvent], Awaitable[Any]]


async def run_timer(plan: Plan, fire: Fire) -> None:
    """Run one timer until cancelled. A failed run is logged by `fire` and never stops the schedule."""
    trigger = plan.function.trigger
    schedule = schedule_of(trigger)
    last: datetime | None = None
    if trigger.properties.get("runOnStartup") is True:
        last = await _fire(plan, fire, last, next_occurrence(schedule, datetime.now(UTC)), False)
    while True:
        due = next_occurrence(schedule, datetime.now(UTC))
        if due is None:
            return
        await _until(due)
        past_due = datetime.now(UTC) - due > timedelta(seconds=1)
        last = await _fire(plan, fire, last, next_occurrence(schedule, due), past_due)


async def _until(due: datetime) -> None:
    """Long waits are cut, so that a suspended machine or a changed clock is noticed in a minute."""
    wait = (due - datetime.now(UTC)).total_seconds()
    while wait > 0:
        await asyncio.sleep(min(wait, 60.0))
        wait = (due - datetime.now(UTC)).total_seconds()


async def _fire(
    plan: Plan, fire: Fire, last: datetime | None, following: datetime | None, past_due: bool
) -> datetime:
    now = datetime.now(UTC)
    event = TriggerEvent(
        "timerTrigger",
        payload=timer_payload(last, following, past_due),
        reason=f"Timer fired at {now.isoformat()}",
    )
    try:
        await fire(plan, event)
    except FuncJsonError:
        # Already logged with its invocation.
        log.debug("timer '%s' goes on after a failed run", plan.function.name)
    return now
