"""How a Node worker is started: which node, whether it is new enough, and the command line."""

from __future__ import annotations

import asyncio
import re
import shlex
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from funcjson.errors import Problem, WorkerStartError
from funcjson.model import Language
from funcjson.workers.child import WorkerProgram

PROGRAM = Path(__file__).with_name("node_worker.mjs")
OLDEST = (18, 0)
# Where a debugger attaches: Node's own default, on loopback.
DEBUG_ADDRESS = "127.0.0.1:9229"
# The real host's setting for more arguments of node, in both spellings that it takes.
_ARGUMENT_SETTINGS = ("languageWorkers__node__arguments", "languageWorkers:node:arguments")
_VERSION = re.compile(r"v(\d+)\.(\d+)\.(\d+)")
# Node runs TypeScript by stripping types: behind a flag at first, by itself later.
_STRIP_TYPES_BEHIND_A_FLAG = (((22, 6), (22, 18)), ((23, 0), (23, 6)))


@dataclass(frozen=True, slots=True)
class NodeProgram:
    """A node that is there and new enough."""

    path: str
    version: tuple[int, int, int]


async def node_program(
    app_root: Path, environment: Mapping[str, str], *, debug: bool = False
) -> WorkerProgram:
    """How to start the Node worker of an app. `environment` is the whole environment of the process.

    `debug` lets a debugger attach. Raises WorkerStartError when no node is new enough.
    """
    node = await find_node(search_path=environment.get("PATH"))
    return _program(node, app_root, environment, DEBUG_ADDRESS if debug else None)


def _program(
    node: NodeProgram, app_root: Path, environment: Mapping[str, str], inspect: str | None
) -> WorkerProgram:
    more = next((environment[name] for name in _ARGUMENT_SETTINGS if name in environment), "")
    command = command_line(node, inspect=inspect, arguments=shlex.split(more))
    # Node tells places by their real path.
    return WorkerProgram(Language.NODE, command, app_root.resolve(), environment)


async def find_node(program: str | None = None, search_path: str | None = None) -> NodeProgram:
    """The node to use: `program`, or the first on `search_path` (as PATH, which is the default).

    Raises WorkerStartError when there is none that works.
    """
    found = program or shutil.which("node", path=search_path)
    if found is None:
        raise WorkerStartError(no_node("no program 'node' is on PATH"))
    try:
        process = await asyncio.create_subprocess_exec(
            found, "--version", stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
        )
    except OSError as error:
        raise WorkerStartError(no_node(f"{found} cannot be run: {error.strerror}")) from error
    output, _ = await process.communicate()
    match = _VERSION.match(output.decode("utf-8", "replace"))
    if match is None:
        raise WorkerStartError(no_node(f"{found} --version does not tell a version of Node.js"))
    version = (int(match[1]), int(match[2]), int(match[3]))
    if version[:2] < OLDEST:
        raise WorkerStartError(_too_old(found, match[0]))
    return NodeProgram(found, version)


def command_line(
    node: NodeProgram, *, inspect: str | None = None, arguments: Sequence[str] = ()
) -> list[str]:
    """The command that runs the worker.

    `inspect` is a port or host:port for a debugger; `arguments` are more arguments for node itself
    (`languageWorkers:node:arguments`).
    """
    flags = []
    minor = node.version[:2]
    if any(first <= minor < end for first, end in _STRIP_TYPES_BEHIND_A_FLAG):
        flags += ["--experimental-strip-types", "--disable-warning=ExperimentalWarning"]
    if inspect is not None:
        flags.append(f"--inspect={inspect}")
    return [node.path, *flags, *arguments, str(PROGRAM)]


def no_node(why: str) -> Problem:
    """That Node.js is needed, and cannot be had."""
    return Problem(
        "FJ0501",
        "this app has JavaScript functions, and Node.js cannot be started",
        why=why,
        fix=f"install Node.js {OLDEST[0]} or newer, and see that 'node --version' works",
    )


def _too_old(path: str, version: str) -> Problem:
    return Problem(
        "FJ0502",
        f"Node.js {version} is too old for JavaScript functions",
        why=f"{path} is {version}; the worker needs {OLDEST[0]} or newer",
        fix="install a newer Node.js (22 is a good choice)",
        azure=f"Incompatible Node.js version ({version}). Refer to our documentation to see the "
        "Node.js versions supported by each version of Azure Functions: "
        "https://aka.ms/functions-node-versions",
    )
