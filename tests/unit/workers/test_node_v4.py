"""Apps of the v4 programming model run in a real node process, with the real library."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from tests.unit.workers.node_driver import node_app, request, with_packages

HEAD = "const { app, input, output, trigger } = require('@azure/functions');\n"
PACKAGE = {"package.json": '{"main": "src/functions/*.js"}'}
TRIGGER = "httpTrigger433d175fc9"


def files(code: str) -> dict[str, str]:
    return {**PACKAGE, "src/functions/f.js": HEAD + code}


async def index(root: Path, code: str) -> dict[str, Any]:
    with_packages(root)
    async with node_app(root, files(code)) as node:
        return await node.ask("index")


async def run(
    root: Path, code: str, *inputs: tuple[str, dict[str, Any]], **members: Any
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Index, invoke `f` once with its first binding as trigger, and give the answer and the logs."""
    with_packages(root)
    async with node_app(root, files(code)) as node:
        indexed = await node.ask("index")
        assert indexed["error"] is None, indexed
        name = indexed["functions"][0]["document"]["bindings"][0]["name"]
        given = inputs or ((name, {"http": request()}),)
        return await node.invoke("f", *given, **members), node.logs


async def test_a_registration_is_a_document_with_its_place(tmp_path: Path) -> None:
    code = """const hub = { hubName: 'chat', connectionStringSetting: 'X' };
app.http('negotiate', {
    methods: ['POST'], route: 'n/{id}', authLevel: 'function',
    extraInputs: [input.generic({ type: 'signalRConnectionInfo', name: 'info', ...hub })],
    extraOutputs: [output.generic({ type: 'signalR', name: 'out', ...hub })],
    handler: async () => {},
});
app.timer('tick', { schedule: '0 * * * * *', handler: async () => {},
    retry: { strategy: 'fixedDelay', maxRetryCount: 3, delayInterval: { minutes: 1, seconds: 5 } } });"""
    indexed = await index(tmp_path, code)
    negotiate, tick = indexed["functions"]
    trigger_name = negotiate["document"]["bindings"][0].pop("name")

    assert trigger_name.startswith("httpTrigger")
    assert (negotiate["name"], negotiate["script_file"]) == ("negotiate", "src/functions/f.js")
    assert (negotiate["line"], tick["line"]) == (3, 9)
    assert negotiate["document"] == {
        "bindings": [
            {
                "type": "httpTrigger",
                "direction": "in",
                "authLevel": "function",
                "methods": ["POST"],
                "route": "n/{id}",
            },
            {
                "type": "signalRConnectionInfo",
                "name": "info",
                "direction": "in",
                "hubName": "chat",
                "connectionStringSetting": "X",
            },
            {"type": "http", "direction": "out", "name": "$return"},
            {
                "type": "signalR",
                "name": "out",
                "direction": "out",
                "hubName": "chat",
                "connectionStringSetting": "X",
            },
        ]
    }
    assert tick["document"]["retry"] == {
        "strategy": "fixedDelay",
        "maxRetryCount": 3,
        "delayInterval": "00:01:05",
    }


async def test_an_es_module_app_registers_too(tmp_path: Path) -> None:
    with_packages(tmp_path)
    code = "import { app } from '@azure/functions';\n\napp.get('f', () => ({ body: 'esm' }));"
    package = '{"type": "module", "main": "src/{jobs,functions}/*.js"}'
    async with node_app(tmp_path, {"package.json": package, "src/functions/f.js": code}) as node:
        indexed = await node.ask("index")
        name = indexed["functions"][0]["document"]["bindings"][0]["name"]
        loaded = await node.load("f", script_file="src/functions/f.js", code_first=True)
        result = await node.invoke("f", (name, {"http": request()}))

    assert indexed["functions"][0]["line"] == 3
    assert loaded["op"] == "loaded"
    assert result["return"]["http"]["body"] == {"bytes": b"esm"}


async def test_the_library_does_not_fall_into_its_test_mode(tmp_path: Path) -> None:
    _, logs = await run(tmp_path, "app.get('f', () => ({}));")

    assert not [line for line in logs if "test mode" in line["message"]]


async def test_a_missing_library_says_how_to_get_it(tmp_path: Path) -> None:
    package = '{"main": "f.js", "dependencies": {"@azure/functions": "^4.0.0"}}'
    app = {"package.json": package, "f.js": HEAD}
    async with node_app(tmp_path, app) as node:
        indexed = await node.ask("index")

    assert indexed["functions"] == []
    assert indexed["error"] == (
        "Worker was unable to load entry point \"f.js\": Cannot find module '@azure/functions' "
        "(package.json lists it: run 'npm install' in the app's folder, or start with --install)"
    )


async def test_a_missing_library_of_an_es_module_app_is_told_alike(tmp_path: Path) -> None:
    app = {"package.json": '{"main": "f.mjs"}', "f.mjs": "import '@azure/functions'"}
    async with node_app(tmp_path, app) as node:
        indexed = await node.ask("index")

    assert "package.json does not list it: run 'npm install @azure/functions'" in indexed["error"]


async def test_an_entry_file_that_throws_is_told_with_its_stack(tmp_path: Path) -> None:
    indexed = await index(tmp_path, "app.get('f', () => ({}));\nthrow new TypeError('at start')")

    assert indexed["functions"] == []
    assert indexed["error"] == (
        'Worker was unable to load entry point "src/functions/f.js": at start'
    )
    assert f"({tmp_path / 'src/functions/f.js'}:3:7)" in indexed["stack"]


async def test_a_package_without_main_is_warned_of(tmp_path: Path) -> None:
    async with node_app(tmp_path, {"package.json": "{}"}) as node:
        indexed = await node.ask("index")

    assert indexed["functions"] == []
    assert 'package.json has no "main"' in indexed["warnings"][0]


async def test_a_function_without_handler_is_warned_of(tmp_path: Path) -> None:
    indexed = await index(tmp_path, "app.http('f', {});")

    (warning,) = indexed["warnings"]
    assert warning["message"] == "Function 'f' has no handler: its calls will fail."


@pytest.mark.parametrize(
    ("code", "error"),
    [
        (
            "app.get('f', () => {}); app.get('f', () => {});",
            'A function with id "f" has already been registered.',
        ),
        (
            "require('@azure/functions-core').registerHook('nope', () => {});",
            'Unrecognized hook "nope"',
        ),
    ],
)
async def test_mistakes_of_registration(tmp_path: Path, code: str, error: str) -> None:
    indexed = await index(tmp_path, code)

    assert error in indexed["error"]


async def test_registering_after_the_start_is_refused(tmp_path: Path) -> None:
    result, _ = await run(tmp_path, "app.get('f', () => { app.get('g', () => {}) });")

    assert result["message"] == "A function can only be registered during app startup."


async def test_setup_after_the_start_is_refused(tmp_path: Path) -> None:
    result, _ = await run(tmp_path, "app.get('f', () => { app.setup({}) });")

    assert result["message"] == "Setup options can't be changed after app startup has finished."


async def test_context_has_what_the_host_sent(tmp_path: Path) -> None:
    code = """app.http('f', { handler: (r, c) => ({ jsonBody: {
        id: c.invocationId, name: c.functionName, trace: c.traceContext, retry: c.retryContext } }) });"""
    result, _ = await run(
        tmp_path, code, id="call-1", trace_parent="00-a-b-01", retry=[1, 2, "e", "at x.js:1"]
    )

    assert json.loads(result["return"]["http"]["body"]["bytes"]) == {
        "id": "call-1",
        "name": "f",
        "trace": {"traceParent": "00-a-b-01", "traceState": "", "attributes": {}},
        "retry": {
            "retryCount": 1,
            "maxRetryCount": 2,
            "exception": {"source": "", "stackTrace": "at x.js:1", "message": "e"},
        },
    }


async def test_log_levels_carry_function_and_invocation(tmp_path: Path) -> None:
    code = """app.get('f', (r, c) => { c.log('a %d', 1); c.trace('t'); c.debug('d'); c.info('i');
        c.warn('w'); c.error('e'); console.log('con') });"""
    _, logs = await run(tmp_path, code, id="call-2")

    assert [(line["level"], line["category"], line["message"]) for line in logs] == [
        ("information", "user", "a 1"),
        ("trace", "user", "t"),
        ("debug", "user", "d"),
        ("information", "user", "i"),
        ("warning", "user", "w"),
        ("error", "user", "e"),
        ("information", "console", "con"),
    ]
    assert {(line["function"], line["invocation_id"]) for line in logs} == {("f", "call-2")}


async def test_cookies_cross(tmp_path: Path) -> None:
    code = """app.get('f', () => ({ cookies: [{ name: 'a', value: 'b', path: '/', secure: true,
        expires: new Date(5000), sameSite: 'None', maxAge: 60 }] }));"""
    result, _ = await run(tmp_path, code)

    assert result["return"]["http"]["cookies"] == [
        {
            "name": "a",
            "value": "b",
            "domain": None,
            "path": "/",
            "expires": "1970-01-01T00:00:05.000Z",
            "secure": True,
            "httpOnly": None,
            "sameSite": "None",
            "maxAge": 60,
        }
    ]


async def test_times_of_a_cookie_that_http_cannot_carry_reach_the_host(tmp_path: Path) -> None:
    code = """app.get('f', () => ({ cookies: [
        { name: 'a', value: '', maxAge: NaN, expires: 1e15 },
        { name: 'b', value: '', maxAge: -Infinity, expires: 1e300 }] }));"""
    result, _ = await run(tmp_path, code)
    cookies = result["return"]["http"]["cookies"]

    assert [cookie["maxAge"] for cookie in cookies] == ["NaN", "-Infinity"]
    assert [cookie["expires"] for cookie in cookies] == [1e12, 1e297]


async def test_an_error_has_the_users_frames_only(tmp_path: Path) -> None:
    code = "app.get('f', async () => {\n    throw new TypeError('boom') });"
    result, _ = await run(tmp_path, code)
    frames = [line for line in result["stack"].splitlines() if line.lstrip().startswith("at ")]

    assert (result["type"], result["message"]) == ("TypeError", "boom")
    assert len(frames) == 1
    assert (result["file"], result["line"]) == (str(tmp_path / "src/functions/f.js"), 3)


async def test_hooks_see_and_change_a_call(tmp_path: Path) -> None:
    code = """app.hook.appStart((c) => { c.hookData.x = 1; console.log('start hook') });
app.hook.preInvocation((c) => { c.hookData.seen = c.invocationContext.functionName;
    const inner = c.functionHandler;
    c.functionHandler = async (...args) => ({ ...(await inner(...args)), status: 201 }) });
app.hook.postInvocation((c) => { c.result.body += ' ' + c.hookData.seen });
app.hook.log((c) => { c.message = '[' + c.message + ']' });
app.get('f', (r, c) => { c.log('line'); return { body: 'hi' } });"""
    result, logs = await run(tmp_path, code)

    assert result["return"]["http"]["status"] == "201"
    assert result["return"]["http"]["body"] == {"bytes": b"hi f"}
    assert [line["message"] for line in logs if line["category"] == "user"] == ["[line]"]
    assert "start hook" in "".join(line["message"] for line in logs)


async def test_a_hook_can_turn_an_error_into_a_result(tmp_path: Path) -> None:
    code = """app.hook.postInvocation((c) => { c.result = { body: c.error.message }; c.error = null });
app.get('f', () => { throw new Error('caught') });"""
    result, _ = await run(tmp_path, code)

    assert result["return"]["http"]["body"] == {"bytes": b"caught"}


async def test_app_terminate_hooks_run_at_the_stop(tmp_path: Path) -> None:
    with_packages(tmp_path)
    code = "app.hook.appTerminate(async () => { console.log('good-bye') });"
    async with node_app(tmp_path, files(code)) as node:
        await node.ask("index")
        await node.send({"op": "stop"})
        line = await node.log_with("good-bye")

        assert await node.process.wait() == 0
    assert line["category"] == "console"


STREAMS = "app.setup({ enableHttpStream: true });\n"
NAMES = """app.http('f', { handler: (r) => ({ jsonBody:
    ['x-pl', 'x-zh', 'x-de'].map((name) => r.headers.get(name)) }) });"""


@pytest.mark.parametrize("head", ["", STREAMS], ids=["plain", "streams"])
async def test_header_values_beyond_latin_1_come_as_their_utf_8_bytes(
    tmp_path: Path, head: str
) -> None:
    incoming = request(headers={"x-pl": "Łukasz", "x-zh": "李", "x-de": "Zoë"})
    with_packages(tmp_path)
    async with node_app(tmp_path, files(head + NAMES)) as node:
        indexed = await node.ask("index")
        name = indexed["functions"][0]["document"]["bindings"][0]["name"]
        result = await node.invoke("f", (name, {"http": incoming}))

    assert result["op"] == "result", result
    body = result["return"]["http"]["body"]
    polish, chinese, german = json.loads(body.get("bytes") or body["string"])
    assert polish.encode("latin-1").decode() == "Łukasz"
    assert chinese.encode("latin-1").decode() == "李"
    assert german == "Zoë"


async def stream_app(root: Path, code: str, **options: Any) -> Any:
    with_packages(root)
    return node_app(root, files(STREAMS + code), **options)


async def test_stacks_of_a_waiting_stream_function_show_nothing_of_the_worker(
    tmp_path: Path,
) -> None:
    code = """app.http('f', { handler: async (r, context) => {
        context.log('waits now'); await new Promise(() => {}); } });"""
    async with await stream_app(tmp_path, code) as node:
        indexed = await node.ask("index")
        name = indexed["functions"][0]["document"]["bindings"][0]["name"]
        call = asyncio.create_task(node.invoke("f", (name, {"http": request()})))
        await node.log_with("waits now")
        text = (await node.ask("stacks"))["text"]
        call.cancel()

    assert "what it awaits may never come" in text
    assert "open connection" not in text


async def test_streamed_responses_are_collected_for_a_host_without_streams(tmp_path: Path) -> None:
    code = """app.http('f', { methods: ['POST'], route: 'x/{id}', handler: async (r) => ({
        status: 201, headers: { 'x-a': '1' }, cookies: [{ name: 'c', value: 'a b', path: '/' }],
        body: [r.method, r.url, r.params.id, r.headers.get('x-in'), await r.text()].join(' ') }) });"""
    incoming = request(
        "POST", "/api/x/5?q=1", headers={"x-in": "h"}, params={"id": "5"}, body={"bytes": b"in"}
    )
    async with await stream_app(tmp_path, code) as node:
        indexed = await node.ask("index")
        name = indexed["functions"][0]["document"]["bindings"][0]["name"]
        result = await node.invoke("f", (name, {"http": incoming}))
    http = result["return"]["http"]

    assert (http["status"], http["headers"]["x-a"]) == (201, "1")
    assert http["body"] == {"bytes": b"POST http://localhost:7071/api/x/5?q=1 5 h in"}
    assert (http["cookies"][0]["name"], http["cookies"][0]["value"]) == ("c", "a b")


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("c=a%20b%C3%A9; Path=/", "a b\u00e9"),
        ("c=100%", "100%"),
        ("c=%zz%20off; HttpOnly", "%zz off"),
        ("c", ""),
    ],
)
async def test_a_cookie_may_hold_what_is_no_percent_encoding(
    tmp_path: Path, header: str, value: str
) -> None:
    code = f"app.http('f', {{ handler: () => ({{ headers: {{ 'Set-Cookie': '{header}' }} }}) }});"
    async with await stream_app(tmp_path, code) as node:
        indexed = await node.ask("index")
        name = indexed["functions"][0]["document"]["bindings"][0]["name"]
        result = await node.invoke("f", (name, {"http": request()}))

    (cookie,) = result["return"]["http"]["cookies"]
    assert (cookie["name"], cookie["value"]) == ("c", value)


async def test_a_response_comes_in_pieces_before_the_call_ends(tmp_path: Path) -> None:
    code = """const { ReadableStream } = require('stream/web');
app.http('f', { handler: () => ({ body: new ReadableStream({
    start(c) { c.enqueue(Buffer.from('first')); globalThis.next = () => { c.enqueue(Buffer.from('second')); c.close() } } }) }) });
app.http('g', { handler: () => { globalThis.next() } });"""
    async with await stream_app(tmp_path, code) as node:
        indexed = await node.ask("index")
        name = indexed["functions"][0]["document"]["bindings"][0]["name"]
        call = asyncio.create_task(
            node.invoke("f", (name, {"http": request()}), id="call-1", stream=True)
        )
        head = await node.extra()
        first = await node.extra()
        await node.invoke("g", (name, {"http": request()}))
        second = await node.extra()
        end = await node.extra()
        result = await call

    assert (head["op"], head["id"], head["status"]) == ("response", "call-1", 200)
    assert first == {"op": "body", "id": "call-1", "data": {"bytes": b"first"}}
    assert second["data"] == {"bytes": b"second"}
    assert end["end"] is True
    assert result["return"] == {}


async def test_a_worker_waits_while_the_caller_takes_nothing(tmp_path: Path) -> None:
    code = """const { ReadableStream } = require('stream/web');
let left = 16;
app.http('f', { handler: () => ({ body: new ReadableStream({
    pull(c) { if (left-- > 0) c.enqueue(Buffer.alloc(1 << 18)); else c.close() } }) }) });
app.http('g', { handler: () => ({}) });"""
    async with await stream_app(tmp_path, code) as node:
        indexed = await node.ask("index")
        names = {f["name"]: f["document"]["bindings"][0]["name"] for f in indexed["functions"]}
        asked = (names["f"], {"http": request()})
        call = asyncio.create_task(node.invoke("f", asked, id="call-1", stream=True))
        sizes = [0]
        while sum(sizes) < 1 << 20:
            sizes.append(len((await node.extra()).get("data", {}).get("bytes", b"")))
        # This answer comes after whatever the worker still sent.
        await node.invoke("g", (names["g"], {"http": request()}))
        assert node.other == []
        while not call.done():
            await node.send({"op": "taken", "id": "call-1", "size": sizes.pop()})
            message = await node.extra()
            sizes.append(len(message["data"].get("bytes", b"")))
            if message.get("end"):
                break
        await call


async def test_a_request_body_comes_in_pieces(tmp_path: Path) -> None:
    code = """app.http('f', { methods: ['POST'], handler: async (r, c) => {
    c.log('started'); let text = ''; for await (const piece of r.body) { text += piece.length + ' '; c.log('got', piece.length) }
    return { body: text } } });"""
    async with await stream_app(tmp_path, code) as node:
        indexed = await node.ask("index")
        name = indexed["functions"][0]["document"]["bindings"][0]["name"]
        incoming = request("POST", body={"stream": True})
        call = asyncio.create_task(node.invoke("f", (name, {"http": incoming}), id="call-1"))
        await node.log_with("started")
        await node.send({"op": "body", "id": "call-1", "data": {"bytes": b"abc"}, "end": False})
        await node.log_with("got 3")
        await node.send({"op": "body", "id": "call-1", "data": {"bytes": b"de"}, "end": True})
        result = await call
        taken = [await node.extra(), await node.extra()]

    assert result["return"]["http"]["body"] == {"bytes": b"3 2 "}
    assert taken == [{"op": "taken", "id": "call-1", "size": size} for size in (3, 2)]


async def test_a_request_body_that_breaks_off_is_an_error_in_the_handler(tmp_path: Path) -> None:
    code = """app.http('f', { methods: ['POST'], handler: async (r, c) => {
    c.log('started');
    await r.text().catch(() => c.log('broken'));
    return { body: 'x' } } });"""
    async with await stream_app(tmp_path, code) as node:
        indexed = await node.ask("index")
        name = indexed["functions"][0]["document"]["bindings"][0]["name"]
        incoming = request("POST", body={"stream": True})
        call = asyncio.create_task(node.invoke("f", (name, {"http": incoming}), id="call-1"))
        await node.log_with("started")
        await node.send({"op": "body", "id": "call-1", "data": {}, "end": True, "error": "gone"})
        await node.log_with("broken")
        result = await call

    assert (result["op"], result["return"]) == ("result", {})


async def test_a_streaming_app_answers_without_an_http_output(tmp_path: Path) -> None:
    code = """app.generic('f', { trigger: trigger.http({ methods: ['GET'], authLevel: 'anonymous' }),
    return: output.generic({ type: 'signalR', hubName: 'chat' }),
    handler: () => ({ target: 'tick', arguments: [1] }) });"""
    async with await stream_app(tmp_path, code) as node:
        indexed = await node.ask("index")
        name = indexed["functions"][0]["document"]["bindings"][0]["name"]
        result = await node.invoke("f", (name, {"http": request()}))

    assert json.loads(result["return"]["json"]) == {"target": "tick", "arguments": [1]}


@pytest.mark.parametrize(
    ("handler", "op"), [("throw new Error('x')", "failed"), ("return undefined", "result")]
)
async def test_a_streaming_handler_without_answer_ends(
    tmp_path: Path, handler: str, op: str
) -> None:
    async with await stream_app(tmp_path, f"app.get('f', () => {{ {handler} }});") as node:
        indexed = await node.ask("index")
        name = indexed["functions"][0]["document"]["bindings"][0]["name"]
        result = await node.invoke("f", (name, {"http": request()}))

    assert result["op"] == op
    assert result.get("return", {}) == {}
