"""The wire between host and worker: length-prefixed frames of JSON with binary parts, version 1.

A frame is two unsigned 32-bit big-endian lengths (JSON part, binary part), then the JSON part (UTF-8), then the binary part.
A `bytes` value inside the JSON part is written `{"bytes": [offset, length]}` and points into the binary part, which is never
empty when there is such a value (one zero byte stands for "only empty values").

Typed data is as in `model.py`: one of string, json, bytes, int, double, http, or {}.
An http request is {"method", "url", "headers": {lower-case name: value}, "query": {name: value}, "params": {name: value},
"body": typed data, "user": null}; an http response is {"status": int | str | null, "headers": {name: value},
"cookies": [{"name", "value", "domain", "path", "expires" (ISO text; seconds since 1970 beyond the year 9999),
"secure", "httpOnly", "sameSite", "maxAge"}],
"body": typed data, "enableContentNegotiation": bool}.

Host to worker
  {"op": "init", "version": 1, "app_root": str, "language": str, "options": {...}}       answered by "ready" or "failed"
  {"op": "load", "id": str, "function": {"name", "directory", "script_file", "entry_point", "code_first": bool,
   "bindings": [{...}]}}                                                                  answered by "loaded" or "failed"
   (a code-first function is known already when "index" came before; a worker that has not indexed yet does so now)
  {"op": "index", "id": str}                                                             answered by "indexed" or "failed"
  {"op": "invoke", "id": invocation id, "function": str, "inputs": [[name, typed data]], "metadata": {name: typed data},
   "retry": [count, max, exception, stack] | null, "trace_parent": str, "stream": bool}  answered by "result" or "failed"
  {"op": "stacks", "id": str}                                                            answered by "stacks" (from a thread of its own)
  {"op": "transpile", "id": str, "files": [path]}                                        answered by "transpiled" (Node, "compiles")
  {"op": "body", "id": invocation id, "data": typed data, "end": bool, "error": str}      more of a request body (see below)
  {"op": "cancel", "id": invocation id}                                                  the caller is gone; answered as the call is
  {"op": "stop"}                                                                         the worker exits with code 0
Worker to host
  {"op": "ready", "version": 1, "runtime": "python 3.11.7"}
  {"op": "loaded", "id"}
  {"op": "indexed", "id", "functions": [{"name", "document", "script_file", "line", "entry_point"}], "error", "stack", "streams": bool,
   "warnings": [str, or an object with "message", "file", "line", "column"]}   whether responses come in pieces where they may
  {"op": "result", "id", "outputs": {name: typed data}, "return": typed data}
  {"op": "failed", "id", "type": exception class name, "message": str, "stack": str (user frames only)}
   and, where known, "file" (absolute), "line" and "column" (from 1): the innermost place in the app's own code
  {"op": "stacks", "id", "text", "waits": true where nothing runs}, or {"op": "stacks", "id", "stacks": [{"title", "text", and where
   known "invocation_id", "function", "file", "line"}]}, the latter for each thread and task, with the call that it works for and
   its place in the app's code
   with "id" null it was not asked for: the worker sees by itself that its loop is blocked and cannot answer; this text answers the
   "stacks" that wait and that come, until the worker answers anything else; "busy_s" is for how long it is blocked already
  {"op": "transpiled", "id", "files": [[path, key of the source, output]]}                 without what could not be compiled
   without an id it was not asked for: {"file": path, "key", "output"} is what the worker compiled in memory just now
  {"op": "log", "level", "message", "category": "user" | "console" | "system", "function": str | null, "invocation_id": str | null}
   and, for what was printed, "stream": "stdout" | "stderr" (the last stderr lines are shown when the worker ends by itself);
   what was flushed without a line end comes with "open": true and the "line" (a number) that more of it and its end will name
  {"op": "files", "files": [absolute real path]}           files that were loaded since the last time, but for those of libraries;
   it comes before the answer to what loaded them
  {"op": "ends", "function": str | null, "text"}           the worker's last message, where it can: whose code ended the process, and, as
   in "failed", at which place
Optional members may be missing. "load", "index" and "stacks" may arrive while calls run; after a restart the host sends "init",
"index" (if it had indexed) and every "load" again. The end of the socket means that the host is gone: the worker exits.
Cookies: "domain" and "path" are "" when the handler gave none and null when the language's host default applies; "sameSite" is
Lax, Strict, None or null.
Options of the Node worker: "hang_hint_ms" (5000), "blocked_ms" (1000), "blocked_log_ms" (5000): after how long it says that a
handler has not called done(), is busy, and logs that it is; "run_main" (true): whether `main` of package.json is part of the app;
"transpiled" {path: [key of the source, output]}: what is compiled already, and a wish to be told of more; "compiles" (false): the
process runs nothing and answers "transpile" only, with the app's compiler loaded before it is "ready".
HTTP streams (Node v4 apps that ask for them, Python v2 apps with a web extension)
  A request body may come in pieces: its "body" is then {"stream": true}, and "body" messages follow, the last with "end", and with
  "error" when the rest will not come.
  With "stream": true in "invoke" a response comes in pieces, before the "result" of its call, which then has no http output; else it
  is collected and is the http output:
  {"op": "response", "id", "status": int, "headers": [[name, value]]}, then {"op": "body", "id", "data": typed data, "end": bool}
  Each side answers what has been taken of what the other sent, which has at most 1 MiB under way:
  {"op": "taken", "id", "size": int}
A side that meets an unknown `op` ignores it, so that either can be newer.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from typing import Any

VERSION = 1
# The environment variable that names the inherited file descriptor of the socket.
FD_VARIABLE = "FUNCJSON_WORKER_FD"

_LENGTHS = struct.Struct(">II")
_dumps = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def encode(message: dict[str, Any]) -> bytes:
    """A message as one frame."""
    parts: list[bytes] = []
    size = 0

    def place(value: Any) -> Any:
        nonlocal size
        if isinstance(value, (bytes, bytearray, memoryview)):
            data = bytes(value)
            offset = size
            parts.append(data)
            size += len(data)
            return [offset, len(data)]
        raise TypeError(f"not a wire value: {type(value).__name__}")

    # `default` is asked only for what JSON does not know: bytes are the only such thing.
    encoder = (
        _dumps
        if not _has_bytes(message)
        else json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), default=place).encode
    )
    text = encoder(message).encode("utf-8", "surrogatepass")
    tail = b"".join(parts) or (b"\0" if parts else b"")
    return b"".join((_LENGTHS.pack(len(text), len(tail)), text, tail))


def _has_bytes(value: Any) -> bool:
    if isinstance(value, dict):
        return any(_has_bytes(item) for item in value.values())
    if isinstance(value, (list, tuple)):
        return any(_has_bytes(item) for item in value)
    return isinstance(value, (bytes, bytearray, memoryview))


class Decoder:
    """Bytes in, whole messages out; fed in pieces of any size."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[dict[str, Any]]:
        """Add bytes and give each message that is now complete."""
        buffer = self._buffer
        buffer += data
        start = 0
        try:
            while len(buffer) - start >= _LENGTHS.size:
                text_size, tail_size = _LENGTHS.unpack_from(buffer, start)
                text_at = start + _LENGTHS.size
                tail_at = text_at + text_size
                end = tail_at + tail_size
                if len(buffer) < end:
                    return
                message = json.loads(bytes(buffer[text_at:tail_at]))
                if tail_size:
                    _restore(message, bytes(buffer[tail_at:end]))
                start = end
                yield message
        finally:
            del buffer[:start]


def _restore(value: Any, tail: bytes) -> None:
    if isinstance(value, dict):
        for key, item in value.items():
            if key == "bytes" and isinstance(item, list):
                offset, length = item
                value[key] = tail[offset : offset + length]
            else:
                _restore(item, tail)
    elif isinstance(value, list):
        for item in value:
            _restore(item, tail)
