"""The child process: an app's runtime served over the inherited socket.

A thread of its own reads the socket, so that `stacks` is answered and the end of the host is noticed
also when user code blocks everything else.
"""

from __future__ import annotations

import asyncio
import atexit
import faulthandler
import io
import os
import socket
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

from . import failures
from .capture import Note
from .runtime import Message, Runtime

_READ_SIZE = 262144
# EX_SOFTWARE of sysexits.h: an error of the program itself.
_CANNOT_GO_ON = 70


def main(wire: Any, black_box: Any) -> None:
    """Serve the host until it says stop or goes away. `wire` and `black_box` are the modules of that name."""
    connection = socket.socket(fileno=int(os.environ.pop(wire.FD_VARIABLE)))
    # Processes that user code starts must not keep the connection open when we are gone.
    connection.set_inheritable(False)
    connection.setblocking(True)
    faulthandler.enable()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="replace", line_buffering=True)
    lock = threading.Lock()
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)

    def send(message: Message) -> None:
        frame = wire.encode(message)
        try:
            with lock:
                connection.sendall(frame)
        except OSError:
            # The host is gone.
            os._exit(0)

    runtime = Runtime(send, loop, own_process=True, give_up=_give_up, note=_note(black_box))

    def leave_to_parent() -> None:
        connection.close()
        runtime.capture.abandon()

    # A fork of user code (multiprocessing) must not write to the host in between.
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=leave_to_parent)
    reader = threading.Thread(
        target=_read, args=(connection, wire.Decoder(), runtime), name="host", daemon=True
    )
    reader.start()
    try:
        while True:
            # User code that stops the loop must not stop the worker.
            loop.run_forever()
    except BaseException as error:  # noqa: BLE001 - also SystemExit, which callbacks of users raise
        _give_up(error)


def _note(black_box: Any) -> Note | None:
    """What writes down which call a thread runs, when the host has a place for it."""
    fd = os.environ.pop(black_box.FD_VARIABLE, None)
    if fd is None:
        return None
    write: Note = black_box.Writer(int(fd)).write
    return write


def _read(connection: socket.socket, decoder: Any, runtime: Runtime) -> None:
    try:
        for message in _messages(connection, decoder):
            if message.get("op") == "stop":
                break
            runtime.receive(message)
        _leave(runtime)
    except BaseException as error:  # noqa: BLE001 - whatever it is, nobody would read the host any more
        _give_up(error)


def _give_up(error: BaseException) -> NoReturn:
    """End a process that would leave calls without an answer; the host starts another one.

    What is written here is known to `last_words.py`. Nothing that may take much memory or a thread.
    """
    try:
        said = failures.describe(error)
        stack = said["stack"] or _own_place(error)
        why = f"{said['type']}: {said['message']}".rstrip(": ")
        os.write(2, f"{stack}The worker cannot go on: {why}\n".encode("utf-8", "replace"))
    finally:
        os._exit(_CANNOT_GO_ON)


def _own_place(error: BaseException) -> str:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None:
        return ""
    return f"in {Path(trace.tb_frame.f_code.co_filename).name}, line {trace.tb_lineno}\n"


def _messages(connection: socket.socket, decoder: Any) -> Iterator[Message]:
    """What the host sends, until it is gone."""
    while True:
        try:
            data = connection.recv(_READ_SIZE)
        except OSError:
            return
        if not data:
            return
        yield from decoder.feed(data)


def _leave(runtime: Runtime) -> None:
    """Exit now: running user code is not waited for, its exit functions have half a second."""
    # os._exit skips them, and a normal exit would wait for threads.
    farewell = threading.Thread(target=atexit._run_exitfuncs, daemon=True)
    farewell.start()
    farewell.join(0.5)
    try:
        runtime.capture.uninstall()
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(0)
