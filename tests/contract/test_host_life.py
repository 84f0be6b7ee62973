"""The life of a host: what a stop leaves behind, and what a start and a reload hold up."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from pathlib import Path
from typing import Any

import pytest

from funcjson.host import Host, HostOptions

NEGOTIATE = [
    {"type": "httpTrigger", "direction": "in", "name": "req"},
    {"type": "http", "direction": "out", "name": "$return"},
    {"type": "signalRConnectionInfo", "direction": "in", "name": "info", "hubName": "chat"},
]


def app(root: Path) -> Path:
    (root / "negotiate").mkdir()
    (root / "host.json").write_text('{"version": "2.0"}')
    (root / "negotiate/function.json").write_text(json.dumps({"bindings": NEGOTIATE}))
    (root / "negotiate/__init__.py").write_text("def main(req, info):\n    return info\n")
    return root


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.mark.parametrize("turns", range(6))
async def test_a_stop_while_the_service_starts_leaves_nothing(tmp_path: Path, turns: int) -> None:
    port = free_port()
    host = Host(HostOptions(app(tmp_path), port=0, service_port=port, reload=False), {})
    starting = asyncio.create_task(host.start())
    while not any(task.get_name() == "local service" for task in asyncio.all_tasks()):  # noqa: ASYNC110 - turns are meant
        await asyncio.sleep(0)
    for _ in range(turns):
        await asyncio.sleep(0)

    starting.cancel()
    await asyncio.gather(starting, return_exceptions=True)
    await host.stop()

    left = asyncio.all_tasks() - {asyncio.current_task()}
    assert [task.get_name() for task in left] == []
    assert not listens(port)


async def test_the_loop_goes_on_while_a_service_on_this_machine_is_looked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_the_loop: list[bool] = []
    connect = socket.create_connection

    def watched(*given: Any, **named: Any) -> socket.socket:
        on_the_loop.append(threading.current_thread() is threading.main_thread())
        return connect(*given, **named)

    monkeypatch.setattr(socket, "create_connection", watched)
    where = f"Endpoint=http://localhost;Port={free_port()};AccessKey=KEYKEYKEY;Version=1.0;"
    environ = {"AzureSignalRConnectionString": where}
    host = Host(HostOptions(app(tmp_path), port=0, reload=False), environ)
    await host.start()
    await host.stop()

    assert on_the_loop == [False]
