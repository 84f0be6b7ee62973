"""When a reload is begun, dropped and refused; the versions are stand-ins."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from funcjson.app_version import AppVersion
from funcjson.errors import AppLoadError, Problem
from funcjson.reload import Watcher
from funcjson.reloading import Reloads
from funcjson.settings import load_settings
from funcjson.watched_files import NOTHING_MORE


class Stand:
    """A host whose versions are ready when a test says so."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.version = self.new()
        self.asked: asyncio.Queue[asyncio.Future[AppVersion]] = asyncio.Queue()
        self.installed: asyncio.Queue[AppVersion] = asyncio.Queue()

    def new(self) -> AppVersion:
        return AppVersion(load_settings(self.root, {}), {}, {}, ())

    async def prepare(self, changed: Iterable[str] = ()) -> AppVersion:
        answer: asyncio.Future[AppVersion] = asyncio.get_running_loop().create_future()
        self.asked.put_nowait(answer)
        return await answer

    def install(self, version: AppVersion) -> None:
        self.version = version
        self.installed.put_nowait(version)

    async def drain(self, version: AppVersion) -> None:
        await asyncio.Event().wait()


@asynccontextmanager
async def watching(root: Path) -> AsyncIterator[Stand]:
    host = Stand(root)
    reloads = Reloads(host, Watcher(root), str(root), lambda _: NOTHING_MORE)
    watch = asyncio.create_task(reloads.watch())
    try:
        yield host
    finally:
        watch.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await watch
        await reloads.close()


async def test_a_reload_that_newer_saves_made_out_of_date_is_dropped(tmp_path: Path) -> None:
    async with watching(tmp_path) as host:
        (tmp_path / "a.py").write_text("1")
        outdated = await host.asked.get()
        (tmp_path / "a.py").write_text("22")
        answer = await host.asked.get()
        version = host.new()
        answer.set_result(version)

        assert await host.installed.get() is version
        assert outdated.cancelled()


async def test_a_version_that_is_replaced_does_not_hold_up_the_next(tmp_path: Path) -> None:
    async with watching(tmp_path) as host:
        for text in ("1", "22", "333"):
            (tmp_path / "a.py").write_text(text)
            (await host.asked.get()).set_result(version := host.new())

            assert await host.installed.get() is version


async def test_what_waits_for_a_file_to_be_mended_is_named_until_it_is(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with watching(tmp_path) as host:
        for name in ("a.py", "b.py"):
            (tmp_path / name).write_text("1")
            (await host.asked.get()).set_exception(AppLoadError(Problem("FJ0120", "a is broken")))
        (tmp_path / "c.py").write_text("1")
        (await host.asked.get()).set_result(host.new())
        await host.installed.get()

    refused = [r.getMessage() for r in caplog.records if "not taken" in r.getMessage()]
    assert ["a.py, b.py" in text for text in refused] == [False, True]
    assert all("a is broken" in text for text in refused)
