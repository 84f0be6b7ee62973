"""The gate before clients that send by POST."""

from __future__ import annotations

import asyncio

from funcjson.signalr.transports.gate import Gate


async def test_it_is_open_until_held() -> None:
    gate = Gate()
    await gate.passed()
    gate.hold(True)
    gate.hold(True)
    waiting = [asyncio.create_task(gate.passed()) for _ in range(2)]
    await asyncio.sleep(0)
    assert not any(task.done() for task in waiting)
    gate.hold(False)
    gate.hold(False)
    await asyncio.gather(*waiting)
    await gate.passed()
