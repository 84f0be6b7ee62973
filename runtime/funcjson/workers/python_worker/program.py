"""The worker itself: takes messages, loads and calls handlers, gives messages; see `workers/wire.py` for both.

Threads: one reads the socket (and answers "stacks", also when everything else is stuck); the main thread runs the event
loop, imports, and async handlers; synchronous handlers run in a pool. Each answer is sent from where it came about.
"""

from __future__ import annotations

import asyncio
import atexit
import contextvars
import faulthandler
import importlib
import io
import logging
import os
import platform
import queue
import selectors
import socket
import sys
import threading
import traceback
from typing import Any, Callable, Dict, List, Mapping, Optional, Set

from . import capture, failures, indexing, loading
from .context import Context, Out
from .signatures import DATA_TYPES, BoundParameter, Handler, check
from .values import Converters

Message = Dict[str, Any]
_POOL_SETTING = "PYTHON_THREADPOOL_THREAD_COUNT"
_TRUE = frozenset(("1", "true", "t", "yes", "y"))


class Pool:
    """Daemon threads that run jobs; unlike the standard pool it never delays the exit of a process."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._jobs: "queue.SimpleQueue[Callable[[], None]]" = queue.SimpleQueue()
        self._idle = threading.Semaphore(0)
        self._started = 0

    def submit(self, job: Callable[[], None]) -> None:
        """Run a job soon. Jobs must not raise. Called from one thread only."""
        self._jobs.put(job)
        if not self._idle.acquire(blocking=False) and self._started < self._size:
            self._started += 1
            name = f"handler-{self._started}"
            threading.Thread(target=self._work, name=name, daemon=True).start()

    def _work(self) -> None:
        while True:
            self._jobs.get()()
            self._idle.release()


def pool_size(environment: Mapping[str, str], warn: Callable[[str], None]) -> int:
    """How many handler threads: PYTHON_THREADPOOL_THREAD_COUNT, else what Python's own pools take."""
    default = min(32, (os.cpu_count() or 1) + 4)
    text = environment.get(_POOL_SETTING)
    if text is None:
        return default
    try:
        size = int(text)
    except ValueError:
        warn(f"{_POOL_SETTING} must be an integer")
        return default
    if size < 1:
        warn(
            f"{_POOL_SETTING} must be set to a value between 1 and sys.maxint. Reverting to "
            "default value for max_workers"
        )
        return default
    return size


class Runtime:
    """Runs one app. `send` takes finished messages from any thread; `loop` is the loop for async handlers.

    `own_process`: this process belongs to the app, so its directory and all its output do as well.
    """

    def __init__(
        self,
        send: Callable[[Message], None],
        loop: asyncio.AbstractEventLoop,
        own_process: bool,
    ) -> None:
        self._send = send
        self._loop = loop
        self._own_process = own_process
        self._handlers: Dict[str, Handler] = {}
        self._library: Any = None
        self._converters: Any = None
        self._space: Optional[loading.ModuleSpace] = None
        self._app_root = ""
        self._pool: Any = None
        self._tasks: "Set[asyncio.Future[None]]" = set()
        self.capture = capture.Capture(self._log, everything=own_process)

    # -- messages -------------------------------------------------------------------------------------------

    def receive(self, message: Message) -> None:
        """Take one message; call it from one thread. Unknown operations are ignored, so that a host may be newer."""
        op = message.get("op")
        if op == "invoke":
            self._invoke(message)
        elif op == "stacks":
            self._send({"op": "stacks", "id": message["id"], "text": self.stacks()})
        elif op in ("init", "load", "index"):
            self._loop.call_soon_threadsafe(getattr(self, f"_{op}"), message)

    def close(self) -> None:
        """Give back everything that was taken over in this process."""
        self.capture.uninstall()
        if self._space is not None:
            self._space.leave()

    def _answer(self, message: Message, make: Callable[[], Message]) -> None:
        try:
            answer = make()
        except BaseException as error:  # noqa: BLE001 - also SystemExit of a user's module; the host must hear of it
            answer = self._failed(message.get("id", ""), error)
        self.capture.end_lines(None)
        self._send(answer)

    def _failed(self, identifier: str, error: BaseException) -> Message:
        return {"op": "failed", "id": identifier, **failures.describe(error, self._app_root)}

    def _log(
        self,
        level: str,
        message: str,
        category: str,
        invocation: Optional[capture.Invocation],
        stream: str,
    ) -> None:
        self._send(
            {
                "op": "log",
                "level": level,
                "message": message,
                "category": category,
                "stream": stream,
                "function": invocation.function if invocation is not None else None,
                "invocation_id": invocation.id if invocation is not None else None,
            }
        )

    # -- start, load, index ---------------------------------------------------------------------------------

    def _init(self, message: Message) -> None:
        self._answer(message, lambda: self._start(message))

    def _start(self, message: Message) -> Message:
        self._app_root = os.path.abspath(message["app_root"])
        if self._own_process:
            os.chdir(self._app_root)
            # Extensions of azure.functions read it.
            os.environ.setdefault("AzureWebJobsScriptRoot", self._app_root)
        self._space = loading.ModuleSpace(self._app_root)
        self._space.enter()
        self._library = importlib.import_module("azure.functions")
        self._converters = Converters(
            self._library, importlib.import_module("azure.functions.meta")
        )
        debug = os.environ.get("PYTHON_ENABLE_DEBUG_LOGGING", "").strip().lower() in _TRUE
        self.capture.install(logging.DEBUG if debug else logging.INFO)
        warn = logging.getLogger("azure_functions_worker").warning
        self._pool = Pool(pool_size(os.environ, warn))
        return {
            "op": "ready",
            "version": message["version"],
            "runtime": f"python {platform.python_version()}",
            "library": f"azure-functions {getattr(self._library, '__version__', '')}".strip(),
        }

    def _load(self, message: Message) -> None:
        self._answer(message, lambda: self._load_function(message))

    def _load_function(self, message: Message) -> Message:
        function = message["function"]
        name = function["name"]
        if function.get("code_first"):
            if name not in self._handlers:
                self._find_functions()
            if name not in self._handlers:
                raise RuntimeError(f"cannot load function {name}: the app does not define it")
        else:
            directory = os.path.join(self._app_root, function.get("directory") or name)
            call = loading.load_function(
                self._app_root,
                name,
                directory,
                function.get("script_file") or "",
                function.get("entry_point"),
            )
            bindings = [_bound(binding) for binding in function["bindings"]]
            self._handlers[name] = check(name, directory, call, bindings, self._converters)
        return {"op": "loaded", "id": message["id"]}

    def _index(self, message: Message) -> None:
        self._answer(message, lambda: self._index_app(message))

    def _index_app(self, message: Message) -> Message:
        answer: Message = {"op": "indexed", "id": message["id"], "functions": [], "warnings": []}
        try:
            found = self._find_functions()
        except BaseException as error:  # noqa: BLE001 - the user's own module may raise anything, also SystemExit
            failure = failures.describe(error, self._app_root)
            answer["error"] = f"{failure['type']}: {failure['message']}"
            answer.update({key: failure[key] for key in ("stack", "file", "line") if key in failure})
            return answer
        return {**answer, **found, "error": None, "stack": ""}

    def _find_functions(self) -> Message:
        script = loading.app_script(os.environ)
        if not os.path.exists(os.path.join(self._app_root, script)):
            return {}
        module, app = loading.import_app(script, self._library)
        functions = app.get_functions()
        handlers = {}
        for function in functions:
            call = function.get_user_function()
            name = function.get_function_name()
            file, _ = indexing.place(call)
            handlers[name] = check(
                name,
                os.path.dirname(file),
                call,
                indexing.bound_parameters(function),
                self._converters,
            )
        self._handlers.update(handlers)
        return {
            "functions": [indexing.describe(f, script, self._app_root) for f in functions],
            "warnings": list(indexing.warnings(module, app)),
        }

    # -- invoke ---------------------------------------------------------------------------------------------

    def _invoke(self, message: Message) -> None:
        handler = self._handlers.get(message["function"])
        if handler is None:
            error = LookupError(f"function {message['function']!r} is not loaded in this worker")
            self._send(self._failed(message["id"], error))
            return
        invocation = capture.Invocation(message["id"], handler.name, self.capture)
        self.capture.running[invocation.id] = invocation
        context = contextvars.Context()
        if handler.is_async:
            self._loop.call_soon_threadsafe(
                context.run, self._start_async, handler, message, invocation
            )
        else:
            self._pool.submit(lambda: context.run(self._call, handler, message, invocation))

    def _call(
        self, handler: Handler, message: Message, invocation: capture.Invocation
    ) -> None:
        capture.current.set(invocation)
        local = self.capture.thread_local
        local.invocation_id = invocation.id
        try:
            arguments = self._arguments(handler, message)
            answer = self._result(handler, message, arguments, handler.call(**arguments))
        except BaseException as error:  # noqa: BLE001 - a handler may raise anything, also SystemExit; it fails its own call only
            answer = self._failed(invocation.id, error)
        finally:
            local.invocation_id = None
        self._finish(invocation, answer)

    def _start_async(
        self, handler: Handler, message: Message, invocation: capture.Invocation
    ) -> None:
        capture.current.set(invocation)
        task = self._loop.create_task(self._call_async(handler, message, invocation))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _call_async(
        self, handler: Handler, message: Message, invocation: capture.Invocation
    ) -> None:
        try:
            arguments = self._arguments(handler, message)
            answer = self._result(handler, message, arguments, await handler.call(**arguments))
        except BaseException as error:  # noqa: BLE001 - as in _call
            answer = self._failed(invocation.id, error)
        self._finish(invocation, answer)

    def _finish(self, invocation: capture.Invocation, answer: Message) -> None:
        self.capture.end_lines(invocation)
        self.capture.running.pop(invocation.id, None)
        try:
            self._send(answer)
        except (TypeError, ValueError) as error:
            # A value that cannot be written, such as an int or a text that is not valid; the call must still end.
            self._send(self._failed(invocation.id, error))

    def _arguments(self, handler: Handler, message: Message) -> Dict[str, Any]:
        arguments: Dict[str, Any] = {}
        for name, data in message["inputs"]:
            parameter = handler.inputs[name]
            converter = parameter.converter
            metadata = message.get("metadata") if converter.has_trigger_support() else None
            arguments[name] = self._converters.decode(converter, data, metadata or {})
        if handler.requires_context:
            arguments["context"] = Context(
                handler.name,
                handler.directory,
                message["id"],
                self.capture.thread_local,
                message,
            )
        for name in handler.outputs:
            arguments[name] = Out()
        return arguments

    def _result(
        self, handler: Handler, message: Message, arguments: Dict[str, Any], value: Any
    ) -> Message:
        if value is not None and not handler.has_return:
            raise RuntimeError(
                f"function {handler.name!r} without a $return bindingreturned a non-None value"
            )
        encode = self._converters.encode
        outputs = {}
        for name, parameter in handler.outputs.items():
            given = arguments[name].get()
            if given is not None:
                outputs[name] = encode(parameter.binding_type, given, parameter.pytype)
        returned: Dict[str, Any] = {}
        if handler.returns is not None:
            returned = encode(handler.returns.binding_type, value, handler.returns.pytype)
        return {"op": "result", "id": message["id"], "outputs": outputs, "return": returned}

    # -- stacks ---------------------------------------------------------------------------------------------

    def stacks(self) -> str:
        """Where the threads and the tasks of user code are now."""
        parts = []
        names = {thread.ident: thread.name for thread in threading.enumerate()}
        for ident, top in sys._current_frames().items():  # noqa: SLF001 - the documented way
            frames = _users(traceback.extract_stack(top))
            if frames:
                text = "".join(traceback.StackSummary.from_list(frames).format())
                parts.append(f"thread {names.get(ident, ident)}:\n{text}")
        for task in asyncio.all_tasks(self._loop):
            entries = (
                traceback.FrameSummary(f.f_code.co_filename, f.f_lineno, f.f_code.co_name)
                for f in task.get_stack()
            )
            frames = _users(list(entries))
            if frames:
                text = "".join(traceback.StackSummary.from_list(frames).format())
                parts.append(f"task {task.get_name()}:\n{text}")
        return "\n".join(parts)


_MACHINERY = tuple(
    os.path.dirname(module.__file__) + os.sep if folder else module.__file__
    for module, folder in ((asyncio, True), (threading, False), (selectors, False))
    if module.__file__
)


def _users(frames: "List[traceback.FrameSummary]") -> "List[traceback.FrameSummary]":
    """The frames below ours, without the machinery of threads and event loops that leads to them."""
    ours = [at for at, frame in enumerate(frames) if failures.is_ours(frame.filename)]
    rest = frames[ours[-1] + 1 :] if ours else list(frames)
    while rest and rest[0].filename.startswith(_MACHINERY):
        del rest[0]
    return rest


def _bound(binding: Mapping[str, Any]) -> BoundParameter:
    by_lower = {str(key).lower(): value for key, value in binding.items()}
    return BoundParameter(
        by_lower["name"],
        by_lower["type"],
        str(by_lower.get("direction", "in")).lower(),
        DATA_TYPES.get(str(by_lower.get("datatype", "")).lower(), 0),
    )


def main(wire: Any) -> None:
    """Serve the host over the inherited socket until it says stop or goes away."""
    connection = socket.socket(fileno=int(os.environ.pop(wire.FD_VARIABLE)))
    # Processes that user code starts must not keep the connection open when we are gone.
    connection.set_inheritable(False)
    connection.setblocking(True)
    faulthandler.enable()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(line_buffering=True, errors="replace")
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

    runtime = Runtime(send, loop, own_process=True)

    def read() -> None:
        decoder = wire.Decoder()
        while True:
            try:
                data = connection.recv(262144)
            except OSError:
                data = b""
            if not data:
                _leave(runtime)
            for message in decoder.feed(data):
                if message.get("op") == "stop":
                    _leave(runtime)
                runtime.receive(message)

    threading.Thread(target=read, name="host", daemon=True).start()
    while True:
        # User code that stops the loop must not stop the worker.
        loop.run_forever()


def _leave(runtime: Runtime) -> None:
    """Exit now: user code may be running and is not waited for, its exit functions have half a second."""
    farewell = threading.Thread(target=atexit._run_exitfuncs, daemon=True)  # noqa: SLF001 - os._exit skips them
    farewell.start()
    farewell.join(0.5)
    try:
        runtime.capture.uninstall()
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(0)
