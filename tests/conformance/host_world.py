"""A real host on a folder of files: workers in processes of their own, a real HTTP client."""

from __future__ import annotations

import asyncio
import json
import logging
import os
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
from tests.unit.workers.node_driver import with_packages
from yarl import URL

from funcjson.errors import Problem, Severity
from funcjson.host import Host, HostOptions
from funcjson.trace import InvocationTrace, Step

# What a handler's process needs of this machine.
KEPT = ("PATH", "HOME", "LANG", "LD_LIBRARY_PATH")


class Lines(logging.Handler):
    """All that the host logged."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.came = asyncio.Event()

    def emit(self, record: logging.LogRecord) -> None:
        self.texts.append(record.getMessage())
        self.came.set()

    async def containing(self, text: str) -> str:
        """The first line with this text, as soon as it is there."""
        while True:
            for line in self.texts:
                if text in line:
                    return line
            self.came.clear()
            await self.came.wait()


@contextmanager
def listening() -> Iterator[Lines]:
    """What is logged meanwhile."""
    logger, lines = logging.getLogger("funcjson"), Lines()
    before = logger.level
    logger.addHandler(lines)
    logger.setLevel(logging.DEBUG)
    try:
        yield lines
    finally:
        logger.removeHandler(lines)
        logger.setLevel(before)


@dataclass
class Answer:
    """Header names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass
class World:
    """A started host."""

    host: Host
    lines: Lines
    http: aiohttp.ClientSession
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def logs(self) -> list[str]:
        return self.lines.texts

    async def request(self, given: Mapping[str, Any]) -> Answer:
        body = given.get("body")
        async with self.http.request(
            given["method"],
            URL(self.host.url + given["path"], encoded=True),
            data=None if body is None else body.encode(),
            headers=given.get("headers"),
            allow_redirects=False,
            skip_auto_headers=["Content-Type", "User-Agent"],
        ) as response:
            headers = {name.lower(): value for name, value in response.headers.items()}
            return Answer(response.status, headers, await response.read())

    async def invoked(self) -> InvocationTrace:
        """The trace of the first invocation that has ended."""
        await self.ended.wait()
        return next(trace for trace in self.host.recorder if trace.outcome != "running")

    def problems(self) -> list[Problem]:
        version = self.host.version
        return [*version.problems, *(p for e in version.broken.values() for p in e.problems)]

    def sent(self) -> dict[str, Any]:
        """What the last invocation handed to outputs that are no answer, by name."""
        trace = list(self.host.recorder)[-1]
        collected = [e.data for e in trace.events if e.step is Step.COLLECTED]
        return {
            pending.step.binding.name: _value(data["values"][pending.step.binding.name])
            for data in collected
            for pending in data["outputs"]
            if pending.items
        }

    def in_error(self) -> list[str]:
        failed = {p.function for p in self.problems() if p.severity is Severity.ERROR}
        return sorted(name for name in failed if name)


def _value(typed: Mapping[str, Any]) -> Any:
    return json.loads(typed["json"]) if "json" in typed else next(iter(typed.values()))


@asynccontextmanager
async def running(
    root: Path,
    files: Mapping[str, str],
    environment: Mapping[str, str] | None = None,
    **options: Any,
) -> AsyncIterator[World]:
    """The host of an app with these files; raises FuncJsonError when it refuses to start."""
    app = root / "app"
    for name, text in files.items():
        (app / name).parent.mkdir(parents=True, exist_ok=True)
        (app / name).write_text(text, encoding="utf-8")
    if any("@azure/functions" in text for text in files.values()):
        with_packages(app)
    environ = {name: os.environ[name] for name in KEPT if name in os.environ}
    host = Host(
        HostOptions(app, **{"port": 0, "service_port": 0, "reload": False, **options}),
        {**environ, **(environment or {})},
    )
    with listening() as lines:
        await host.start()
        try:
            async with aiohttp.ClientSession() as http:
                world = World(host, lines, http)
                host.recorder.listen(lambda _: world.ended.set())
                yield world
        finally:
            await host.stop()
