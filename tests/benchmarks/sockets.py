"""What sockets.c does, for machines without gcc; slower, so that ratios against it flatter.

python sockets.py send SIZE
python sockets.py receive PORT PATH COUNT FIRST FRAMES [STALLED]
"""

from __future__ import annotations

import os
import resource
import select
import socket
import sys
import time

HEAD_END = b"\r\n\r\n"


def say(text: str) -> None:
    print(text, flush=True)


def read_head(sock: socket.socket) -> bytes:
    """Up to the empty line; gives what came after it."""
    data = b""
    while HEAD_END not in data:
        data += sock.recv(4096)
    return data.partition(HEAD_END)[2]


def send(size: int) -> None:
    listener = socket.create_server(("127.0.0.1", 0), backlog=4096)
    say(f"port {listener.getsockname()[1]}")
    head = bytes((0x81, size)) if size < 126 else bytes((0x81, 126, size >> 8, size & 255))
    frame = head + b"x" * size
    sockets: list[socket.socket] = []
    waiting = select.epoll()
    waiting.register(listener, select.EPOLLIN)
    waiting.register(0, select.EPOLLIN)
    while True:
        for fd, _ in waiting.poll():
            if fd == 0:
                line = os.read(0, 256).decode().split()
                if not line:
                    return
                calls = [each.send for each in sockets]
                for _ in range(int(line[1])):
                    for call in calls:
                        call(frame)
                    time.sleep(int(line[2]) / 1e6)
                say("sent")
                continue
            peer, _ = listener.accept()
            read_head(peer)
            peer.sendall(b"HTTP/1.1 101 x\r\n\r\n")
            peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            peer.setblocking(False)
            sockets.append(peer)


class Peer:
    """A client that counts frames and payload bytes."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.data = b""
        self.frames = 0

    def take(self, data: bytes) -> int:
        """How many payload bytes of whole frames these bytes complete."""
        data, at, payload = self.data + data, 0, 0
        while len(data) - at >= 2:
            size, start = data[at + 1], at + 2
            if size > 125:
                wide = 2 if size == 126 else 8
                size = int.from_bytes(data[start : start + wide], "big")
                start += wide
            if start + size > len(data):
                break
            at, payload = start + size, payload + size
            self.frames += 1
        self.data = data[at:]
        return payload


def connect(port: int, path: str, first: str, frames: int) -> Peer:
    sock = socket.create_connection(("127.0.0.1", port))
    sock.sendall(
        f"GET {path} HTTP/1.1\r\nHost: localhost:{port}\r\nUpgrade: websocket\r\n"
        "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n".encode()
    )
    peer = Peer(sock)
    peer.take(read_head(sock))
    if first:
        sock.sendall(bytes((0x81, 0x80 | len(first), 0, 0, 0, 0)) + first.encode())
    while peer.frames < frames:
        peer.take(sock.recv(65536))
    sock.setblocking(False)
    return peer


def receive(port: int, path: str, count: int, first: str, frames: int, stalled: int = 0) -> None:
    peers = {}
    waiting = select.epoll()
    waiting.register(0, select.EPOLLIN)
    for number in range(count):
        peer = connect(port, path, first, frames)
        peers[peer.sock.fileno()] = peer
        if number < count - stalled:
            waiting.register(peer.sock, select.EPOLLIN)
    say("ready")
    got, closed, expected = 0, 0, -1
    while True:
        for fd, _ in waiting.poll():
            if fd == 0:
                line = os.read(0, 256).decode().split()
                if not line:
                    return
                expected = int(line[1])
                continue
            data = peers[fd].sock.recv(1 << 18)
            got += peers[fd].take(data)
            if not data:
                waiting.unregister(fd)
                closed += 1
        if expected >= 0 and (closed or got >= expected):
            say(f"got {got} {closed}")
            got, expected = got - expected, -1


def main() -> None:
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    kind, *rest = sys.argv[1:]
    if kind == "send":
        send(int(rest[0]))
        return
    port, path, count, first, frames, *more = rest
    receive(int(port), path, int(count), first, int(frames), *map(int, more))


if __name__ == "__main__":
    main()
