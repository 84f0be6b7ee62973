"""The small objects that a handler is given: context, trace context, retry context, and `Out`."""

from __future__ import annotations

import threading
from typing import Any


class Out:
    """Where a handler puts the value of an output binding."""

    def __init__(self) -> None:
        self.__value: Any = None

    def set(self, val: Any) -> None:
        self.__value = val

    def get(self) -> Any:
        return self.__value


class TraceContext:
    """W3C trace context. The capitalised names are the real worker's older spelling."""

    def __init__(self, trace_parent: str, trace_state: str, attributes: dict[str, str]) -> None:
        self.trace_parent = self.Traceparent = trace_parent
        self.trace_state = self.Tracestate = trace_state
        self.attributes = self.Attributes = attributes


class RpcException:
    """Why the try before this one failed."""

    def __init__(self, message: str, stack: str) -> None:
        self.source = ""
        self.stack_trace = stack
        self.message = message


class RetryContext:
    """Which try this is. Always an object, also for functions that are never retried."""

    def __init__(self, retry_count: int, max_retry_count: int, exception: str, stack: str) -> None:
        self.retry_count = retry_count
        self.max_retry_count = max_retry_count
        self.rpc_exception = self.exception = RpcException(exception, stack)


class Context:
    """The `context` parameter."""

    def __init__(
        self,
        function_name: str,
        function_directory: str,
        invocation_id: str,
        thread_local_storage: threading.local,
        call: dict[str, Any],
    ) -> None:
        self.function_name = function_name
        self.function_directory = function_directory
        self.invocation_id = invocation_id
        self.thread_local_storage = thread_local_storage
        self.trace_context = TraceContext(call.get("trace_parent") or "", "", {})
        retry: list[Any] | None = call.get("retry")
        self.retry_context = RetryContext(*(retry or (0, 0, "", "")))
