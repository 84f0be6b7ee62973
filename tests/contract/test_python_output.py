"""What Python code writes is in the log whole and in time, also when its line never ends."""

from __future__ import annotations

import asyncio
from pathlib import Path

from tests.contract.python_app import lost, python_app


async def test_text_without_a_line_end_is_there_while_the_code_goes_on(tmp_path: Path) -> None:
    waits = """
import threading
def main(event):
    print("step 1...", end="", flush=True)
    threading.Event().wait()
"""
    async with python_app(tmp_path, waits=waits) as app:
        call = asyncio.create_task(lost(app.call("waits", identifier="7")))
        line = await app.line("step 1...")
        await app.worker.restart("the test is over")
        await call

    assert (line.function, line.invocation_id) == ("waits", "7")


async def test_text_without_a_line_end_outlives_the_process(tmp_path: Path) -> None:
    dies = """
import os, sys
def main(event):
    print("step 1...", end="", flush=True)
    print("why", end="", file=sys.stderr, flush=True)
    os._exit(4)
"""
    async with python_app(tmp_path, dies=dies) as app:
        problem = await lost(app.call("dies"))
        lines = [(entry.message, entry.function) for entry in app.logs]

    assert ("step 1...", "dies") in lines
    assert ("why", "dies") in lines
    assert problem.why.endswith("stderr:\nwhy")


async def test_a_line_that_is_flushed_in_pieces_is_one_line(tmp_path: Path) -> None:
    pieces = """
def main(event):
    for piece in ("a", "b", "c\\nd", "e"):
        print(piece, end="", flush=True)
"""
    async with python_app(tmp_path, pieces=pieces) as app:
        await app.call("pieces")

    assert [entry.message for entry in app.logs] == ["abc", "de"]


async def test_a_progress_bar_that_is_flushed_has_each_state_once(tmp_path: Path) -> None:
    bar = """
import sys
def main(event):
    for number in range(3):
        sys.stdout.write(f"\\r{number} of 2")
        sys.stdout.flush()
    print(" done")
"""
    async with python_app(tmp_path, bar=bar) as app:
        await app.call("bar")

    assert [entry.message for entry in app.logs] == ["0 of 2", "1 of 2", "2 of 2 done"]


async def test_bytes_that_cut_characters_are_whole_in_the_log(tmp_path: Path) -> None:
    pieces = """
import io, shutil, sys
def main(event):
    text = "привет мир " * 100
    shutil.copyfileobj(io.BytesIO(text.encode() + b"\\n"), sys.stdout.buffer, 7)
    sys.stdout.buffer.write("né".encode()[:2])
    sys.stdout.buffer.flush()
"""
    async with python_app(tmp_path, pieces=pieces) as app:
        await app.call("pieces")

    assert [entry.message for entry in app.logs] == ["привет мир " * 100, "n\ufffd"]
