"""How long a REST send to one connection takes, beside a bare aiohttp handler that reads the same body.

    python tests/benchmarks/rest_send.py [--quick]

One caller on a connection that is kept alive, one request after the other. Latency is from the first byte of the
request to the last one of the answer, and until the client has the message. CPU is that of the server's process.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import socket
import sys
import time
from contextlib import ExitStack

from bench import HANDSHAKE, KEY, client_path, middle, ours, ratio, running

from funcjson.signalr.credentials import ServiceEndpoint, mint_server_token

BODY = json.dumps({"target": "m", "arguments": ["x" * 160]}).encode()


async def bare() -> None:
    """The server to compare with: reads JSON, answers 202."""
    from aiohttp import web  # noqa: PLC0415 -- only the process of the server needs it

    async def take(request: web.BaseRequest) -> web.Response:
        json.loads(await request.read())
        return web.Response(status=202)

    runner = web.ServerRunner(web.Server(take, access_log=None))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print(f"port {runner.addresses[0][1]}", flush=True)
    await asyncio.to_thread(sys.stdin.read)


class Receiver:
    """A WebSocket client with a blocking socket."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._socket.sendall(
            f"GET {client_path()} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
            "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n".encode()
        )
        self.receive(b"\r\n\r\n")
        text = HANDSHAKE.encode()
        self._socket.sendall(bytes((0x81, 0x80 | len(text), 0, 0, 0, 0)) + text)
        self.receive(b"\x1e")

    def receive(self, end: bytes) -> None:
        data = b""
        while not data.endswith(end):
            more = self._socket.recv(65536)
            if not more:
                raise SystemExit("the client's connection ended")
            data += more


class Caller:
    """POSTs on one connection."""

    def __init__(self, port: int, path: str) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        endpoint = ServiceEndpoint("http://localhost", access_key=KEY)
        token = mint_server_token(endpoint, path[1:], now=time.time())
        self._request = (
            f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            f"Authorization: Bearer {token}\r\nContent-Length: {len(BODY)}\r\n\r\n"
        ).encode() + BODY

    def post(self) -> None:
        self._socket.sendall(self._request)
        answer = b""
        while b"\r\n\r\n" not in answer:
            answer += self._socket.recv(65536)
        head, _, body = answer.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 202"), answer
        length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
        left = int(length or 0) - len(body)
        while left > 0:
            left -= len(self._socket.recv(65536))


def connection_id(server_port: int) -> str:
    """The id of the only connection."""
    import urllib.request  # noqa: PLC0415

    with urllib.request.urlopen(f"http://127.0.0.1:{server_port}/_lss/state") as answer:
        return str(json.load(answer)["hubs"]["chat"]["connections"][0]["id"])


def percentile(values: list[float], share: float) -> float:
    return sorted(values)[int(len(values) * share)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a smaller run")
    parser.add_argument("--bare", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.bare:
        asyncio.run(bare())
        return
    rounds, each = (5, 300) if given.quick else (15, 1000)
    with ExitStack() as stack:
        service = stack.enter_context(running(*ours(200).command))
        plain = stack.enter_context(running(sys.executable, __file__, "--bare"))
        service_port = int(service.hear().removeprefix("port "))
        plain_port = int(plain.hear().removeprefix("port "))
        receiver = Receiver(service_port)
        path = (
            f"/api/hubs/chat/connections/{connection_id(service_port)}/:send?api-version=2022-06-01"
        )
        callers = {
            "funcjson": (service, Caller(service_port, path)),
            "bare aiohttp": (plain, Caller(plain_port, path)),
        }
        cpu: dict[str, list[float]] = {name: [] for name in callers}
        answered: dict[str, list[float]] = {name: [] for name in callers}
        received: list[float] = []
        for number in range(rounds + 1):
            for name, (server, caller) in callers.items():
                started = server.cpu_s
                for _ in range(each):
                    begin = time.perf_counter()
                    caller.post()
                    middle_of = time.perf_counter()
                    if name == "funcjson":
                        receiver.receive(b"\x1e")
                        if number:
                            received.append((time.perf_counter() - begin) * 1e6)
                    if number:  # the first round warms up
                        answered[name].append((middle_of - begin) * 1e6)
                if number:
                    cpu[name].append((server.cpu_s - started) / each * 1e6)
        print("| server | CPU us/request | answered: p50 us | p99 us | received: p50 us | p99 us |")
        print("| --- | --- | --- | --- | --- | --- |")
        for name in callers:
            got = (
                f"{percentile(received, 0.5):.0f} | {percentile(received, 0.99):.0f}"
                if name == "funcjson"
                else " | "
            )
            print(
                f"| {name} | {middle(cpu[name]):.0f} | {percentile(answered[name], 0.5):.0f} | "
                f"{percentile(answered[name], 0.99):.0f} | {got} |"
            )
        print(f"CPU ratio within rounds: {ratio(cpu['funcjson'], cpu['bare aiohttp']):.2f}")


if __name__ == "__main__":
    main()
