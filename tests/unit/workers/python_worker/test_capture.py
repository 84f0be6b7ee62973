"""Lines of user code: whose they are, whole, and in order."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextvars
import io
import logging
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from funcjson.workers.python_worker import capture
from funcjson.workers.python_worker.capture import Capture, Invocation

Line = tuple[str, str, str, str | None, str]


class Recorder:
    """A capture and what it emitted: (level, message, category, invocation id, stream)."""

    def __init__(self, everything: bool = True) -> None:
        self.lines: list[Line] = []
        self.parts: list[tuple[str, capture.Part | None]] = []
        self.capture = Capture(self._emit, everything)
        self.installed = False

    @contextmanager
    def in_place(self) -> Iterator[None]:
        # Not a fixture: pytest puts its own streams in place between set-up and test.
        self.capture.install(logging.INFO)
        self.installed = True
        try:
            yield
        finally:
            self.capture.uninstall()
            self.installed = False

    def _emit(
        self,
        level: str,
        message: str,
        category: str,
        invocation: Any,
        stream: str,
        part: capture.Part | None,
    ) -> None:
        self.lines.append((level, message, category, invocation and invocation.id, stream))
        self.parts.append((message, part))

    def run(self, identifier: str, code: Callable[[], Any]) -> None:
        """Run code as an invocation, with the capture in place meanwhile."""
        if not self.installed:
            with self.in_place():
                self.run(identifier, code)
            return
        invocation = Invocation(identifier, "f", self.capture)
        self.capture.running[identifier] = invocation

        def call() -> None:
            capture.current.set(invocation)
            code()
            self.capture.end_lines(invocation)

        contextvars.Context().run(call)


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


def messages(recorder: Recorder) -> list[str]:
    return [line[1] for line in recorder.lines]


def test_each_printed_line_is_one_line_of_its_invocation(recorder: Recorder) -> None:
    recorder.run("i", lambda: print("a\nb", "c"))

    assert recorder.lines == [
        ("information", "a", "console", "i", "stdout"),
        ("information", "b c", "console", "i", "stdout"),
    ]


def test_text_without_line_end_comes_at_the_end_of_the_invocation(recorder: Recorder) -> None:
    def code() -> None:
        print(".", end="")
        print(".", end="")

    recorder.run("i", code)

    assert messages(recorder) == [".."]


def test_text_that_is_flushed_is_told_before_its_line_ends(recorder: Recorder) -> None:
    def code() -> None:
        print("a", end="", flush=True)
        print("b", end="", flush=True)
        print("c")
        print("d", flush=True)
        print("e", end="", flush=True)

    recorder.run("i", code)

    (a, first), (b, same), (c, end), (d, none), (e, second), (rest, last) = recorder.parts
    assert [a, b, c, d, e, rest] == ["a", "b", "c", "d", "e", ""]
    assert first is not None
    assert second is not None
    assert first == same
    assert end == capture.Part(first.line, is_open=False)
    assert none is None
    assert last == capture.Part(second.line, is_open=False)
    assert first.line != second.line


def test_an_object_for_bytes_that_is_given_up_flushes_nothing(recorder: Recorder) -> None:
    recorder.run("i", lambda: sys.stdout.buffer.write(b"a"))

    assert recorder.parts == [("a", None)]


def test_lines_of_two_invocations_in_one_thread_do_not_mix(recorder: Recorder) -> None:
    recorder.run("outer", lambda: (print("1", end=""), recorder.run("inner", lambda: print("2"))))

    assert [(line[1], line[3]) for line in recorder.lines] == [("2", "inner"), ("1", "outer")]


def test_stderr_lines_get_their_level_from_their_words(recorder: Recorder) -> None:
    recorder.run("i", lambda: print("UserWarning: x", file=sys.stderr))

    assert recorder.lines == [("warning", "UserWarning: x", "console", "i", "stderr")]


def test_bytes_written_to_the_buffer_are_text(recorder: Recorder) -> None:
    recorder.run("i", lambda: sys.stdout.buffer.write("ü\n".encode()))

    assert messages(recorder) == ["ü"]


def test_only_text_can_be_written(recorder: Recorder) -> None:
    with pytest.raises(TypeError):
        recorder.run("i", lambda: sys.stdout.write(b"x"))


@pytest.mark.parametrize(
    ("level", "name"),
    [
        (logging.CRITICAL, "critical"),
        (logging.ERROR, "error"),
        (logging.WARNING, "warning"),
        (logging.INFO, "information"),
        (25, "information"),
    ],
)
def test_log_levels_are_kept(recorder: Recorder, level: int, name: str) -> None:
    recorder.run("i", lambda: logging.log(level, "a %s\nb", "1"))

    assert recorder.lines == [(name, "a 1\nb", "user", "i", "")]


def test_debug_lines_need_the_setting(recorder: Recorder) -> None:
    recorder.run("i", lambda: logging.debug("no"))

    assert recorder.lines == []


def test_loggers_of_the_library_are_system(recorder: Recorder) -> None:
    recorder.run("i", lambda: logging.getLogger("azure.functions.x").info("m"))

    assert recorder.lines == [("information", "m", "system", "i", "")]


def test_a_log_call_with_wrong_arguments_is_reported_not_raised(recorder: Recorder) -> None:
    def code() -> None:
        # pytest's handler raises; ours, the newest, is asked alone.
        logger = logging.Logger("user")
        logger.addHandler(logging.getLogger().handlers[-1])
        logger.info("%d", "x")

    recorder.run("i", code)

    assert "--- Logging error ---" in messages(recorder)


def test_a_thread_belongs_to_the_invocation_that_started_it(recorder: Recorder) -> None:
    def code() -> None:
        thread = threading.Thread(target=print, args=("from a thread",))
        thread.start()
        thread.join()

    recorder.run("i", code)

    assert recorder.lines == [("information", "from a thread", "console", "i", "stdout")]


def test_a_job_of_a_pool_belongs_to_the_invocation_that_submitted_it(recorder: Recorder) -> None:
    with concurrent.futures.ThreadPoolExecutor(1) as pool, recorder.in_place():
        recorder.run("first", lambda: pool.submit(print, "1").result())
        recorder.run("second", lambda: pool.submit(print, "2").result())

    assert [(line[1], line[3]) for line in recorder.lines] == [("1", "first"), ("2", "second")]


def test_jobs_of_the_loops_own_pool_belong_to_the_invocation(recorder: Recorder) -> None:
    async def work() -> None:
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(None, print, "mine")

    recorder.run("i", lambda: asyncio.run(work()))

    assert [(line[1], line[3]) for line in recorder.lines] == [("mine", "i")]


def test_thread_local_storage_names_the_invocation(recorder: Recorder) -> None:
    local = recorder.capture.thread_local

    def work() -> None:
        local.invocation_id = "i"
        print("mine")

    def code() -> None:
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            pool.submit(work).result()

    recorder.run("i", code)

    assert recorder.lines == [("information", "mine", "console", "i", "stdout")]


def test_lines_of_no_invocation_go_where_they_went_when_the_process_is_shared() -> None:
    before = io.StringIO()
    recorder = Recorder(everything=False)
    stdout, sys.stdout = sys.stdout, before
    try:
        with recorder.in_place():
            print("the host's own")
            recorder.run("i", lambda: print("a handler's"))
        assert sys.stdout is before
    finally:
        sys.stdout = stdout

    assert before.getvalue() == "the host's own\n"
    assert messages(recorder) == ["a handler's"]


def test_two_captures_in_one_process_keep_to_their_own() -> None:
    first, second = Recorder(everything=False), Recorder(everything=False)
    with first.in_place(), second.in_place():
        first.run("1", lambda: (print("a"), logging.info("b")))
        second.run("2", lambda: (print("c"), logging.info("d")))

    assert (messages(first), messages(second)) == (["a", "b"], ["c", "d"])


def test_uninstall_gives_everything_back() -> None:
    root = logging.getLogger()
    pool = concurrent.futures.ThreadPoolExecutor
    before = (
        sys.stdout, sys.stderr, root.level, list(root.handlers), threading.Thread.start, pool.submit
    )  # fmt: skip
    recorder = Recorder()
    recorder.capture.install(logging.DEBUG)
    print("left", end="")
    recorder.capture.uninstall()
    recorder.capture.uninstall()

    assert before == (
        sys.stdout, sys.stderr, root.level, list(root.handlers), threading.Thread.start, pool.submit
    )  # fmt: skip
    assert messages(recorder) == ["left"]


def test_a_job_in_another_thread_says_whose_it_is_only_while_it_runs() -> None:
    recorder = Recorder()
    local = recorder.capture.thread_local
    invocation = Invocation("7", "f", recorder.capture)

    seen = recorder.capture.works_for(invocation, lambda: local.invocation_id)()

    assert (seen, local.invocation_id) == ("7", None)
