"""How long an app of 50 functions takes from `funcjson start` to its first answer.

    python tests/benchmarks/start.py [--functions 50] [--rounds 5]

Times are of the wall clock, from the start of the process: until its socket listens, and until one function answered 200.
"""

from __future__ import annotations

import argparse
import http.client
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from invocation import HANDLERS, write_app


def app_of(count: int, language: str, root: Path) -> Path:
    """An app whose functions are all alike."""
    app = write_app(root, HANDLERS[language])
    for number in range(1, count):
        shutil.copytree(app / "hello", app / f"hello{number}")
    return app


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def once(app: Path) -> tuple[float, float]:
    """Milliseconds until it listens, and until it answers."""
    port = free_port()
    command = [
        sys.executable,
        "-m",
        "funcjson",
        "start",
        str(app),
        "--port",
        str(port),
        "--no-reload",
    ]
    began = time.perf_counter()
    process = subprocess.Popen(
        command,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        listens = 0.0
        while True:
            if process.poll() is not None:
                raise SystemExit(f"{' '.join(command)} ended with {process.returncode}")
            try:
                connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
                connection.connect()
                listens = listens or time.perf_counter() - began
                connection.request("GET", "/api/hello")
                if connection.getresponse().status == 200:
                    return listens * 1000, (time.perf_counter() - began) * 1000
            except OSError:
                time.sleep(0.002)
            finally:
                connection.close()
    finally:
        process.terminate()
        process.wait(10)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--functions", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    print(f"{'language':<12} {'listens ms':>10} {'answers ms':>10}")
    for language in ("python", "javascript"):
        with tempfile.TemporaryDirectory() as folder:
            app = app_of(options.functions, language, Path(folder) / "app")
            rounds = [once(app) for _ in range(options.rounds)]
        listens, answers = (statistics.median(row[at] for row in rounds) for at in range(2))
        print(f"{language:<12} {listens:>10.0f} {answers:>10.0f}")


if __name__ == "__main__":
    main()
