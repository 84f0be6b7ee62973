"""A user's exception as data: class name, text, stack without our frames, and where it was raised."""

from __future__ import annotations

import importlib
import inspect
import os
import traceback
from pathlib import Path
from typing import Any

_OURS = str(Path(__file__).resolve().parent)
_IMPORT_MACHINERY = ("<frozen importlib", "<frozen runpy", importlib.__file__)
_LIBRARY = f"{os.sep}azure{os.sep}functions{os.sep}"
_PLACE = "_funcjson_place"
_CAUSE = "\nThe above exception was the direct cause of the following exception:\n\n"
_CONTEXT = "\nDuring handling of the above exception, another exception occurred:\n\n"


def describe(
    error: BaseException, app_root: str = "", *, without_library: bool = False
) -> dict[str, Any]:
    """Type, message, stack; file, line, column of the innermost frame inside the app, if any.

    `without_library` leaves the frames of azure.functions out: where decorators run, they tell nothing.
    """
    try:
        message = str(error)
    except Exception:  # noqa: BLE001 - a user's __str__ may raise anything
        message = "Unhandled exception in function. Could not serialize original exception message."
    answer: dict[str, Any] = {"type": type(error).__name__, "message": message, "stack": ""}
    try:
        trace = traceback.TracebackException.from_exception(error)
        _drop_our_frames(trace)
        if without_library:
            trace.stack[:] = [frame for frame in trace.stack if _LIBRARY not in frame.filename]
        if _PLACE in vars(error):
            # Raised by what looked at the user's code, not in it.
            trace.stack[:] = [frame for frame in trace.stack if is_of_app(frame.filename, app_root)]
        answer["stack"] = _text(error, trace)
        place = _place(error, trace, app_root)
    except Exception:  # noqa: BLE001 - source lines come from users' files and loaders
        return answer
    if place is not None:
        answer["file"], answer["line"], answer["column"] = place
    return answer


def at(error: BaseException, file: str, line: int = 1) -> None:
    """Say where an error that nothing in the user's code raised belongs: a file, a line from 1."""
    vars(error)[_PLACE] = (file, line, 1)


def from_app(error: BaseException, app_root: str) -> BaseException:
    """The same error without the frames of a framework that led to the app's own code, if there are any of that."""
    trace = error.__traceback__
    while trace is not None and not is_of_app(trace.tb_frame.f_code.co_filename, app_root):
        trace = trace.tb_next
    return error if trace is None else error.with_traceback(trace)


def at_function(error: BaseException, function: Any) -> None:
    """The same, for a function that does not fit; its decorators are looked through."""
    code = getattr(inspect.unwrap(function), "__code__", None)
    if code is not None:
        at(error, code.co_filename, code.co_firstlineno)


def is_ours(filename: str) -> bool:
    """Whether a frame of this file belongs to the worker or to the import machinery."""
    return filename.startswith((_OURS + os.sep, *_IMPORT_MACHINERY))


def is_of_app(filename: str, app_root: str) -> bool:
    """Whether a frame of this file is the app's own, not of a library in its folder."""
    return (
        bool(app_root)
        and filename.startswith(app_root + os.sep)
        and f"{os.sep}site-packages{os.sep}" not in filename
    )


def _drop_our_frames(trace: Any) -> None:
    todo, seen = [trace], set()
    while todo:
        one = todo.pop()
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        one.stack[:] = [frame for frame in one.stack if not is_ours(frame.filename)]
        todo += [one.__cause__, one.__context__, *(getattr(one, "exceptions", None) or ())]


def _text(error: BaseException, trace: Any) -> str:
    """What led to the error in full, then its own frames, without the last line: that is the message."""
    if getattr(trace, "exceptions", None):
        return "".join(trace.format())
    parts: list[str] = []
    if trace.__cause__ is not None:
        parts += [*trace.__cause__.format(), _CAUSE]
    elif trace.__context__ is not None and not trace.__suppress_context__:
        parts += [*trace.__context__.format(), _CONTEXT]
    parts += trace.stack.format()
    if isinstance(error, SyntaxError):
        # It shows the place in its own text, not in a frame.
        parts += list(trace.format_exception_only())[:-1]
    return "".join(parts)


def _place(error: BaseException, trace: Any, app_root: str) -> tuple[str, int, int] | None:
    if isinstance(error, SyntaxError) and error.filename and error.lineno:
        return error.filename, error.lineno, error.offset or 0
    found: tuple[str, int, int] | None = vars(error).get(_PLACE)
    if found is not None:
        return found
    inside = [frame for frame in trace.stack if is_of_app(frame.filename, app_root)]
    if not inside:
        return None
    # Python tells the column from 3.11 on.
    column = getattr(inside[-1], "colno", None)
    return inside[-1].filename, inside[-1].lineno or 0, 0 if column is None else column + 1
