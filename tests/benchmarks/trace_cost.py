"""What recording a trace costs, as a share of the CPU of an HTTP invocation.

    python tests/benchmarks/trace_cost.py [--rounds 9] [--calls 4000] [--seconds 2]

The pipeline runs with the real trace and with one that keeps nothing, in turns within each round, so that the difference is
recording alone. The share is of the CPU that the host takes for one invocation of `funcjson start` with a Python handler, over
real sockets, its worker process not counted. Rendering a trace as a document happens on demand, and is listed beside it.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import logging
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import http_host
import invocation

from funcjson.model import CallResult, HttpRequest, TriggerEvent
from funcjson.pipeline import run
from funcjson.plan import make_plan
from funcjson.registry import open_registry
from funcjson.settings import Settings
from funcjson.trace import Recorder, Step
from funcjson.trace_view import view

HEADERS = (("Host", "localhost:7071"), ("User-Agent", "curl/8.5.0"), ("Accept", "*/*"))
REQUEST = HttpRequest("GET", f"http://localhost:7071{http_host.PATH}", HEADERS)
EVENT = TriggerEvent("httpTrigger", REQUEST)


class SilentTrace:
    """A trace that keeps nothing."""

    id = "id"
    weight = 0

    def add(self, _step: Step, _data: Any) -> None: ...

    def add_one(self, _step: Step, _name: str, _value: Any) -> None: ...


async def invoke(plan: Any, services: Any, trace: Any) -> None:
    async def handler(call: Any) -> CallResult:
        return CallResult({}, http_host.handler(call.inputs[0][1]["http"]))

    await run(plan, EVENT, services, handler, trace)


async def recorded(plan: Any, services: Any, calls: int) -> Recorder:
    """As the host does it: begin, the two first events, the pipeline, end."""
    recorder = Recorder()
    settings = services.settings
    for _ in range(calls):
        trace = recorder.begin("id", "hello")
        trace.add(Step.ARRIVED, {"event": EVENT})
        trace.add(Step.CHOSEN, {"function": "hello", "plan": plan, "settings": settings})
        await invoke(plan, services, trace)
        recorder.end(trace, "succeeded")
    return recorder


async def silent(plan: Any, services: Any, calls: int) -> None:
    trace = SilentTrace()
    for _ in range(calls):
        await invoke(plan, services, trace)


def cpu_us(work: Any, calls: int) -> tuple[float, Any]:
    gc.collect()
    began = time.process_time()
    found = asyncio.run(work)
    return (time.process_time() - began) / calls * 1e6, found


def request_us(url: str, pid: int, seconds: float) -> float:
    """CPU of the host for one invocation over real sockets."""
    before = http_host.cpu_s(pid)
    count = http_host.load(url, seconds)
    return (http_host.cpu_s(pid) - before) / count * 1e6


def measure(rounds: int, calls: int, seconds: float) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        app = invocation.write_app(Path(folder) / "app", invocation.HANDLERS["python"])
        with invocation.host(app) as (pids, url):
            http_host.load(url, 1.0)
            return _measure(rounds, calls, lambda: request_us(url, pids[0], seconds))


def _measure(rounds: int, calls: int, request: Callable[[], float]) -> dict[str, float]:
    plan = make_plan(http_host._function(), open_registry([]), Settings(Path()))
    services: Any = SimpleNamespace(settings=Settings(Path()))
    costs: list[float] = []
    requests: list[float] = []
    rendering: list[float] = []
    for turn in range(rounds):
        works = {"with": recorded, "without": silent}
        order = list(works) if turn % 2 else list(works)[::-1]
        times: dict[str, float] = {}
        for name in order:
            times[name], found = cpu_us(works[name](plan, services, calls), calls)
            if found is not None:
                (trace, *_) = found
                began = time.process_time()
                for _ in range(50):
                    view(trace)
                rendering.append((time.process_time() - began) / 50 * 1e6)
        costs.append(times["with"] - times["without"])
        requests.append(request())
    return {
        "recording_us": round(statistics.median(costs), 2),
        "request_us": round(statistics.median(requests), 1),
        "share_percent": round(
            statistics.median(c / r for c, r in zip(costs, requests, strict=True)) * 100, 2
        ),
        "rendering_us": round(statistics.median(rendering), 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--calls", type=int, default=4000)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    logging.disable()
    found = measure(options.rounds, options.calls, options.seconds)
    if options.json:
        print(json.dumps(found))
        return
    print(f"recording a trace      {found['recording_us']:>7} us CPU")
    print(f"one HTTP invocation    {found['request_us']:>7} us CPU of the host (with the trace)")
    print(f"share                  {found['share_percent']:>7} %")
    print(f"rendering, on demand   {found['rendering_us']:>7} us CPU")


if __name__ == "__main__":
    main()
