"""Lines that have begun and not ended: shown whole, or in time, and never lost."""

from __future__ import annotations

import asyncio
from typing import Any

from funcjson.workers.open_lines import OpenLines


class Log:
    """What was shown, and when something was."""

    def __init__(self, patience_s: float) -> None:
        self.texts: list[str] = []
        self.shown = asyncio.Event()
        self.lines = OpenLines(self._show, patience_s)

    def _show(self, message: dict[str, Any]) -> None:
        self.texts.append(message["message"])
        self.shown.set()

    def take(self, text: str, line: int = 1, is_open: bool = False) -> None:
        self.lines.take({"op": "log", "message": text, "line": line, "open": is_open})


async def test_a_line_that_ends_soon_is_shown_whole() -> None:
    log = Log(60.0)
    log.take("step 1", is_open=True)
    log.take("...", is_open=True)
    log.take(" done")
    log.lines.end()

    assert log.texts == ["step 1... done"]


async def test_what_waits_for_its_end_is_shown_after_a_while_and_its_rest_when_that_comes() -> None:
    log = Log(0.0)
    log.take("step 1...", is_open=True)
    await log.shown.wait()
    log.take(" done")

    assert log.texts == ["step 1...", " done"]


async def test_a_line_end_alone_shows_nothing_more() -> None:
    log = Log(0.0)
    log.take("all of it", is_open=True)
    await log.shown.wait()
    log.take("")

    assert log.texts == ["all of it"]


async def test_lines_of_several_threads_do_not_mix() -> None:
    log = Log(60.0)
    log.take("a", 1, is_open=True)
    log.take("b", 2, is_open=True)
    log.take("1", 1)
    log.take("2", 2)

    assert log.texts == ["a1", "b2"]


async def test_at_the_end_what_has_begun_is_shown() -> None:
    log = Log(60.0)
    log.take("a", 1, is_open=True)
    log.take("b", 2, is_open=True)
    log.lines.end()

    assert log.texts == ["a", "b"]
