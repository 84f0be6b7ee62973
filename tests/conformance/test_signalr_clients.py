"""What clients see of the service, by vectors, over real sockets.

A vector has `steps`, and may have `options` of the service, `upstream` (`answers` by target: a `result`, an
`error`, "hang" or "fail"; `rejects`), and `over`: it runs once for each of these transports, which "*" in a step
then means. A step is one of these, with its name as a key:

    request   an HTTP request: `token` ("none", a text, or claims to add), `headers`, `body`; checks `status`,
              `answers` (headers, patterns), `json` (members it must have), `lacks`, `text`; `learns` a client
    connect   a client: `over`, `protocol`, `user`, `hub`, `claims`, `version`, `stateful`, `negotiates`, `query`
    attach    the same without a handshake
    socket    an upgrade: `to`, `headers`, `token`; checks `status`, `answers`, `text`, `lacks`
    sends     a client sends `text`, `hex`, or `frames` [opcode, text or hex, more to come]
    receives  the next messages of a client: `records` as JSON, or `text`, or `hex`
    frame     the next WebSocket frame: `opcode` and `text`, `hex` or `code`
    event     the next bytes of an event stream, as they are: `text`
    nothing   nothing has come that was not read
    poll      one poll: checks `status`, `text`, `hex`, `answers`; `begins` only starts it
    polled    the poll that was begun: the same checks
    ends      the service ends the transport, after a Close message that `says` what, or without one (null)
    leaves    a client goes: `how` is "close frame", "abort", "delete", or a code
    rest      a REST call: `body`, padded to `bytes`; checks `status`, `json`; `begins` only starts it
    rested    the REST call that was begun: the same checks
    answers call  a client answers the invocation that comes next `with` a result or an error
    hears     the next events that upstream hears
    advance   seconds pass
    away      the service has noticed that a stateful client has lost its socket
    returns   a stateful client on a new socket; `after` true: once it is away
    unacknowledged  how many messages the service keeps for a stateful client
    stream headers  the GET of an event stream: `headers`; checks `answers`, and the `first` bytes
    stops     the service stops
    repeat    so many times `steps`
    knows     how many connections the service has
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable, Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from tests.conformance.client_sockets import (
    BINARY,
    CLOSE,
    PING,
    PONG,
    TEXT,
    Answer,
    EventStream,
    Poller,
    RawSocket,
)
from tests.conformance.client_world import MARK, Client, ClientWorld

from funcjson.signalr.messages import Completion, Invocation

VECTORS = Path(__file__).parent / "vectors" / "signalr_clients.json"
OPCODES = {
    "continuation": 0,
    "text": TEXT,
    "binary": BINARY,
    "close": CLOSE,
    "ping": PING,
    "pong": PONG,
}
Step = Mapping[str, Any]


def check_answer(world: ClientWorld, step: Step, answer: Answer) -> None:
    assert answer.status == step.get("status", 200), answer
    for name, pattern in step.get("answers", {}).items():
        found = answer.headers.get(name.lower())
        assert found is not None, (name, answer)
        assert re.fullmatch(world.filled(pattern), found), (name, found)
    for name in step.get("lacks", ()):
        assert name.lower() not in answer.headers, answer
    if "text" in step:
        assert answer.body.decode() == world.filled(step["text"])
    if "hex" in step:
        assert answer.body.hex() == step["hex"]
    if "json" in step:
        found = json.loads(answer.body)
        wanted = world.filled(step["json"])
        assert {name: found.get(name, "absent") for name in wanted} == wanted
    for name in step.get("lacks members", ()):
        assert name not in json.loads(answer.body)
    for name, pattern in step.get("members match", {}).items():
        assert re.fullmatch(pattern, json.loads(answer.body)[name])


async def do_request(world: ClientWorld, step: Step) -> None:
    method, _, target = world.filled(step["request"]).partition(" ")
    body = world.filled(step["body"]).encode() if "body" in step else None
    if "body bytes" in step:
        body = b"x" * step["body bytes"]
    answer = await world.http.ask(method, target, world.headers(step), body)
    check_answer(world, step, answer)
    if "learns" in step:
        world.learn(step["learns"], json.loads(answer.body))


async def do_connect(world: ClientWorld, step: Step) -> None:
    for name in step["connect"].split():
        await world.connect(name, step)


async def do_attach(world: ClientWorld, step: Step) -> None:
    await world.attach(step["attach"], step)


async def do_socket(world: ClientWorld, step: Step) -> None:
    headers = {"Host": f"localhost:{world.server.port}", **world.headers(step)}
    answer, socket = await RawSocket.upgrade(world.server.port, world.filled(step["to"]), headers)
    if answer.status == 101:
        world.use(world.clients.setdefault(step["socket"], Client()), socket)
    check_answer(world, {"status": 101, **step}, answer)


def wire_of(world: ClientWorld, name: str) -> Any:
    return world.clients[name].wire


async def do_sends(world: ClientWorld, step: Step) -> None:
    wire = wire_of(world, step["sends"])
    if "hex" in step:
        await wire.send(bytes.fromhex(step["hex"]))
    elif "frames" in step:
        for kind, data, *more in step["frames"]:
            payload = bytes.fromhex(data) if kind in ("binary hex", "text hex") else data.encode()
            opcode = OPCODES[kind.removesuffix(" hex")]
            wire.send_frame(opcode, payload, is_final=not more)
    elif "megabytes" in step:
        argument = "y" * (step["megabytes"] << 20)
        body = json.dumps({"type": 1, "target": "big", "arguments": [argument]})
        await wire.send(body.encode() + b"\x1e")
    else:
        await wire.send(world.filled(step["text"]).encode())


async def do_receives(world: ClientWorld, step: Step) -> None:
    client = world.clients[step["receives"]]
    if "records" in step:
        for wanted in step["records"]:
            record = await client.next_record()
            assert record is not None, f"the service closed instead of {wanted}"
            (body,) = record.split(b"\x1e")[:-1]
            assert json.loads(body) == world.filled(wanted)
    if "text" in step:
        record = await client.next_record()
        assert record is not None
        assert record.decode() == world.filled(step["text"])
    for wanted in step.get("hex", ()):
        record = await client.next_record()
        assert record is not None
        assert record.hex() == wanted


async def do_frame(world: ClientWorld, step: Step) -> None:
    opcode, payload = await wire_of(world, step["frame"]).frame()
    assert opcode == OPCODES[step["opcode"]], (opcode, payload)
    if "text" in step:
        assert payload.decode() == step["text"]
    if "hex" in step:
        assert payload.hex() == step["hex"]
    if "code" in step:
        assert int.from_bytes(payload[:2], "big") == step["code"]


async def do_event(world: ClientWorld, step: Step) -> None:
    assert (await wire_of(world, step["event"]).event()).decode() == step["text"]


async def do_nothing(world: ClientWorld, step: Step) -> None:
    """A message to everybody must be the next thing that comes."""
    answer = await world.rest(
        "POST /api/hubs/chat/:send?api-version=2022-06-01", {"target": MARK, "arguments": []}
    )
    assert answer.status == 202
    for name in step["nothing"].split():
        client = world.clients[name]
        record = await client.next_record()
        if client.protocol.is_binary:
            assert record is not None and MARK.encode() in record, record
        else:
            assert record == b'{"type":1,"target":"the mark","arguments":[]}\x1e'


async def do_poll(world: ClientWorld, step: Step) -> None:
    client = world.clients[step["poll"]]
    wire = client.wire
    assert isinstance(wire, Poller)
    if not step.get("begins"):
        check_answer(world, step, await wire.poll())
        return
    sink = world.session(step["poll"]).sink
    before = sink.polls
    client.polls.append(asyncio.create_task(wire.poll()))
    await world.until(lambda: sink.polls > before)


async def do_polled(world: ClientWorld, step: Step) -> None:
    check_answer(world, step, await world.clients[step["polled"]].polls.pop(0))


async def do_ends(world: ClientWorld, step: Step) -> None:
    client = world.clients[step["ends"]]
    if step.get("says") is not None:
        record = await client.next_record()
        assert record is not None
        (body,) = record.split(b"\x1e")[:-1]
        assert json.loads(body) == step["says"]
    assert await client.next_record() is None


async def do_leaves(world: ClientWorld, step: Step) -> None:
    wire, how = wire_of(world, step["leaves"]), step["how"]
    if how == "abort":
        wire.abort()
    elif how == "delete":
        check_answer(world, {"status": 202, "text": ""}, await wire.delete())
    else:
        await wire.leave(None if how == "close frame" else how)


async def do_rest(world: ClientWorld, step: Step) -> None:
    asking = world.rest(step["rest"], step.get("body"), step.get("bytes", 0))
    if step.get("begins"):
        world.calls.append(asyncio.create_task(asking))
        return
    answer = await asking
    check_answer(world, {"status": 202, **step}, answer)
    if "learns token of" in step:
        world.clients[step["learns token of"]] = client = Client()
        client.token = json.loads(answer.body)["token"]


async def do_rested(world: ClientWorld, step: Step) -> None:
    check_answer(world, step, await world.calls.pop(0))


async def do_returns_result(world: ClientWorld, step: Step) -> None:
    client = world.clients[step["answers call"]]
    record = await client.next_record()
    assert record is not None and client.wire is not None
    buffer = bytearray(record)
    (one,) = client.protocol.split(buffer, len(buffer))
    asked = client.protocol.parse(one)
    assert isinstance(asked, Invocation) and asked.invocation_id is not None
    given = step["with"]
    done = Completion(
        asked.invocation_id, given.get("result"), given.get("error"), "result" in given
    )
    await client.wire.send(client.protocol.encode(done))


async def do_stream_headers(world: ClientWorld, step: Step) -> None:
    client = world.clients[step["stream headers"]]
    stream = EventStream(world.http, f"/client/?hub=chat&id={client.token}", world.headers(step))
    response = await stream.open()
    world.use(client, stream)
    headers = {name.lower(): value for name, value in response.headers.items()}
    check_answer(world, step, Answer(response.status, headers, b""))
    if "first" in step:
        assert (await stream.chunk()).decode() == step["first"]


async def do_away(world: ClientWorld, step: Step) -> None:
    session = world.session(step["away"])
    await world.until(lambda: session.sink is None)


async def do_unacknowledged(world: ClientWorld, step: Step) -> None:
    resend = world.session(step["unacknowledged"]).connection.resend
    assert len(resend.waiting) == step["is"]


async def do_stops(world: ClientWorld, step: Step) -> None:
    """The service stops; it waits for its clients, so the test goes on meanwhile."""
    world.stopping = asyncio.create_task(world.server.stop())


async def do_hears(world: ClientWorld, step: Step) -> None:
    wanted = world.filled(step["hears"])
    found = await world.upstream.next(len(wanted))
    if step.get("any order"):
        found, wanted = sorted(found, key=str), sorted(wanted, key=str)
    # A vector may leave out what comes last.
    assert [have[: len(want)] for have, want in zip(found, wanted, strict=True)] == wanted


async def do_advance(world: ClientWorld, step: Step) -> None:
    world.advance(step["advance"])


async def do_returns(world: ClientWorld, step: Step) -> None:
    name = step["returns"]
    client = world.clients[name]
    if step.get("after"):
        await do_away(world, {"away": name})
    answer, socket = await RawSocket.upgrade(world.server.port, client.target, client.credentials)
    assert answer.status == step.get("status", 101), answer
    if answer.status == 101:
        world.use(client, socket)


async def do_repeat(world: ClientWorld, step: Step) -> None:
    for _ in range(step["repeat"]):
        for each in step["steps"]:
            await do(world, each)


async def do_knows(world: ClientWorld, step: Step) -> None:
    hubs = world.server.state()["hubs"].values()
    assert sum(len(hub["connections"]) for hub in hubs) == step["knows"]


STEPS: Mapping[str, Callable[[ClientWorld, Step], Awaitable[None]]] = {
    "request": do_request,
    "connect": do_connect,
    "attach": do_attach,
    "socket": do_socket,
    "sends": do_sends,
    "receives": do_receives,
    "frame": do_frame,
    "event": do_event,
    "nothing": do_nothing,
    "poll": do_poll,
    "polled": do_polled,
    "ends": do_ends,
    "leaves": do_leaves,
    "rest": do_rest,
    "hears": do_hears,
    "advance": do_advance,
    "returns": do_returns,
    "repeat": do_repeat,
    "knows": do_knows,
    "rested": do_rested,
    "answers call": do_returns_result,
    "stream headers": do_stream_headers,
    "away": do_away,
    "unacknowledged": do_unacknowledged,
    "stops": do_stops,
}


async def do(world: ClientWorld, step: Step) -> None:
    (name,) = [key for key in STEPS if key in step][:1] or [""]
    await STEPS[name](world, step)


def cases() -> Iterator[Any]:
    for vector in json.loads(VECTORS.read_text(encoding="utf-8")):
        for transport in vector.get("over", ("",)):
            title = f"{vector['title']}{f' ({transport})' if transport else ''}"
            yield pytest.param(vector, transport, id=title)


@pytest.mark.parametrize(("vector", "transport"), list(cases()))
async def test_clients(vector: Mapping[str, Any], transport: str) -> None:
    async with ClientWorld(vector, transport) as world:
        for number, step in enumerate(vector["steps"]):
            try:
                await do(world, step)
            except Exception as error:
                error.add_note(f"step {number}: {json.dumps(step, ensure_ascii=False)[:300]}")
                raise
