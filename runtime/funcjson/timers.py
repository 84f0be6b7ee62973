"""Fires timerTrigger functions at their times, one run at a time each."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from funcjson.bindings.timer_trigger import next_occurrence, parse_schedule, timer_payload
from funcjson.errors import FuncJsonError
from funcjson.model import TriggerEvent
from funcjson.plan import Plan

log = logging.getLogger("funcjson.host")

Fire = Callable[[Plan, TriggerEvent], Awaitable[Any]]


async def run_timer(plan: Plan, schedule_text: str, fire: Fire) -> None:
    """Run one timer until cancelled. A failed run is logged by `fire` and never stops the schedule."""
    schedule = parse_schedule(schedule_text)
    trigger = plan.function.trigger
    last: datetime | None = None
    if trigger.properties.get("runOnStartup") is True:
        last = await _fire(plan, fire, last, next_occurrence(schedule, datetime.now(UTC)), False)
    while True:
        due = next_occurrence(schedule, datetime.now(UTC))
        if due is None:
            return
        # Long waits are cut, so that a suspended machine or a changed clock is noticed within a minute.
        while (wait := (due - datetime.now(UTC)).total_seconds()) > 0:
            await asyncio.sleep(min(wait, 60.0))
        past_due = datetime.now(UTC) - due > timedelta(seconds=1)
        last = await _fire(plan, fire, last, next_occurrence(schedule, due), past_due)


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
