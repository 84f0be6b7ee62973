"""Load and validate 1,000 function folders, beside what validation alone costs.

    python tests/benchmarks/load.py [--folders 1000] [--rounds 5] [--json]

The yardsticks run in the same process, in turn with ours, on the same documents already parsed:
jsonschema with the one schema for function.json that editors use; then jsonschema, and fastjsonschema
and jsonschema-rs where they are installed, with one reused validator per binding type, which is the
least that validation can mean. CPU time of this process is the figure; wall time stands beside it.
"""
# ruff: noqa: PLC0415 - a yardstick that is not installed is left out

from __future__ import annotations

import argparse
import gc
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema

from funcjson.errors import Severity
from funcjson.frontends import read_app
from funcjson.registry import composed_schema, open_registry
from funcjson.schemas import read_schema
from funcjson.settings import load_settings

REQ = {"type": "httpTrigger", "direction": "in", "name": "req", "authLevel": "anonymous"}
RES = {"type": "http", "direction": "out", "name": "res"}
INFO = {"type": "signalRConnectionInfo", "direction": "in", "name": "info", "hubName": "chat"}
OUTPUT = {"type": "signalR", "direction": "out", "name": "messages", "hubName": "chat"}
TIMER = {"type": "timerTrigger", "direction": "in", "name": "timer", "schedule": "0 */5 * * * *"}

# The mix of real apps: negotiate, send, plain HTTP, a timer that broadcasts.
KINDS = (
    [{**REQ, "methods": ["post"]}, {**INFO, "userId": "{headers.x-user}"}, RES],
    [{**REQ, "methods": ["post"]}, OUTPUT, RES],
    [{**REQ, "route": "rooms/{room}/{number}"}, RES],
    [TIMER, OUTPUT],
)
BROKEN = [REQ, {"type": "http", "direction": "out", "name": "my_res"}]


def make_app(root: Path, folders: int) -> list[Any]:
    """An app of that many functions, 4 % of them broken; gives their documents."""
    documents = []
    (root / "host.json").write_text('{"version": "2.0"}')
    for number in range(folders):
        bindings: Any = json.loads(json.dumps(KINDS[number % len(KINDS)]))
        if number % 25 == 24:
            bindings = BROKEN
        elif "route" in bindings[0]:
            bindings[0]["route"] = f"rooms/{number}/{{room}}"
        folder = root / f"f{number:04}"
        folder.mkdir()
        (folder / "function.json").write_text(json.dumps({"bindings": bindings}, indent=2))
        (folder / "__init__.py").write_text("def main(req): return 'ok'\n")
        documents.append({"bindings": bindings})
    return documents


def jsonschema_alone(documents: list[Any]) -> Callable[[], int]:
    """All errors of all documents, with reused validators."""
    of_type = {
        name: jsonschema.Draft7Validator(read_schema(f"bindings/{name}.json"))
        for name in ("httpTrigger", "http", "signalRConnectionInfo", "signalR", "timerTrigger")
    }

    def run() -> int:
        return sum(
            sum(1 for _ in of_type[binding["type"]].iter_errors(binding))
            for document in documents
            for binding in document["bindings"]
        )

    return run


def jsonschema_whole(documents: list[Any]) -> Callable[[], int]:
    """All errors of all documents, with the composed schema of `funcjson schema`."""
    validator = jsonschema.Draft7Validator(composed_schema(open_registry(())))
    return lambda: sum(sum(1 for _ in validator.iter_errors(d)) for d in documents)


def fastjsonschema_alone(documents: list[Any]) -> Callable[[], int] | None:
    try:
        import fastjsonschema
    except ImportError:
        return None
    of_type = {
        name: fastjsonschema.compile(read_schema(f"bindings/{name}.json"))
        for name in ("httpTrigger", "http", "signalRConnectionInfo", "signalR", "timerTrigger")
    }

    def run() -> int:
        bad = 0
        for document in documents:
            for binding in document["bindings"]:
                try:
                    of_type[binding["type"]](binding)
                except fastjsonschema.JsonSchemaException:
                    bad += 1
        return bad

    return run


def jsonschema_rs_alone(documents: list[Any]) -> Callable[[], int] | None:
    try:
        import jsonschema_rs
    except ImportError:
        return None
    of_type = {
        name: jsonschema_rs.Draft7Validator(read_schema(f"bindings/{name}.json"))
        for name in ("httpTrigger", "http", "signalRConnectionInfo", "signalR", "timerTrigger")
    }

    def run() -> int:
        return sum(
            sum(1 for _ in of_type[binding["type"]].iter_errors(binding))
            for document in documents
            for binding in document["bindings"]
        )

    return run


def ours(root: Path) -> Callable[[], int]:
    """Everything from the folder to functions and problems: find, read, parse, validate."""

    def run() -> int:
        found = read_app(root, open_registry(()), load_settings(root, {}))
        return sum(problem.severity is Severity.ERROR for problem in found.problems)

    return run


def measure(
    runs: dict[str, Callable[[], int]], rounds: int
) -> dict[str, dict[str, float | list[float]]]:
    """CPU and wall milliseconds of each, interleaved so that noise hits all alike."""
    cpu: dict[str, list[float]] = {name: [] for name in runs}
    wall: dict[str, list[float]] = {name: [] for name in runs}
    for run in runs.values():
        run()
    for _ in range(rounds):
        for name, run in runs.items():
            gc.collect()
            began_cpu, began = time.process_time(), time.perf_counter()
            run()
            cpu[name].append((time.process_time() - began_cpu) * 1000)
            wall[name].append((time.perf_counter() - began) * 1000)
    base = cpu["jsonschema alone"]
    return {
        name: {
            "cpu_ms": statistics.median(cpu[name]),
            "wall_ms": statistics.median(wall[name]),
            "ratio": statistics.median(o / b for o, b in zip(cpu[name], base, strict=True)),
        }
        for name in runs
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folders", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        root = Path(temporary)
        documents = make_app(root, options.folders)
        runs: dict[str, Callable[[], int]] = {
            "ours: load and validate": ours(root),
            "jsonschema alone": jsonschema_whole(documents),
            "jsonschema, by type": jsonschema_alone(documents),
        }
        for name, made in (
            ("fastjsonschema, by type", fastjsonschema_alone(documents)),
            ("jsonschema-rs, by type", jsonschema_rs_alone(documents)),
        ):
            if made is not None:
                runs[name] = made
        table = measure(runs, options.rounds)
    if options.json:
        print(json.dumps(table, indent=2))
        return
    print(f"{options.folders} folders, median of {options.rounds} rounds, CPU of this process")
    for name, row in table.items():
        print(
            f"  {name:<24} {row['cpu_ms']:8.1f} ms CPU  {row['wall_ms']:8.1f} ms wall"
            f"  {row['ratio']:6.2f} x jsonschema alone"
        )


if __name__ == "__main__":
    main()
