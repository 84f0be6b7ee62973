"""What is said of a call that takes longer than functionTimeout: where it is, or which other call keeps it from running."""

from __future__ import annotations

from funcjson.errors import Location, Problem
from funcjson.model import Function
from funcjson.workers.base import Stack, Stacks

_LOCK = "Python's global lock, so that nothing else in the process ran"
_SOONER = 'make the handler finish sooner, or raise "functionTimeout" in host.json'
_APART = (
    "correct the other call; with FUNCTIONS_WORKER_PROCESS_COUNT calls run in several processes and "
    "stop each other less"
)


def overdue_problem(
    function: Function, invocation_id: str, limit_s: float, stacks: Stacks
) -> Problem:
    """Why a call was stopped."""
    own = stacks.of_call(invocation_id)
    what = f"'{function.name}' did not finish within functionTimeout ({limit_s:g} s)"
    why, fix = "", _SOONER
    if (holder := _other(stacks, invocation_id)) is not None:
        what += f": {_name(holder)} held its process"
        why, fix = _held(holder), _APART
    elif stacks.holder is not None:
        why = f"it held {_LOCK}; just before the process was stopped it was here:\n{stacks.holder.text.rstrip()}"
    elif told := stacks.render(invocation_id):
        why = f"just before its worker was stopped:\n{told}"
    return Problem(
        "FJ0507",
        what,
        own.place if own is not None and own.place else _script(function),
        why,
        fix,
        function=function.name,
        azure=f"Timeout value of {_span(limit_s)} was exceeded by function: Functions.{function.name}",
    )


def restart_reason(
    function: Function, invocation_id: str, limit_s: float, stacks: Stacks
) -> tuple[str, str]:
    """What the other calls of the process are told, which end with it: in short, and with the stack that matters."""
    took = f"function '{function.name}' ran for more than {limit_s:g} s"
    if stacks.holder is None:
        return took, ""
    holder = _other(stacks, invocation_id)
    if holder is None:
        return f"{took}, in code that held {_LOCK}", _held(stacks.holder)
    return f"{took}, since {_name(holder)} held {_LOCK}", _held(holder)


def _other(stacks: Stacks, invocation_id: str) -> Stack | None:
    """What keeps a call from running, when it is not the call itself."""
    holder = stacks.holder
    return holder if holder is not None and holder.invocation_id != invocation_id else None


def _name(stack: Stack) -> str:
    if stack.invocation_id is None:
        return f"{stack.title}, which belongs to no call,"
    return f"a call of '{stack.function}' ({stack.invocation_id})"


def _held(holder: Stack) -> str:
    return f"{_name(holder)} held {_LOCK}; it was here:\n{holder.text.rstrip()}"


def _script(function: Function) -> Location:
    return Location(function.script_file or function.name)


def _span(seconds: float) -> str:
    hours, rest = divmod(int(seconds), 3600)
    minutes, whole = divmod(rest, 60)
    return f"{hours:02}:{minutes:02}:{whole:02}"
