"""Every further sample, as it is, with the official JavaScript client."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from tests.e2e.conftest import E2E, copy_sample, run_and_check
from tests.e2e.processes import RunningHost, start_host
from tests.e2e.signalr_world import Driver

Start = Callable[..., RunningHost]
Connect = Callable[[RunningHost], "Client"]


class Client:
    """A connected client; what came while it was connecting is not lost."""

    def __init__(self, driver: Driver) -> None:
        self.driver = driver
        self._early: list[list[object]] = []
        driver.do("start")
        while (event := driver.next())["event"] != "connected":
            self._early.append(event["arguments"])

    def message(self) -> list[object]:
        """The arguments of the next message."""
        return self._early.pop(0) if self._early else self.driver.messages(1)[0]


@pytest.fixture
def start(tmp_path: Path, npm_packages: Path) -> Iterator[Start]:
    """Starts a sample; it is stopped, and searched for secrets, at the end."""
    with ExitStack() as stack:

        def started(name: str, *options: str, **extra: str) -> RunningHost:
            host = start_host(
                copy_sample(name, tmp_path, npm_packages), tmp_path, *options, extra=extra
            )
            running = run_and_check(host)
            next(running)
            stack.callback(lambda: next(running, None))
            return host

        yield started


@pytest.fixture
def connect(node: str) -> Iterator[Connect]:
    with ExitStack() as stack:

        def connected(host: RunningHost) -> Client:
            command = [node, str(E2E / "clients/signalr_client.mjs")]
            driver = stack.enter_context(Driver(command, url=f"{host.host}/api"))
            return Client(driver)

        yield connected


def test_a_timer_reaches_everybody_who_listens(start: Start, connect: Connect) -> None:
    host = start("ticker-python", TickSchedule="* * * * * *")

    (message,) = connect(host).message()

    assert isinstance(message, dict)
    assert sorted(message) == ["late", "time"]


@pytest.mark.parametrize("sample", ["rooms-python-v2", "rooms-javascript-v4"])
def test_who_is_in_a_room_hears_what_is_said_there(
    sample: str, start: Start, connect: Connect
) -> None:
    host = start(sample, "--as", "ann")
    client = connect(host)
    assert host.call("POST", "/api/rooms/lobby/members").status == 204

    said = [
        host.call("POST", f"/api/rooms/{room}/messages", {"text": room})
        for room in ("other", "lobby")
    ]

    assert [answer.status for answer in said] == [202, 202]
    assert client.message() == ["lobby"]


@pytest.mark.parametrize("sample", ["rooms-python-v2", "rooms-javascript-v4"])
def test_who_left_a_room_hears_nothing_more(sample: str, start: Start, connect: Connect) -> None:
    host = start(sample, "--as", "ann")
    client = connect(host)
    host.call("POST", "/api/rooms/lobby/members")
    host.call("POST", "/api/rooms/hall/members")
    host.call("DELETE", "/api/rooms/lobby/members")

    host.call("POST", "/api/rooms/lobby/messages", {"text": "unheard"})
    host.call("POST", "/api/rooms/hall/messages", {"text": "heard"})

    assert client.message() == ["heard"]


def test_nobody_can_join_without_a_login(start: Start) -> None:
    assert start("rooms-javascript-v4").call("POST", "/api/rooms/lobby/members").status == 401


def test_hub_methods_greet_answer_and_shout(start: Start, connect: Connect) -> None:
    client = connect(start("hub-methods-javascript", "--as", "ann"))

    assert client.message() == ["Hello ann"]
    assert client.driver.call("add", 2, 3) == {"event": "result", "value": 5}
    client.driver.do("send", target="shout", arguments=["quiet"])
    assert client.message() == ["ann: QUIET"]


def test_a_hub_method_that_does_not_exist_names_the_nearest(start: Start, connect: Connect) -> None:
    client = connect(start("hub-methods-javascript", "--as", "ann"))
    client.message()

    answer = client.driver.call("ad", 2, 3)

    assert answer["event"] == "failure"
    assert "add" in answer["error"]


def test_event_grid_events_tell_who_comes_and_goes(start: Start, connect: Connect) -> None:
    host = start("presence-javascript", "--as", "ann")
    watcher = connect(host)
    assert watcher.message() == [{"user": "ann", "state": "came"}]

    other = connect(host)
    assert watcher.message() == [{"user": "ann", "state": "came"}]
    other.driver.do("stop")

    assert watcher.message() == [{"user": "ann", "state": "left"}]


def test_a_poll_in_typescript_counts_for_everybody(start: Start, connect: Connect) -> None:
    host = start("poll-typescript-v4")
    client = connect(host)

    answers = [
        host.call("POST", f"/api/votes/{choice}").status for choice in ("tea", "milk", "tea")
    ]

    assert answers == [202, 404, 202]
    assert [client.message(), client.message()] == [
        [{"tea": 1, "coffee": 0}],
        [{"tea": 2, "coffee": 0}],
    ]


@pytest.mark.parametrize(
    ("given", "heard"),
    [("closing soon", ["closing soon"]), ('{"to": "ann", "text": "hi"}', ["hi"])],
)
def test_an_announcement_is_made_by_hand(
    given: str, heard: list[str], start: Start, connect: Connect
) -> None:
    host = start("announcer-javascript", "--as", "ann")
    client = connect(host)

    assert host.call("POST", "/admin/functions/announce", {"input": given}).status == 202

    assert client.message() == heard


def test_a_countdown_arrives_number_by_number_and_ends_with_its_caller(start: Start) -> None:
    host = start("countdown-python-v2")

    with urllib.request.urlopen(f"{host.host}/api/countdown/1000000", timeout=20) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        seen = [answer.readline() for _ in range(3)]
    host.output.wait_for(r"The countdown ended at 99999\d")

    assert seen == [b"data: 1000000\n", b"\n", b"data: 999999\n"]
    assert "EventSource" in host.call("GET", "/api/index").text


def test_lines_are_counted_while_they_arrive(start: Start) -> None:
    host = start("countdown-python-v2")
    body = b"line\n" * 1_000_000

    request = urllib.request.Request(f"{host.host}/api/lines", body, method="POST")
    with urllib.request.urlopen(request, timeout=20) as answer:
        assert json.load(answer) == {"lines": 1_000_000}
