"""How long a saved change takes to be live, in an app of Python and JavaScript functions.

    python tests/benchmarks/reload.py [--rounds 12] [--static-files 20000]

With --static-files the app has so many files beside its code that are no code. The host's share of a processor is measured while
nothing happens.

Times are of the wall clock, from the save until requests are answered by the changed app. A reload starts new worker processes: beside
it stands the time in which a Python that imports azure.functions and a node, started together, begin and end.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

PYTHON = (
    "import os\nfrom shared.text import TEXT\n\n\n"
    "def main(req):\n    return TEXT + os.environ['TEXT'] + '{}'\n"
)
NODE = "module.exports = async () => ({{ body: process.env.TEXT + '{}' }});\n"
MODULE = "TEXT = '{}'\n"
BARE = ([sys.executable, "-c", "import azure.functions"], ["node", "-e", "0"])
FILES_IN_A_FOLDER = 64
IDLE_S = 10
# Long enough for the replaced workers to end, and not in step with the watcher.
PAUSE_S = 0.607


def settings(text: str) -> str:
    return json.dumps({"Values": {"TEXT": text}})


def host_json(prefix: str) -> str:
    return json.dumps({"version": "2.0", "extensions": {"http": {"routePrefix": prefix}}})


def function_json(route: str) -> str:
    trigger = {"type": "httpTrigger", "direction": "in", "name": "req", "authLevel": "anonymous"}
    output = {"type": "http", "direction": "out", "name": "$return"}
    return json.dumps({"bindings": [{**trigger, "route": route}, output]})


@dataclass(frozen=True)
class Change:
    """A file, its text for a mark, and the paths that show the mark when the change is live."""

    file: str
    text: Callable[[str], str]
    paths: tuple[str, ...]


# The changes of routes come last, since they move the paths of the others.
CHANGES = {
    "Python handler": Change("py/__init__.py", PYTHON.format, ("api/py",)),
    "Python module": Change("shared/text.py", MODULE.format, ("api/py",)),
    "JavaScript handler": Change("js/index.js", NODE.format, ("api/js",)),
    "local.settings.json": Change("local.settings.json", settings, ("api/py", "api/js")),
    "function.json": Change("py/function.json", function_json, ("api/{mark}",)),
    "host.json": Change("host.json", host_json, ("{mark}/js",)),
}


def write(root: Path, file: str, text: str) -> None:
    path = root / file
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, "utf-8")


def write_app(root: Path) -> None:
    for change in CHANGES.values():
        write(root, change.file, change.text("0"))
    write(root, "py/function.json", function_json("py"))
    write(root, "js/function.json", function_json("js"))
    write(root, "host.json", host_json("api"))


def write_static_files(root: Path, count: int) -> None:
    for number in range(count):
        folder = root / "public" / str(number // FILES_IN_A_FOLDER)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{number}.html").write_text("<p>", "utf-8")


@contextmanager
def host(root: Path) -> Iterator[tuple[str, int]]:
    """A running host's URL and process."""
    ready, log = root / "ready", root / "log"
    command = [sys.executable, "-m", "funcjson", "start", str(root), "--port", "0"]
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*command, "--ready-file", str(ready)], stdout=output, stderr=output
        )
    try:
        while not ready.exists():
            if process.poll() is not None:
                raise SystemExit(log.read_text("utf-8"))
            time.sleep(0.01)
        yield json.loads(ready.read_text("utf-8"))["host"], process.pid
    finally:
        process.terminate()
        process.wait(10)


def shows(url: str, path: str, mark: str) -> bool:
    """Whether a path that is not there without the change answers, or another answers with the mark."""
    try:
        with urllib.request.urlopen(f"{url}/{path.format(mark=mark)}") as response:
            return "{mark}" in path or mark in response.read().decode()
    except urllib.error.HTTPError:
        return False


def live_after_ms(root: Path, url: str, change: Change, mark: str) -> float:
    text = change.text(mark)
    began = time.perf_counter()
    write(root, change.file, text)
    while not all(shows(url, path, mark) for path in change.paths):
        time.sleep(0.002)
    return (time.perf_counter() - began) * 1000


def bare_ms() -> float:
    began = time.perf_counter()
    for process in [subprocess.Popen(command) for command in BARE]:
        process.wait()
    return (time.perf_counter() - began) * 1000


def idle_share(process: int) -> float:
    """The share of one processor that a process takes in some seconds."""
    before = processor_s(process)
    time.sleep(IDLE_S)
    return (processor_s(process) - before) / IDLE_S


def processor_s(process: int) -> float:
    fields = Path(f"/proc/{process}/stat").read_text("utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--static-files", type=int, default=0)
    options = parser.parse_args()
    rounds = range(options.rounds)
    print(f"{'change':<20} {'median ms':>9} {'most ms':>8} {'bare ms':>8}")
    with tempfile.TemporaryDirectory() as folder:
        write_app(Path(folder))
        write_static_files(Path(folder), options.static_files)
        with host(Path(folder)) as (url, process):
            for at, (name, change) in enumerate(CHANGES.items()):
                live, bare = [], []
                for number in rounds:
                    time.sleep(PAUSE_S)
                    live.append(live_after_ms(Path(folder), url, change, f"m{at}-{number}"))
                    time.sleep(PAUSE_S)
                    bare.append(bare_ms())
                print(
                    f"{name:<20} {statistics.median(live):>9.0f} {max(live):>8.0f}"
                    f" {statistics.median(bare):>8.0f}"
                )
            print(f"while nothing happens the host takes {idle_share(process):.1%} of a processor")


if __name__ == "__main__":
    main()
