"""What a handler's context and outputs look like."""

from __future__ import annotations

import threading

from funcjson.workers.python_worker.context import Context, Out


def test_the_context_has_the_real_workers_members() -> None:
    local = threading.local()
    context = Context(
        "f", "/app/f", "i", local, {"retry": [1, 3, "why", "File x"], "trace_parent": "00-x"}
    )

    assert (context.function_name, context.function_directory) == ("f", "/app/f")
    assert context.invocation_id == "i"
    assert context.thread_local_storage is local
    assert context.trace_context.trace_parent == context.trace_context.Traceparent == "00-x"
    assert context.trace_context.trace_state == context.trace_context.Tracestate == ""
    assert context.trace_context.attributes == context.trace_context.Attributes == {}
    assert (context.retry_context.retry_count, context.retry_context.max_retry_count) == (1, 3)
    assert context.retry_context.exception.message == "why"
    assert context.retry_context.exception.stack_trace == "File x"


def test_the_retry_context_is_always_there() -> None:
    context = Context("f", "/app/f", "i", threading.local(), {"retry": None})

    assert context.retry_context.retry_count == 0


def test_out_gives_what_was_set_last() -> None:
    out = Out()
    assert out.get() is None
    out.set("a")
    out.set("b")

    assert out.get() == "b"
