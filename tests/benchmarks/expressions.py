"""What an expression costs, beside an empty call, str.format_map and str.join, all in this run.

    python tests/benchmarks/expressions.py [--calls 200000] [--json]

Each figure is the best of seven rounds, in nanoseconds of CPU time for one evaluation; the rounds of
all rows alternate, so that a busy machine disturbs them alike. The ratio is to the empty call.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable

from funcjson.binding_data import BindingData
from funcjson.http_binding_data import http_binding_data
from funcjson.model import HttpRequest
from funcjson.templates import parse_template

ROUNDS = 7
REQUEST = HttpRequest(
    "POST",
    "http://localhost:7071/api/negotiate?room=r1",
    (
        *((f"X-Header-{number}", "value") for number in range(12)),
        ("x-ms-client-principal-id", "ann"),
    ),
    "room=r1",
    {},
    b'{"user":"ann","obj":{"name":"x"}}',
)
TEMPLATES = (
    "chat",
    "{headers.x-ms-client-principal-id}",
    "{query.room}",
    "{user}",
    "{obj.name}",
    "room-{room}",
    "{user}-{room}-{obj.name}",
    "{sys.methodname}",
    "{datetime:yyyy-MM-dd}",
    "{rand-guid}",
)
LARGEST_RATIO = {"{headers.x-ms-client-principal-id}": 3.0}


Row = Callable[[BindingData, None, Callable[[], float]], object]


def empty(_data: BindingData, _lookup: None, _clock: Callable[[], float]) -> str:
    return "ann"


def rows() -> dict[str, Row]:
    """Name -> what is called, always with the three arguments that the host gives a template."""
    plain = {"user": "ann", "room": "r1"}
    header = parse_template("{headers.x-ms-client-principal-id}").evaluate
    user = parse_template("{user}").evaluate

    def fresh() -> BindingData:
        return http_binding_data(REQUEST, "req", "negotiate")

    return {
        "an empty call": empty,
        "str.format_map, one name": lambda _d, _l, _c: "room-{room}".format_map(plain),
        "str.format_map, two names": lambda _d, _l, _c: "{user}-{room}".format_map(plain),
        "str.join, three parts": lambda _d, _l, _c: "".join(("room", "-", "r1")),
        **{text: parse_template(text).evaluate for text in TEMPLATES},
        "binding data of a request": lambda _d, _l, _c: fresh(),
        "... and its first header": lambda _d, _l, _c: header(fresh()),
        "... and its first body member": lambda _d, _l, _c: user(fresh()),
        "parse a template": lambda _d, _l, _c: parse_template("room-{room}-{headers.x}"),
    }


def measure(calls: int) -> dict[str, float]:
    """Nanoseconds per call, the loop included for all alike."""
    every = rows()
    data = http_binding_data(REQUEST, "req", "negotiate")
    best = dict.fromkeys(every, float("inf"))
    for _ in range(ROUNDS):
        for name, row in every.items():
            best[name] = min(best[name], _round(row, data, calls))
    return best


def _round(row: Row, data: BindingData, calls: int) -> float:
    clock = time.time
    began = time.process_time_ns()
    for _ in range(calls):
        row(data, None, clock)
    return (time.process_time_ns() - began) / calls


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--calls", type=int, default=20_000)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    found = measure(options.calls)
    base = found["an empty call"]
    if options.json:
        table = {
            name: {"ns": round(ns, 1), "ratio": round(ns / base, 2)} for name, ns in found.items()
        }
        print(json.dumps(table, indent=2))
    else:
        for name, ns in found.items():
            print(f"{name:36} {ns:9.0f} ns  {ns / base:7.2f} x")
    return int(any(found[name] / base > largest for name, largest in LARGEST_RATIO.items()))


if __name__ == "__main__":
    sys.exit(main())
