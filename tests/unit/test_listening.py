"""Addresses, busy ports and who holds them."""

from __future__ import annotations

import errno
import socket
from pathlib import Path

import pytest

from funcjson.errors import AppLoadError
from funcjson.listening import cannot_listen, open_sockets, port_holder, port_of


@pytest.mark.parametrize(
    ("text", "port"),
    [("0", 0), ("7071", 7071), ("65535", 65535), ("65536", None), ("-1", None), ("", None)],
)
def test_what_a_port_is(text: str, port: int | None) -> None:
    assert port_of(text) == port


def fake_proc(root: Path, state: str = "0A") -> Path:
    (root / "net").mkdir()
    row = f"   0: 0100007F:1B9F 00000000:0000 {state} 0:0 00:0 0 1000 0 4242 1"
    (root / "net" / "tcp").write_text(f"heading\n{row}\n", "ascii")
    fd = root / "77" / "fd"
    fd.mkdir(parents=True)
    (fd / "3").symlink_to("socket:[4242]")
    (root / "77" / "comm").write_text("func\n", "utf-8")
    return root


def test_the_holder_of_a_port_is_named(tmp_path: Path) -> None:
    assert port_holder(7071, fake_proc(tmp_path)) == "func (pid 77)"


def test_a_connection_does_not_hold_a_port(tmp_path: Path) -> None:
    assert port_holder(7071, fake_proc(tmp_path, "01")) == ""


def test_another_port_is_held_by_nobody(tmp_path: Path) -> None:
    assert port_holder(7072, fake_proc(tmp_path)) == ""


def test_a_system_that_does_not_tell(tmp_path: Path) -> None:
    assert port_holder(7071, tmp_path) == ""


def test_a_busy_port_says_what_to_do() -> None:
    problem = cannot_listen("127.0.0.1", 1, OSError(errno.EADDRINUSE, "in use"))

    assert (problem.code, problem.what) == ("FJ0521", "port 1 is in use")
    assert "--port 0" in problem.fix
    assert problem.azure is not None


def test_a_port_of_the_system() -> None:
    problem = cannot_listen("127.0.0.1", 80, OSError(errno.EACCES, "denied"))

    assert problem.what == "this user may not listen on port 80"


def test_an_address_of_another_machine() -> None:
    problem = cannot_listen("192.0.2.1", 80, OSError(errno.EADDRNOTAVAIL, "not here"))

    assert problem.what == "cannot listen on 192.0.2.1, port 80"


def test_who_connects_before_anybody_accepts_waits() -> None:
    sockets = open_sockets("localhost", 0)
    port = sockets[0].getsockname()[1]
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
        with pytest.raises(AppLoadError, match=f"port {port} is in use"):
            open_sockets("127.0.0.1", port)
    finally:
        for one in sockets:
            one.close()


def test_an_address_of_no_machine_is_refused() -> None:
    with pytest.raises(AppLoadError, match=r"cannot listen on 192\.0\.2\.1"):
        open_sockets("192.0.2.1", 0)
