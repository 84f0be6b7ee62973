"""Run the product and its clients as real processes, as a user does, and read all they print."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlsplit

ROOT = Path(__file__).resolve().parents[2]
CLIENTS = Path(__file__).parent / "clients"
START_TIMEOUT_S = 30.0
# Whatever a key or a token would look like in output: none may ever be printed.
# (`KEY` is what texts write in the place of one.)
SECRET = re.compile(r"eyJ[\w-]{8,}\.[\w-]{8,}|AccessKey=(?!\*|KEY\b)[^;\s\"']+", re.IGNORECASE)


class Output:
    """The lines that a process printed on both of its streams, in the order in which they came."""

    def __init__(self, *streams: IO[str]) -> None:
        self._lines: list[str] = []
        self._changed = threading.Condition()
        self._open = len(streams)
        self._threads = [
            threading.Thread(target=self._read, args=(stream,), daemon=True) for stream in streams
        ]
        for thread in self._threads:
            thread.start()

    def _read(self, stream: IO[str]) -> None:
        with stream:
            for line in stream:
                with self._changed:
                    self._lines.append(line.rstrip("\n"))
                    self._changed.notify_all()
        with self._changed:
            self._open -= 1
            self._changed.notify_all()

    def text(self) -> str:
        with self._changed:
            return "\n".join(self._lines)

    def line(self, index: int, timeout_s: float = 20.0) -> str:
        """The line with this index, as soon as it is there."""
        with self._changed:
            came = self._changed.wait_for(
                lambda: len(self._lines) > index or not self._open, timeout_s
            )
            seen = "\n".join(self._lines)
            assert came, f"no line {index} within {timeout_s} s, only:\n{seen}"
            assert len(self._lines) > index, f"the process ended after:\n{seen}"
            return self._lines[index]

    def wait_for(self, pattern: str, timeout_s: float = 20.0) -> re.Match[str]:
        """The first match in the text, as soon as it is there."""
        found: list[re.Match[str]] = []

        def look() -> bool:
            match = re.search(pattern, "\n".join(self._lines), re.MULTILINE)
            found.extend([match] if match else [])
            return bool(match) or not self._open

        with self._changed:
            self._changed.wait_for(look, timeout_s)
            assert found, f"{pattern!r} was not printed, only:\n" + "\n".join(self._lines)
        return found[0]

    def close(self) -> None:
        for thread in self._threads:
            thread.join(10.0)


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP response. Header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    text: str

    def json(self) -> Any:
        return json.loads(self.text)


def request(
    method: str, url: str, body: Any = None, headers: Mapping[str, str] | None = None
) -> Answer:
    """One HTTP request on its own connection, without proxies; `body` goes as JSON if not text."""
    parts = urlsplit(url)
    assert parts.hostname is not None
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=20)
    with contextlib.closing(connection):
        sent = dict(headers or {})
        if body is not None and not isinstance(body, str):
            body = json.dumps(body)
            sent.setdefault("content-type", "application/json")
        path = parts.path + (f"?{parts.query}" if parts.query else "")
        connection.request(method, path, body, sent)
        response = connection.getresponse()
        return Answer(
            response.status,
            {name.lower(): value for name, value in response.getheaders()},
            response.read().decode(),
        )


def signed_in_as(name: str) -> dict[str, str]:
    """The headers that the host believes from a client on the same machine."""
    return {"x-ms-client-principal-id": name, "x-ms-client-principal-name": name}


def session_members(session: int) -> list[int]:
    """The processes of a session that still run (a zombie does not)."""
    members = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            fields = stat.read_text().rpartition(")")[2].split()
            if int(fields[3]) == session and fields[0] not in "ZX":
                members.append(int(stat.parent.name))
    return members


def wait_gone(pids: Sequence[int], timeout_s: float = 10.0) -> list[int]:
    """Those of the processes that still run after the time; at once when all are gone."""
    deadline = time.monotonic() + timeout_s
    left = []
    for pid in pids:
        try:
            handle = os.pidfd_open(pid)
        except ProcessLookupError:
            continue
        ready, _, _ = select.select([handle], [], [], max(0.0, deadline - time.monotonic()))
        os.close(handle)
        left.extend([] if ready else [pid])
    return left


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """This process's environment without what would change an app."""
    dropped = ("AzureSignalR", "AzureWebJobs", "FUNCTIONS_", "FUNCJSON_", "PYTEST_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(dropped)}
    return {**kept, **(extra or {})}


def funcjson(*arguments: str, extra: Mapping[str, str] | None = None) -> subprocess.Popen[str]:
    """Start the command, in a session of its own so that whatever it leaves behind can be found."""
    return subprocess.Popen(
        [sys.executable, "-m", "funcjson", *arguments],
        cwd=ROOT,
        env=environment(extra),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        start_new_session=True,
    )


def run_funcjson(*arguments: str, extra: Mapping[str, str] | None = None) -> tuple[int, str, str]:
    """Run the command to its end: exit code, stdout, stderr."""
    process = funcjson(*arguments, extra=extra)
    try:
        out, err = process.communicate(timeout=30)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        out, err = process.communicate()
        raise AssertionError(f"funcjson {' '.join(arguments)} did not end:\n{out}\n{err}") from None
    return process.returncode, out, err


@dataclass(slots=True)
class RunningHost:
    """`funcjson start` on one app. `host` and `service` are base URLs without a final slash."""

    process: subprocess.Popen[str]
    output: Output
    host: str
    service: str
    ready: Mapping[str, Any] = field(default_factory=dict)

    def call(self, method: str, path: str, body: Any = None, user: str | None = None) -> Answer:
        """Call a path of the host, signed in as `user` if there is one."""
        headers = signed_in_as(user) if user else None
        return request(method, f"{self.host}{path}", body, headers)

    def processes(self) -> list[int]:
        """The host and all that it started."""
        return session_members(self.process.pid)

    def stop(self, number: int = signal.SIGINT) -> int:
        """Stop as Ctrl-C does and give the exit code; the process must not take long."""
        self.process.send_signal(number)
        return self.ended()

    def ended(self) -> int:
        try:
            code = self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"the host did not stop:\n{self.output.text()}") from None
        self.output.close()
        return code

    def kill(self) -> None:
        """End everything that is still there, whatever happened."""
        for pid in self.processes():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait(10)
        self.output.close()


def start_host(
    app: Path,
    scratch: Path,
    *options: str,
    extra: Mapping[str, str] | None = None,
    timeout_s: float = START_TIMEOUT_S,
    any_service_port: bool = True,
) -> RunningHost:
    """Start the app on free ports and return when it answers."""
    ready_file = scratch / f"{app.name}-{os.getpid()}-{time.monotonic_ns()}.json"
    ports = ("--port", "0", *(("--service-port", "0") if any_service_port else ()))
    written = ("--ready-file", str(ready_file))
    process = funcjson("start", str(app), *ports, *written, *options, extra=extra)
    return when_ready(process, ready_file, timeout_s)


def when_ready(process: subprocess.Popen[str], ready_file: Path, timeout_s: float) -> RunningHost:
    """The host, once it has written its ready file. Fails with all output if it does not."""
    assert process.stdout is not None and process.stderr is not None
    output = Output(process.stdout, process.stderr)
    deadline = time.monotonic() + timeout_s
    while not ready_file.exists():
        with contextlib.suppress(subprocess.TimeoutExpired):
            code = process.wait(0.02)
            output.close()
            raise AssertionError(f"the host ended with code {code}:\n{output.text()}")
        if time.monotonic() > deadline:
            RunningHost(process, output, "", "").kill()
            raise AssertionError(f"not ready after {timeout_s} s:\n{output.text()}")
    ready = json.loads(ready_file.read_text(encoding="utf-8"))
    return RunningHost(process, output, ready["host"], ready["service"], ready)


class ChatClient:
    """A program of `clients/`: it negotiates as a user and prints each message as JSON."""

    def __init__(self, command: Sequence[str], functions: str, user: str) -> None:
        self._process = subprocess.Popen(
            [*command, functions, user],
            cwd=CLIENTS,
            env=environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )
        assert self._process.stdout is not None and self._process.stderr is not None
        self._errors = Output(self._process.stderr)
        self._lines = Output(self._process.stdout)
        self._read = 0

    def _next(self) -> dict[str, Any]:
        try:
            line = self._lines.line(self._read)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self._errors.text()}") from None
        self._read += 1
        happened: dict[str, Any] = json.loads(line)
        return happened

    def connected(self) -> ChatClient:
        """Returns when the connection is up."""
        assert self._next() == {"event": "connected"}
        return self

    def next_message(self) -> dict[str, Any]:
        happened = self._next()
        assert happened["event"] == "message", happened
        message: dict[str, Any] = happened["message"]
        return message

    def messages_until(self, text: str) -> list[str]:
        """The texts of all messages since the last call, up to and with this one."""
        texts: list[str] = []
        while text not in texts:
            texts.append(self.next_message()["text"])
        return texts

    def stop(self) -> int:
        """End of input tells the client to stop its connection and end."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            code = self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(10)
            raise AssertionError(f"the client did not stop:\n{self._errors.text()}") from None
        finally:
            self._lines.close()
            self._errors.close()
        return code
