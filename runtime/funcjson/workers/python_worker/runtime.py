"""One app inside a worker: takes messages, loads and calls its handlers, gives messages; see `wire.py`.

Synchronous handlers run in a pool of threads, async ones on the loop; each answer is sent from the
thread where it came about, so that a blocked loop holds up nothing but async handlers.
"""

from __future__ import annotations

import asyncio
import contextvars
import importlib
import logging
import os
import platform
from collections.abc import Callable
from pathlib import Path
from typing import Any

from . import capture, failures, indexing, loading, web_extension
from .context import Context, Out
from .extension_hooks import AFTER, BEFORE, ExtensionHooks
from .loaded import LoadedFiles
from .pool import Pool, pool_size
from .signatures import DATA_TYPES, BoundParameter, Handler, check, for_web
from .stacks import stacks
from .values import Converters
from .web_calls import OPERATIONS, WebCalls

Message = dict[str, Any]
_TRUE = frozenset(("1", "true", "t", "yes", "y"))


class Runtime:
    """Runs one app. `send` takes messages from any thread; async handlers run on `loop`.

    `own_process`: this process belongs to the app, so its directory and all its output do as well.
    `give_up` is called when an answer cannot be given, so that no call waits for it for ever.
    `note` is told the thread, the invocation id and the function of each call that a thread runs.
    """

    def __init__(
        self,
        send: Callable[[Message], None],
        loop: asyncio.AbstractEventLoop,
        own_process: bool,
        give_up: Callable[[BaseException], None],
        note: capture.Note | None = None,
    ) -> None:
        self._send = send
        self._loop = loop
        self._give_up = give_up
        self._own_process = own_process
        self._handlers: dict[str, Handler] = {}
        self._library: Any = None
        self._converters: Any = None
        self._hooks = ExtensionHooks(None, {})
        self._space: loading.ModuleSpace | None = None
        self._app_root = ""
        self._pool: Pool | None = None
        self._web: WebCalls | None = None
        self._tasks: dict[asyncio.Future[None], capture.Invocation] = {}
        self._loaded = LoadedFiles()
        self.capture = capture.Capture(self._log, everything=own_process, note=note)

    # -- messages ----------------------------------------------------------------------------------

    def receive(self, message: Message) -> None:
        """Take one message; call it from one thread. Unknown operations are ignored."""
        op = message.get("op")
        if op == "invoke":
            self._invoke(message)
        elif op in OPERATIONS:
            if self._web is not None:
                self._web.receive(message)
        elif op == "stacks":
            found = stacks(self._loop, self.capture.by_thread, self._tasks, self._app_root)
            self._send({"op": "stacks", "id": message["id"], "stacks": found})
        elif op == "init":
            self._soon(message, self._start)
        elif op == "load":
            self._soon(message, self._load)
        elif op == "index":
            self._soon(message, self._index)

    def close(self) -> None:
        """Give back everything that was taken over in this process."""
        self.capture.uninstall()
        if self._space is not None:
            self._space.leave()
        if self._pool is not None:
            self._pool.close()

    def _soon(self, message: Message, make: Callable[[Message], Message]) -> None:
        """Answer from the loop's thread: modules are imported there, as in the real worker."""
        self._loop.call_soon_threadsafe(self._guarded, self._answer, message, make)

    def _guarded(self, step: Callable[..., None], *arguments: Any) -> None:
        """Run a step of the worker's own that ends with an answer."""
        try:
            step(*arguments)
        except BaseException as error:  # noqa: BLE001 - whatever it is, the host waits for an answer
            self._give_up(error)

    def _answer(self, message: Message, make: Callable[[Message], Message]) -> None:
        try:
            answer = make(message)
        except BaseException as error:  # noqa: BLE001 - a user's module may raise anything, also SystemExit
            answer = self._failed(message.get("id", ""), error)
        self.capture.end_lines(None)
        self._reply(message.get("id", ""), answer)

    def _reply(self, identifier: str, answer: Message) -> None:
        self._tell_loaded()
        try:
            self._send(answer)
        except (TypeError, ValueError, MemoryError, RecursionError) as error:
            # A value that cannot be written; the call must still end.
            self._send(self._failed(identifier, error))

    def _tell_loaded(self, error: BaseException | None = None) -> None:
        # In the host's own process nothing outside the app is loaded anew.
        if self._own_process and (files := self._loaded.fresh(error)):
            self._send({"op": "files", "files": files})

    def _failed(self, identifier: str, error: BaseException) -> Message:
        self._tell_loaded(error)
        return {"op": "failed", "id": identifier, **failures.describe(error, self._app_root)}

    def _log(
        self,
        level: str,
        message: str,
        category: str,
        invocation: capture.Invocation | None,
        stream: str,
        part: capture.Part | None,
    ) -> None:
        entry: Message = {"op": "log", "level": level, "message": message, "category": category}
        if stream:
            entry["stream"] = stream
        if part is not None:
            entry["line"], entry["open"] = part
        if invocation is not None:
            entry["function"] = invocation.function
            entry["invocation_id"] = invocation.id
        self._send(entry)

    # -- start, load, index ------------------------------------------------------------------------

    def _start(self, message: Message) -> Message:
        self._app_root = str(Path(message["app_root"]).resolve())
        if self._own_process:
            os.chdir(self._app_root)
            # Extensions of azure.functions read it.
            os.environ.setdefault("AzureWebJobsScriptRoot", self._app_root)
        self._space = loading.ModuleSpace(self._app_root)
        self._space.enter()
        self._library = importlib.import_module("azure.functions")
        meta = importlib.import_module("azure.functions.meta")
        self._converters = Converters(self._library, meta)
        self._hooks = ExtensionHooks(self._library, os.environ)
        debug = os.environ.get("PYTHON_ENABLE_DEBUG_LOGGING", "").strip().lower() in _TRUE
        self.capture.install(logging.DEBUG if debug else logging.INFO)
        self._pool = Pool(
            pool_size(os.environ, logging.getLogger("azure_functions_worker").warning)
        )
        version = getattr(self._library, "__version__", "")
        return {
            "op": "ready",
            "version": message["version"],
            "runtime": f"python {platform.python_version()}",
            "library": f"azure-functions {version}".strip(),
        }

    def _load(self, message: Message) -> Message:
        function = message["function"]
        name = function["name"]
        if function.get("code_first"):
            if name not in self._handlers:
                self._find_functions()
            if name not in self._handlers:
                raise RuntimeError(f"cannot load function {name}: the app does not define it")
            self._hooks.loaded(name, self._handlers[name].directory)
            return {"op": "loaded", "id": message["id"]}
        directory = str(Path(self._app_root, function.get("directory") or name))
        call = loading.load_function(
            self._app_root,
            name,
            directory,
            function.get("script_file") or "",
            function.get("entry_point"),
        )
        bindings = [_bound(binding) for binding in function["bindings"]]
        try:
            self._handlers[name] = check(name, directory, call, bindings, self._converters)
        except Exception as error:
            failures.at_function(error, call)
            raise
        self._hooks.loaded(name, directory)
        return {"op": "loaded", "id": message["id"]}

    def _index(self, message: Message) -> Message:
        answer: Message = {"op": "indexed", "id": message["id"], "functions": [], "warnings": []}
        try:
            found = self._find_functions()
        except BaseException as error:  # noqa: BLE001 - a user's module may raise anything, also SystemExit
            self._tell_loaded(error)
            failure = failures.describe(error, self._app_root, without_library=True)
            answer["error"] = f"{failure['type']}: {failure['message']}"
            answer.update(
                {k: failure[k] for k in ("stack", "file", "line", "column") if k in failure}
            )
            return answer
        return {**answer, **found, "error": None, "stack": ""}

    def _find_functions(self) -> Message:
        script = loading.app_script(os.environ)
        if not Path(self._app_root, script).exists():
            return {}
        module, app = loading.import_app(script, self._library)
        try:
            functions = app.get_functions()
        except Exception as error:
            indexing.find_place(error, app)
            raise
        web = web_extension.find(os.environ)
        converters = self._converters if web is None else self._converters.taking(web.fits)
        handlers = {}
        for function in functions:
            name = function.get_function_name()
            call = function.get_user_function()
            try:
                handler = check(
                    name,
                    str(Path(indexing.place(call)[0]).parent),
                    call,
                    indexing.bound_parameters(function),
                    converters,
                )
                handlers[name] = handler if web is None else for_web(handler)
            except Exception as error:
                failures.at_function(error, call)
                raise
        self._handlers.update(handlers)
        self._web = None if web is None else WebCalls(web, self._send, self._loop, self._app_root)
        return {
            "streams": web is not None,
            "functions": [indexing.describe(f, script, self._app_root) for f in functions],
            "warnings": list(indexing.warnings(module, app)),
        }

    # -- invoke ------------------------------------------------------------------------------------

    def _invoke(self, message: Message) -> None:
        handler = self._handlers.get(message["function"])
        if handler is None or self._pool is None:
            error = LookupError(f"function {message['function']!r} is not loaded in this worker")
            self._send(self._failed(message["id"], error))
            return
        invocation = capture.Invocation(message["id"], handler.name, self.capture)
        self.capture.running[invocation.id] = invocation
        # A context of its own, so that what one call sets is not seen by the next in that thread.
        run = contextvars.Context().run
        if handler.web_request and self._web is not None:
            self._web.expect(invocation.id)
        if handler.is_async or handler.web_request:
            self._loop.call_soon_threadsafe(
                run, self._guarded, self._start_async, handler, message, invocation
            )
        else:
            self._pool.submit(lambda: run(self._guarded, self._call, handler, message, invocation))

    def _call(self, handler: Handler, message: Message, invocation: capture.Invocation) -> None:
        capture.current.set(invocation)
        self.capture.begin(invocation)
        try:
            arguments, context = self._arguments(handler, message)
            self._hooks.run(BEFORE, context, arguments)
            value = handler.call(**arguments)
            self._hooks.run(AFTER, context, arguments, value)
            answer = self._result(handler, message, arguments, value)
        except BaseException as error:  # noqa: BLE001 - it fails its own call only, also SystemExit
            answer = self._failed(invocation.id, error)
        finally:
            self.capture.end()
        self._finish(invocation, answer)

    def _start_async(
        self, handler: Handler, message: Message, invocation: capture.Invocation
    ) -> None:
        capture.current.set(invocation)
        try:
            task = self._loop.create_task(self._call_async(handler, message, invocation))
        except Exception as error:  # noqa: BLE001 - the app may have set a task factory
            self._finish(invocation, self._failed(invocation.id, error))
            return
        self._tasks[task] = invocation
        task.add_done_callback(self._tasks.pop)

    async def _call_async(
        self, handler: Handler, message: Message, invocation: capture.Invocation
    ) -> None:
        try:
            if handler.web_request:
                answer = await self._call_by_web(handler, message, invocation)
            else:
                arguments, context = self._arguments(handler, message)
                self._hooks.run(BEFORE, context, arguments)
                value = await handler.call(**arguments)
                self._hooks.run(AFTER, context, arguments, value)
                answer = self._result(handler, message, arguments, value)
        except BaseException as error:  # noqa: BLE001 - it fails its own call only, also SystemExit
            answer = self._failed(invocation.id, error)
        self._guarded(self._finish, invocation, answer)

    async def _call_by_web(
        self, handler: Handler, message: Message, invocation: capture.Invocation
    ) -> Message:
        """The same, around a request of the app's web extension; what the handler returns is its response."""
        assert self._web is not None
        assert self._pool is not None
        pool = self._pool
        # As it stays when the framework makes a response of what the handler raised.
        answer: Message = {"op": "result", "id": invocation.id, "outputs": {}}

        async def handle(request: Any) -> Any:
            arguments, context = self._arguments(handler, message, request)
            self._hooks.run(BEFORE, context, arguments)
            if handler.is_async:
                value = await handler.call(**arguments)
            else:
                job = self.capture.works_for(invocation, lambda: handler.call(**arguments))
                value = await pool.result(self._loop, job)
            self._hooks.run(AFTER, context, arguments, value)
            answer.update(self._result(handler, message, arguments, value))
            if value is None:
                raise ValueError(f"No http response found for invocation {invocation.id}")
            return value

        response = await self._web.run(message, handler.web_request, handle)
        return {**answer, "return": response}

    def _finish(self, invocation: capture.Invocation, answer: Message) -> None:
        self.capture.end_lines(invocation)
        self.capture.running.pop(invocation.id, None)
        self._reply(invocation.id, answer)

    def _arguments(
        self, handler: Handler, message: Message, request: Any = None
    ) -> tuple[dict[str, Any], Context]:
        arguments: dict[str, Any] = {}
        for name, data in message["inputs"]:
            if name == handler.web_request:
                arguments[name] = request
                continue
            converter = handler.inputs[name].converter
            metadata = message.get("metadata") if converter.has_trigger_support() else None
            arguments[name] = self._converters.decode(converter, data, metadata or {})
        local = self.capture.thread_local
        context = Context(handler.name, handler.directory, message["id"], local, message)
        if handler.requires_context:
            arguments["context"] = context
        for name in handler.outputs:
            arguments[name] = Out()
        return arguments, context

    def _result(
        self, handler: Handler, message: Message, arguments: dict[str, Any], value: Any
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
        returned: dict[str, Any] = {}
        if handler.returns is not None:
            returned = encode(handler.returns.binding_type, value, handler.returns.pytype)
        return {"op": "result", "id": message["id"], "outputs": outputs, "return": returned}


def _bound(binding: dict[str, Any]) -> BoundParameter:
    by_lower = {key.lower(): value for key, value in binding.items()}
    return BoundParameter(
        by_lower["name"],
        by_lower["type"],
        str(by_lower.get("direction", "in")).lower(),
        DATA_TYPES.get(str(by_lower.get("datatype", "")).lower(), 0),
    )
