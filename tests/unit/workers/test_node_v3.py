"""Handlers of function.json apps run in a real node process."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import socket
from pathlib import Path
from typing import Any

import pytest
from tests.unit.workers.node_driver import (
    HTTP_TRIGGER,
    Driver,
    body_of,
    node_app,
    request,
)

TIMER = {"type": "timerTrigger", "direction": "in", "name": "t"}
MESSAGES = {"type": "signalR", "direction": "out", "name": "msgs"}


async def run(
    root: Path, code: str, *inputs: tuple[str, dict[str, Any]], **members: Any
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Invoke a function with this code once; gives the answer and the log lines."""
    async with node_app(root, {"f/index.js": code, "package.json": "{}"}, hang_hint_ms=20) as node:
        loaded = await node.load()
        assert loaded["op"] == "loaded", loaded
        result = await node.invoke("f", *inputs, **members)
        return result, node.logs


async def returned(root: Path, code: str, *inputs: Any, **members: Any) -> Any:
    """What a handler answered as its body."""
    result, _ = await run(root, code, *inputs, **members)
    return body_of(result)


async def test_an_async_handler_answers_through_context_res(tmp_path: Path) -> None:
    code = "module.exports = async function (context, req) { context.res = { body: req.method } }"

    assert await returned(tmp_path, code) == "GET"


async def test_the_context_says_who_where_and_when(tmp_path: Path) -> None:
    code = """module.exports = async (c) => { c.res = { body: {
        id: c.invocationId, execution: c.executionContext, definitions: c.bindingDefinitions,
        trace: c.traceContext, same: c.req === c.bindings.req, bindings: Object.keys(c.bindings) } } }"""
    body = await returned(
        tmp_path,
        code,
        id="call-1",
        trace_parent="00-aa-bb-01",
        retry=[1, 3, "it failed", "at x.js:1"],
    )

    assert body == {
        "id": "call-1",
        "execution": {
            "invocationId": "call-1",
            "functionName": "f",
            "functionDirectory": str(tmp_path / "f"),
            "retryContext": {
                "retryCount": 1,
                "maxRetryCount": 3,
                "exception": {"source": "", "stackTrace": "at x.js:1", "message": "it failed"},
            },
        },
        "definitions": [
            {"name": "req", "type": "httpTrigger", "direction": "in"},
            {"name": "res", "type": "http", "direction": "out"},
        ],
        "trace": {"traceparent": "00-aa-bb-01", "tracestate": "", "attributes": {}},
        "same": True,
        "bindings": ["req"],
    }


async def test_binding_data_is_camel_cased_and_parsed(tmp_path: Path) -> None:
    code = "module.exports = async (c) => { c.res = { body: c.bindingData } }"
    metadata = {
        "ConnectionId": {"string": "c1"},
        "Count": {"string": "5"},
        "Claims": {"json": '{"Name": "n"}'},
    }
    body = await returned(
        tmp_path, code, ("req", {"http": request(query={"A": "1"})}), id="i", metadata=metadata
    )

    assert body.pop("sys").keys() == {"methodName", "utcNow", "randGuid"}
    assert body == {
        "invocationId": "i",
        "connectionId": "c1",
        "count": 5,
        "claims": {"name": "n"},
        "query": {"A": "1"},
        "headers": {},
    }


@pytest.mark.parametrize(
    ("content_type", "body", "expected"),
    [
        ("application/json", b'{"a":1}', ["object", '{"a":1}', True]),
        ("text/plain", b"5", ["number", "5", True]),
        ("text/plain", b"hello", ["string", "hello", True]),
        ("application/octet-stream", b"5", ["object", "5", True]),
        ("multipart/form-data; boundary=x", b"--x", ["object", "--x", True]),
    ],
)
async def test_a_body_is_parsed_where_possible(
    tmp_path: Path, content_type: str, body: bytes, expected: list[Any]
) -> None:
    code = """module.exports = async (c, req) => { c.res = { body:
        [typeof req.body, req.rawBody, Buffer.isBuffer(req.bufferBody)] } }"""
    http = request("POST", headers={"content-type": content_type}, body={"bytes": body})

    assert await returned(tmp_path, code, ("req", {"http": http})) == expected


async def test_a_request_without_body_has_none(tmp_path: Path) -> None:
    code = """module.exports = async (c, req) => { c.res = { body:
        [req.body, req.rawBody, req.bufferBody].map(String) } }"""

    assert await returned(tmp_path, code) == ["undefined"] * 3


async def test_a_route_parameter_that_the_url_leaves_out_is_not_there(tmp_path: Path) -> None:
    code = "module.exports = async (c, req) => { c.res = { body: req.params } }"
    http = request(params={"id": None, "name": "n"})

    assert await returned(tmp_path, code, ("req", {"http": http})) == {"name": "n"}


async def test_require_main_is_a_module_that_is_not_the_handlers(tmp_path: Path) -> None:
    code = """module.exports = async (c) => { c.res = { body:
        [typeof require.main.filename, require.main === module] } }"""

    assert await returned(tmp_path, code) == ["string", False]


async def test_get_finds_a_header_in_any_case(tmp_path: Path) -> None:
    code = "module.exports = async (c, req) => { c.res = { body: req.get('X-Name') } }"
    http = request(headers={"x-name": "value"})

    assert await returned(tmp_path, code, ("req", {"http": http})) == "value"


async def test_form_bodies_are_parsed(tmp_path: Path) -> None:
    code = """module.exports = async (c, req) => {
        const form = req.parseFormBody();
        c.res = { body: [form.length, form.has('a'), form.get('a').value.toString(),
            form.getAll('a').length, form.get('no'), form.get('f')?.fileName,
            form.get('f')?.contentType, [...form].map(([name]) => name)] } }"""
    encoded = request(
        "POST",
        headers={"content-type": "application/x-www-form-urlencoded"},
        body={"bytes": b"a=1+2&a=3"},
    )
    multipart = request(
        "POST",
        headers={"content-type": 'multipart/form-data; boundary="xyz"'},
        body={
            "bytes": b'--xyz\r\nContent-Disposition: form-data; name="a"\r\n\r\n1 2\r\n'
            b'--xyz\r\nContent-Disposition: form-data; name="f"; filename="x.txt"\r\n'
            b"Content-Type: text/plain\r\n\r\nabc\r\n--xyz--\r\n"
        },
    )
    async with node_app(tmp_path, {"f/index.js": code}) as node:
        await node.load()
        first = body_of(await node.invoke("f", ("req", {"http": encoded})))
        second = body_of(await node.invoke("f", ("req", {"http": multipart})))
        third = await node.invoke("f", ("req", {"http": request("POST")}))

    assert first == [2, True, "1 2", 2, None, None, None, ["a", "a"]]
    assert second == [2, True, "1 2", 1, None, "x.txt", "text/plain", ["a", "f"]]
    assert third["message"] == '"content-type" header must be defined.'


def principal(value: Any) -> str:
    return base64.b64encode(json.dumps(value).encode()).decode()


async def test_user_is_read_off_the_principal_headers(tmp_path: Path) -> None:
    code = "module.exports = async (c, req) => { c.res = { body: [req.user] } }"
    static_web_app = {"identityProvider": "github", "userId": "u1", "userDetails": "d"}
    app_service = {"auth_typ": "aad", "claims": []}
    async with node_app(tmp_path, {"f/index.js": code}) as node:
        await node.load()

        async def user(headers: dict[str, str]) -> Any:
            result = await node.invoke("f", ("req", {"http": request(headers=headers)}))
            return body_of(result)[0]

        assert await user({}) is None
        assert await user({"x-ms-client-principal": principal(static_web_app)}) == {
            "type": "StaticWebApps",
            "id": "u1",
            "username": "d",
            "identityProvider": "github",
            "claimsPrincipalData": static_web_app,
        }
        assert await user(
            {
                "x-ms-client-principal": principal(app_service),
                "x-ms-client-principal-id": "u2",
                "x-ms-client-principal-name": "n",
                "x-ms-client-principal-idp": "aad",
            }
        ) == {
            "type": "AppService",
            "id": "u2",
            "username": "n",
            "identityProvider": "aad",
            "claimsPrincipalData": app_service,
        }
        assert await user({"x-ms-client-principal": "nonsense"}) is None
        assert await node.log_with("Failed to parse x-ms-client-principal header: ")


async def test_inputs_come_in_the_order_of_the_call_and_are_parsed(tmp_path: Path) -> None:
    code = "module.exports = async (...args) => ({ res: { body: args.slice(2).map(x => [typeof x, x]) } })"
    inputs = [
        ("req", {"http": request()}),
        ("a", {"json": '{"url":"u"}'}),
        ("b", {"string": "5"}),
        ("c", {"string": "text"}),
        ("d", {"int": 3}),
        ("e", {}),
    ]

    assert await returned(tmp_path, code, *inputs) == [
        ["object", {"url": "u"}],
        ["number", 5],
        ["string", "text"],
        ["number", 3],
        ["undefined", None],
    ]


async def test_log_levels_reach_the_host_with_function_and_invocation(tmp_path: Path) -> None:
    code = """module.exports = async (c) => {
        c.log('a %s', 1, { b: 2 }); c.log.error('e'); c.log.warn('w'); c.log.info('i');
        c.log.verbose('v'); console.log('out\\nsecond'); console.error('Error: bad\\n    at x');
        process.stdout.write('no line end') }"""
    _, logs = await run(tmp_path, code, id="call-7")

    assert {(line["function"], line["invocation_id"]) for line in logs} == {("f", "call-7")}
    assert [(line["category"], line["level"], line["message"]) for line in logs] == [
        ("user", "information", "a 1 { b: 2 }"),
        ("user", "error", "e"),
        ("user", "warning", "w"),
        ("user", "information", "i"),
        ("user", "trace", "v"),
        ("console", "information", "out"),
        ("console", "information", "second"),
        ("console", "error", "Error: bad"),
        ("console", "error", "    at x"),
        ("console", "information", "no line end"),
    ]


async def test_a_logged_error_shows_no_frames_of_the_worker(tmp_path: Path) -> None:
    code = "module.exports = async (c) => { c.log(new Error('a')); console.error(new Error('b')) }"
    _, logs = await run(tmp_path, code)
    text = "\n".join(line["message"] for line in logs)

    assert text.count(f"({tmp_path / 'f/index.js'}:1:") == 2
    assert "funcjson/workers" not in text


async def test_text_bodies_are_read_by_their_byte_order_mark(tmp_path: Path) -> None:
    code = "module.exports = async (c, req) => { c.res = { body: [req.body, req.rawBody] } }"
    bodies = [b"\xef\xbb\xbf5", "\ufeff5".encode("utf-16-le"), "\ufeff5".encode("utf-16-be")]
    async with node_app(tmp_path, {"f/index.js": code}) as node:
        await node.load()
        seen = [
            body_of(
                await node.invoke("f", ("req", {"http": request("POST", body={"bytes": body})}))
            )
            for body in bodies
        ]

    assert seen == [[5, "5"]] * 3


async def test_suppress_async_done_error_silences_the_complaint(tmp_path: Path) -> None:
    code = "module.exports = async (c) => { c.suppressAsyncDoneError = true; c.done() }"
    result, logs = await run(tmp_path, code)

    assert result["op"] == "result"
    assert logs == []


async def test_a_character_may_begin_in_one_piece_of_bytes_and_end_in_the_next(
    tmp_path: Path,
) -> None:
    code = """module.exports = async (c) => {
  const text = Buffer.from('grün 🚀 €\\nä');
  for (const byte of text) process.stdout.write(Uint8Array.of(byte));
  for (const byte of text) process.stderr.write(Buffer.from([byte]));
  process.stdout.write(Buffer.from([0xe2, 0x82]));
  console.log('!');
  process.stdout.write(Buffer.from([0xe2]));
};"""
    async with node_app(tmp_path, {"f/index.js": code}) as node:
        await node.load()
        await node.invoke()

    said = [
        (line["stream"], line["message"]) for line in node.logs if line["category"] == "console"
    ]
    assert said == [
        ("stdout", "grün 🚀 €"),
        ("stderr", "grün 🚀 €"),
        ("stdout", "ä\ufffd!"),
        ("stdout", "\ufffd"),
        ("stderr", "ä"),
    ]


async def test_console_lines_of_calls_at_the_same_time_are_told_apart(tmp_path: Path) -> None:
    code = """let release; const gate = new Promise((r) => { release = r }); let count = 0;
        module.exports = async (c) => { if (++count === 3) release(); await gate;
            await new Promise(setImmediate); console.log(c.invocationId) }"""
    async with node_app(tmp_path, {"f/index.js": code}) as node:
        await node.load()
        await asyncio.gather(*(node.invoke(id=f"call-{number}") for number in range(3)))
        lines = [line for line in node.logs if line["category"] == "console"]

    assert {line["message"] for line in lines} == {"call-0", "call-1", "call-2"}
    assert all(line["message"] == line["invocation_id"] for line in lines)


async def test_module_code_is_attributed_to_its_function(tmp_path: Path) -> None:
    _, logs = await run(tmp_path, "console.log('loading'); module.exports = async () => {}")

    assert logs[0]["message"] == "loading"
    assert (logs[0]["function"], logs[0]["invocation_id"]) == ("f", None)


async def test_a_log_after_the_end_is_warned_of(tmp_path: Path) -> None:
    code = "module.exports = async (c) => { setImmediate(() => c.log('late')) }"
    async with node_app(tmp_path, {"f/index.js": code}) as node:
        await node.load()
        await node.invoke(id="call-9")
        late = await node.log_with("late")
        warning = await node.log_with("Warning: Unexpected call to 'log'")

    assert late["invocation_id"] == "call-9"
    assert warning["level"] == "warning"
    assert "Function name: f. Invocation Id: call-9. Learn more:" in warning["message"]


async def test_this_is_the_module_of_a_named_export(tmp_path: Path) -> None:
    code = """class Greeter { constructor() { this.a = 'hi'; this.b = 2 }
        async run(c) { c.res = { body: this.a } } }
        module.exports = new Greeter()"""

    assert await returned(tmp_path, code) == "hi"


async def test_an_es_module_with_a_default_and_top_level_await(tmp_path: Path) -> None:
    files = {
        "package.json": '{"type": "module"}',
        "lib.js": "export const word = await Promise.resolve('esm');",
        "f/index.js": "import { word } from '../lib.js';\n"
        "export default async (c) => { c.res = { body: word } }",
    }
    async with node_app(tmp_path, files) as node:
        assert (await node.load())["op"] == "loaded"
        result = await node.invoke()

    assert body_of(result) == "esm"


async def test_cjs_stays_commonjs_in_an_es_module_app(tmp_path: Path) -> None:
    files = {
        "package.json": '{"type": "module"}',
        "f/index.cjs": "module.exports = async (c) => { c.res = { body: typeof require } }",
    }
    async with node_app(tmp_path, files) as node:
        await node.load(script_file="f/index.cjs")
        result = await node.invoke()

    assert body_of(result) == "function"


async def test_a_script_file_outside_of_its_folder(tmp_path: Path) -> None:
    files = {"dist/f.js": "exports.default = async (c) => { c.res = { body: 'dist' } }"}
    async with node_app(tmp_path, files) as node:
        await node.load(script_file="f/../dist/f.js")
        result = await node.invoke()

    assert body_of(result) == "dist"


async def test_modules_are_shared_between_functions_and_calls(tmp_path: Path) -> None:
    files = {
        "shared/counter.js": "let n = 0; module.exports = () => ++n",
        "f/index.js": "const n = require('../shared/counter');"
        "module.exports = async (c) => { c.res = { body: n() } }",
        "g/index.js": "const n = require('../shared/counter');"
        "module.exports = async (c) => { c.res = { body: n() } }",
    }
    async with node_app(tmp_path, files) as node:
        await node.load("f")
        await node.load("g")
        bodies = [body_of(await node.invoke(name)) for name in ("f", "g", "f")]

    assert bodies == [1, 2, 3]


async def test_outputs_keep_their_kind(tmp_path: Path) -> None:
    code = """module.exports = async (c) => { Object.assign(c.bindings, {
        text: 'x', int: 5, double: 1.5, bool: true, bytes: Buffer.from([0, 255]), list: [new Date(0)],
        view: new Uint8Array([1, 2]), nothing: null, absent: undefined, nan: NaN, error: new Error('x') }) }"""
    names = ["text", "int", "double", "bool", "bytes", "list", "view", "nothing", "absent", "nan"]
    outputs = [{"type": "queue", "direction": "out", "name": n} for n in [*names, "error"]]
    async with node_app(tmp_path, {"f/index.js": code}) as node:
        await node.load("f", HTTP_TRIGGER, *outputs)
        result = await node.invoke()

    assert result["outputs"] == {
        "text": {"string": "x"},
        "int": {"int": 5},
        "double": {"double": 1.5},
        "bool": {"json": "true"},
        "bytes": {"bytes": b"\x00\xff"},
        "list": {"json": '["1970-01-01T00:00:00.000Z"]'},
        "view": {"bytes": b"\x01\x02"},
        "nothing": {},
        "nan": {"string": "NaN"},
        "error": {"json": "{}"},
    }


async def test_a_returned_object_wins_over_bindings(tmp_path: Path) -> None:
    code = "module.exports = async (c) => { c.bindings.msgs = 'a'; return { msgs: 'b', other: 1 } }"
    async with node_app(tmp_path, {"f/index.js": code}) as node:
        await node.load("f", TIMER, MESSAGES)
        result = await node.invoke("f", ("t", {"json": "{}"}))

    # The host sends 'other' nowhere, and the trace says that no binding has that name.
    assert result["outputs"] == {"msgs": {"string": "b"}, "other": {"int": 1}}
    assert result["return"] == {}


async def test_names_that_no_binding_has_come_along(tmp_path: Path) -> None:
    code = (
        "module.exports = async (c) => { c.bindings.msg = 'a'; c.bindings.big = { n: 10n };"
        " c.bindings.none = undefined }"
    )
    async with node_app(tmp_path, {"f/index.js": code}) as node:
        await node.load("f", TIMER, MESSAGES)
        result = await node.invoke("f", ("t", {"json": "{}"}))

    assert result["outputs"] == {"msg": {"string": "a"}, "big": {"string": "[object Object]"}}


async def test_what_is_returned_without_a_place_goes_up_unless_http(tmp_path: Path) -> None:
    code = "module.exports = async () => ({ a: 1 })"
    async with node_app(tmp_path, {"f/index.js": code, "g/index.js": code}) as node:
        await node.load("f", TIMER)
        await node.load("g")
        timer = await node.invoke("f", ("t", {"json": "{}"}))
        http = await node.invoke("g")

    assert timer["return"] == {"json": '{"a":1}'}
    assert http["return"] == {}


async def test_cookies_cross_with_all_their_attributes(tmp_path: Path) -> None:
    code = """module.exports = async (c) => { c.res = { cookies: [
        { name: 'a', value: 'b', domain: 'd', path: '/', expires: new Date(1500), secure: true,
          httpOnly: false, sameSite: 'None', maxAge: '60' }, { name: 'c', value: 'd' }] } }"""
    result, _ = await run(tmp_path, code)
    nothing = dict.fromkeys(
        ("domain", "path", "expires", "secure", "httpOnly", "sameSite", "maxAge")
    )

    assert result["outputs"]["res"]["http"]["cookies"] == [
        {
            "name": "a",
            "value": "b",
            "domain": "d",
            "path": "/",
            "expires": "1970-01-01T00:00:02.000Z",
            "secure": True,
            "httpOnly": False,
            "sameSite": "None",
            "maxAge": 60,
        },
        {"name": "c", "value": "d", **nothing},
    ]


@pytest.mark.parametrize(
    ("member", "attribute"),
    [
        ("maxAge: 'soon'", "maxAge"),
        ("maxAge: {}", "maxAge"),
        ("expires: 'soon'", "expires"),
        ("secure: 1", "secure"),
    ],
)
async def test_a_member_of_a_cookie_of_a_wrong_type_is_told_with_the_cookie(
    tmp_path: Path, member: str, attribute: str
) -> None:
    code = (
        f"module.exports = async (c) => {{ c.res = {{ cookies: [{{ name: 'sid', {member} }}] }} }}"
    )
    result, _ = await run(tmp_path, code)

    assert result["op"] == "failed"
    assert f"Cannot parse value of 'cookie.{attribute}'" in result["message"]
    assert "(cookie 'sid')" in result["message"]


@pytest.mark.parametrize("moment", ["new Date('no date')", "new Date(0)", "NaN", "-5000"])
async def test_an_end_of_a_cookie_that_the_library_drops_is_told(
    tmp_path: Path, moment: str
) -> None:
    code = f"""module.exports = async (c) => {{
        c.res = {{ cookies: [{{ name: 'sid', value: '', expires: {moment} }}] }} }}"""
    result, logs = await run(tmp_path, code)

    assert result["outputs"]["res"]["http"]["cookies"][0]["expires"] is None
    (warning,) = [line["message"] for line in logs if line["level"] == "warning"]
    assert "'sid'" in warning
    assert "maxAge: 0" in warning


async def test_times_of_a_cookie_that_http_cannot_carry_reach_the_host(tmp_path: Path) -> None:
    code = """module.exports = async (c) => { c.res = { cookies: [
        { name: 'a', maxAge: NaN, expires: 1e15 }, { name: 'b', maxAge: Infinity, expires: 1e300 }] } }"""
    result, _ = await run(tmp_path, code)
    cookies = result["outputs"]["res"]["http"]["cookies"]

    assert [cookie["maxAge"] for cookie in cookies] == ["NaN", "Infinity"]
    assert [cookie["expires"] for cookie in cookies] == [1e12, 1e297]


async def test_a_status_that_was_assigned_replaces_the_method(tmp_path: Path) -> None:
    code = "module.exports = async (c) => { c.res.status = 404; c.res.headers['x-a'] = 1 }"
    result, _ = await run(tmp_path, code)

    assert result["outputs"]["res"]["http"]["status"] == "404"
    assert result["outputs"]["res"]["http"]["headers"] == {"x-a": "1"}


async def test_all_methods_of_the_response_chain(tmp_path: Path) -> None:
    code = """module.exports = (c) => { const r = c.res;
        r.status(201).set('A', '1').header('B', '2').setHeader('C', r.get('a') + r.getHeader('b'));
        r.type('text/html').removeHeader('A'); r.send('<p>') }"""
    result, _ = await run(tmp_path, code)
    http = result["outputs"]["res"]["http"]

    assert (http["status"], http["body"]) == ("201", {"string": "<p>"})
    assert http["headers"] == {"b": "2", "c": "12", "content-type": "text/html"}


@pytest.mark.parametrize(
    ("thrown", "kind", "message"),
    [
        ("new TypeError('t')", "TypeError", "t"),
        ("'text'", "Error", "text"),
        ("undefined", "Error", "Unknown error"),
        ("null", "Error", "Unknown error"),
        ("{ code: 5 }", "Error", '{"code":5}'),
        ("{ message: 'm' }", "Error", "m"),
        ("7", "Error", "7"),
    ],
)
async def test_anything_can_be_thrown(tmp_path: Path, thrown: str, kind: str, message: str) -> None:
    result, _ = await run(tmp_path, f"module.exports = async () => {{ throw {thrown} }}")

    assert (result["op"], result["type"], result["message"]) == ("failed", kind, message)


async def test_a_stack_has_the_users_frames_only_and_its_cause(tmp_path: Path) -> None:
    code = """module.exports = async () => {
  try { inner() } catch (cause) { throw new Error('outer', { cause }) }
}
function inner() { throw new RangeError('inner') }"""
    result, _ = await run(tmp_path, code)
    lines = result["stack"].splitlines()

    assert lines[0] == "Error: outer"
    assert "  [cause]: RangeError: inner" in lines
    assert all(str(tmp_path) in line for line in lines if line.lstrip().startswith("at "))
    assert (result["file"], result["line"]) == (str(tmp_path / "f/index.js"), 2)
    assert result["column"] == 41


async def test_a_syntax_error_has_its_place(tmp_path: Path) -> None:
    async with node_app(tmp_path, {"f/index.js": "\nlet a = ;"}) as node:
        failed = await node.load()

    assert failed["op"] == "failed"
    assert failed["type"] == "SyntaxError"
    assert failed["message"] == "Worker was unable to load function f: 'Unexpected token ';''"
    assert (failed["file"], failed["line"]) == (str(tmp_path / "f/index.js"), 2)
    assert failed["column"] == 9


async def test_a_path_with_brackets_has_its_place_too(tmp_path: Path) -> None:
    root = tmp_path / "my app (1)"
    root.mkdir()
    result, _ = await run(root, "module.exports = async () => { throw new Error('no') }")

    assert (result["file"], result["line"], result["column"]) == (str(root / "f/index.js"), 1, 38)


@pytest.mark.parametrize(
    ("package", "fix"),
    [
        ('{"dependencies": {"left-pad": "1"}}', "or start with --install"),
        ("{}", "run 'npm install left-pad'"),
    ],
)
async def test_a_missing_package_says_how_to_get_it(tmp_path: Path, package: str, fix: str) -> None:
    files = {"package.json": package, "f/index.js": "require('left-pad/sub')"}
    async with node_app(tmp_path, files) as node:
        failed = await node.load()

    assert "Cannot find module 'left-pad/sub'" in failed["message"]
    assert fix in failed["message"]


async def test_a_missing_own_file_gets_no_such_advice(tmp_path: Path) -> None:
    async with node_app(tmp_path, {"f/index.js": "require('./nope')"}) as node:
        failed = await node.load()

    assert "Cannot find module './nope'" in failed["message"]
    assert "npm install" not in failed["message"]


async def test_typescript_is_refused_clearly_where_node_cannot_run_it(tmp_path: Path) -> None:
    code = "export default async (c: any): Promise<void> => { c.res = { body: 'ts' } }"
    files = {"package.json": '{"type": "module"}', "f/index.ts": code}
    async with node_app(tmp_path, files) as node:
        loaded = await node.load(script_file="f/index.ts")
        if loaded["op"] == "loaded":
            assert body_of(await node.invoke()) == "ts"
            return

    assert "cannot run TypeScript: index.ts" in loaded["message"]
    assert "22.18" in loaded["stack"]


async def test_the_main_of_package_json_runs_first(tmp_path: Path) -> None:
    files = {
        "package.json": '{"main": "start.js"}',
        "start.js": "globalThis.started = 'yes'",
        "f/index.js": "module.exports = async (c) => { c.res = { body: globalThis.started } }",
    }
    async with node_app(tmp_path, files) as node:
        await node.load()
        result = await node.invoke()

    assert body_of(result) == "yes"


@pytest.mark.parametrize(
    ("main", "why"),
    [
        ("index.js", "File does not exist. Learn more here: https://aka.ms/AAla7et"),
        ("src/*.js", "Found zero files matching the supplied pattern. Learn more here:"),
    ],
)
async def test_a_main_that_is_not_there_spoils_all(tmp_path: Path, main: str, why: str) -> None:
    files = {"package.json": json.dumps({"main": main}), "f/index.js": "module.exports = () => {}"}
    async with node_app(tmp_path, files) as node:
        failed = await node.load()

    assert f'Worker was unable to load entry point "{main}": {why}' in failed["message"]


async def test_a_main_that_is_no_part_of_the_app_is_left_alone(tmp_path: Path) -> None:
    files = {
        "package.json": '{"main": "setup.js"}',
        "setup.js": "throw new Error('ran')",
        "f/index.js": "module.exports = async () => {}",
    }
    async with node_app(tmp_path, files, run_main=False) as node:
        loaded = await node.load()

    assert loaded["op"] == "loaded"


async def test_a_bad_package_json_is_warned_of(tmp_path: Path) -> None:
    files = {"package.json": "{", "f/index.js": "module.exports = async () => {}"}
    async with node_app(tmp_path, files) as node:
        await node.load()
        warning = await node.log_with("Worker failed to load package.json: ")

    assert "file content is not valid JSON: " in warning["message"]


async def test_a_call_that_is_not_done_is_hinted_at(tmp_path: Path) -> None:
    code = "module.exports = (c) => { globalThis.finish = () => c.done() }"
    other = "module.exports = async () => { globalThis.finish() }"
    files = {"f/index.js": code, "g/index.js": other}
    async with node_app(tmp_path, files, hang_hint_ms=1) as node:
        await node.load("f")
        await node.load("g")
        call = asyncio.create_task(node.invoke("f"))
        hint = await node.log_with("it is not done")
        await node.invoke("g")
        result = await call

    assert hint["function"] == "f"
    assert result["op"] == "result"


async def test_an_uncaught_error_is_logged_and_ends_the_worker(tmp_path: Path) -> None:
    code = "module.exports = async () => { setImmediate(() => { throw new Error('loose') }); await new Promise(() => {}) }"
    async with node_app(tmp_path, {"f/index.js": code}) as node:
        await node.load()
        with pytest.raises(ConnectionError):
            await node.invoke(id="call-3")
        line = await node.log_with("Worker uncaught exception")
        code_of_exit = await node.process.wait()

    assert "Error: loose" in line["message"]
    assert (line["level"], line["function"]) == ("error", "f")
    assert code_of_exit == 1


async def test_an_unhandled_rejection_ends_the_worker(tmp_path: Path) -> None:
    code = "module.exports = async () => { Promise.reject('nobody'); await new Promise(() => {}) }"
    async with node_app(tmp_path, {"f/index.js": code}) as node:
        await node.load()
        with pytest.raises(ConnectionError):
            await node.invoke()
        line = await node.log_with("Worker uncaught exception")

    assert "nobody" in line["message"]


async def test_stdout_never_reaches_the_wire(tmp_path: Path) -> None:
    code = """module.exports = async (c) => {
        require('fs').writeSync(1, Buffer.alloc(100, 0)); c.res = { body: 'intact' } }"""

    assert await returned(tmp_path, code) == "intact"


async def test_a_large_body_crosses_whole_both_ways(tmp_path: Path) -> None:
    body = bytes(range(256)) * 20_000
    code = "module.exports = async (c, req) => { c.res = { body: req.body } }"
    http = request(
        "POST", headers={"content-type": "application/octet-stream"}, body={"bytes": body}
    )
    result, _ = await run(tmp_path, code, ("req", {"http": http}))

    assert body_of(result) == body


async def test_an_unknown_function_is_a_failure_and_an_unknown_op_is_ignored(
    tmp_path: Path,
) -> None:
    async with node_app(tmp_path, {}) as node:
        await node.send({"op": "from the future", "id": "x"})
        failed = await node.invoke("nope")

    assert failed["message"] == "The worker has no function named 'nope'."


async def finished(node: Driver) -> int:
    return await node.process.wait()


async def test_the_worker_ends_when_its_socket_closes(tmp_path: Path) -> None:
    code = "setInterval(() => {}, 1000); module.exports = async () => {}"
    async with node_app(tmp_path, {"f/index.js": code}) as node:
        await node.load()
        node.hang_up()

        assert await finished(node) == 0


async def test_stop_ends_the_worker(tmp_path: Path) -> None:
    async with node_app(tmp_path, {"f/index.js": "module.exports = async () => {}"}) as node:
        await node.load()
        await node.send({"op": "stop"})

        assert await finished(node) == 0


async def test_a_module_that_is_loaded_is_told_before_the_next_one_is_begun(tmp_path: Path) -> None:
    files = {
        "good/index.js": "module.exports = async () => {}",
        "loop/index.js": "const fs = require('fs'); while (!fs.existsSync('go')); module.exports = async () => {}",
    }
    async with node_app(tmp_path, files) as node:
        loads = [asyncio.create_task(node.load(name)) for name in ("good", "loop")]
        good = await loads[0]
        (tmp_path / "go").touch()
        loop = await loads[1]

    assert (good["op"], loop["op"]) == ("loaded", "loaded")


async def test_a_module_that_waits_at_its_top_holds_up_no_other(tmp_path: Path) -> None:
    files = {
        "waits/index.mjs": "await new Promise(() => {}); export default async () => {};",
        "good/index.js": "module.exports = async () => {}",
    }
    async with node_app(tmp_path, files) as node:
        waiting = asyncio.create_task(node.load("waits", script_file="waits/index.mjs"))
        good = await node.load("good")
        waiting.cancel()

    assert good["op"] == "loaded"


async def test_stacks_tell_what_waits(tmp_path: Path) -> None:
    code = "module.exports = async (c) => { c.log('begun'); await new Promise((r) => setTimeout(r, 100000)) }"
    async with node_app(tmp_path, {"f/index.js": code}) as node:
        await node.load()
        call = asyncio.create_task(node.invoke(id="call-5"))
        await node.log_with("begun")
        text = (await node.ask("stacks"))["text"]
        call.cancel()

    assert "Function 'f' (Id: call-5) has been running for" in text
    assert "JavaScript keeps no stack of a promise that waits" in text
    # The `resolve` of a promise is nowhere in the app; nothing of the worker itself is listed.
    assert text.partition("waits for:\n")[2] == "  a timer of 100 s"


async def test_stacks_tell_where_the_callback_of_a_pending_timer_is(tmp_path: Path) -> None:
    code = """module.exports = async (c) => { c.log('begun');
  await new Promise((resolve) => {
    setTimeout(() => resolve(), 100000);
  });
}"""
    async with node_app(tmp_path, {"f/index.js": code}) as node:
        await node.load()
        call = asyncio.create_task(node.invoke())
        await node.log_with("begun")
        text = (await node.ask("stacks"))["text"]
        again = (await node.ask("stacks"))["text"]
        call.cancel()

    place = f"{tmp_path / 'f/index.js'}:3:16"
    assert f"a timer of 100 s, whose callback is at {place}" in text
    assert place in again


async def test_stacks_tell_which_machine_is_waited_for(tmp_path: Path) -> None:
    code = """const net = require('net');
module.exports = async (context, req) => {
  const socket = net.connect(Number(req.query.port), '127.0.0.1');
  await new Promise((resolve) => socket.once('connect', resolve));
  context.log('connected');
  await new Promise((resolve) => socket.once('data', resolve));
}"""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        async with node_app(tmp_path, {"f/index.js": code}) as node:
            await node.load()
            incoming = request() | {"query": {"port": str(port)}}
            call = asyncio.create_task(node.invoke("f", ("req", {"http": incoming})))
            await node.log_with("connected")
            text = (await node.ask("stacks"))["text"]
            call.cancel()

    assert text.partition("waits for:\n")[2] == f"  an open connection to 127.0.0.1:{port}"


async def test_a_promise_that_nothing_will_settle_is_told(tmp_path: Path) -> None:
    code = "module.exports = async (c) => { c.log('begun'); await new Promise(() => {}) }"
    async with node_app(tmp_path, {"f/index.js": code}) as node:
        await node.load()
        call = asyncio.create_task(node.invoke())
        await node.log_with("begun")
        text = (await node.ask("stacks"))["text"]
        call.cancel()

    assert "what it awaits may never come" in text


async def test_a_busy_loop_is_seen_from_outside(tmp_path: Path) -> None:
    code = "module.exports = async () => {\n  spin()\n}\nfunction spin() {\n  for (;;) {}\n}"
    async with node_app(tmp_path, {"f/index.js": code}, blocked_ms=50, blocked_log_ms=0) as node:
        await node.load()
        call = asyncio.create_task(node.invoke())
        line = await node.log_with("has been busy for")
        call.cancel()
        stacks = [message for message in node.other if message["op"] == "stacks"]

    assert stacks[0]["id"] is None
    assert stacks[0]["busy_s"] >= 0.05
    assert f"at spin ({tmp_path / 'f/index.js'}:5:" in stacks[0]["text"]
    assert f"at module.exports ({tmp_path / 'f/index.js'}:2:" in stacks[0]["text"]
    assert "no other call of this worker goes on" in line["message"]


@pytest.mark.parametrize("how", ["require('child_process')", "await import('node:child_process')"])
@pytest.mark.parametrize(
    ("call", "name"),
    [
        ("execSync('cat < fifo')", "execSync"),
        ("execFileSync('cat', ['fifo'])", "execFileSync"),
        ("spawnSync('cat', ['fifo']).stdout", "spawnSync"),
    ],
)
async def test_a_child_process_that_is_waited_for_is_seen_from_outside(
    tmp_path: Path, how: str, call: str, name: str
) -> None:
    code = f"""module.exports = async (c) => {{
  const {{ {name} }} = {how};
  c.res = {{ body: {call}.toString() + {name}.name }};
}};"""
    os.mkfifo(tmp_path / "fifo")
    async with node_app(tmp_path, {"f/index.js": code}, blocked_ms=50, blocked_log_ms=0) as node:
        await node.load()
        running = asyncio.create_task(node.invoke())
        line = await node.log_with("has been busy for")
        (tmp_path / "fifo").write_text("from outside ", encoding="utf-8")
        result = await running
        stacks = [message for message in node.other if message["op"] == "stacks"]

    assert f"f/index.js:3:{code.splitlines()[2].index(name) + 1}" in line["message"]
    assert stacks[0]["text"].splitlines()[0].startswith(f"    at {name} (node:child_process)")
    assert body_of(result) == f"from outside {name}"


async def test_the_environment_does_not_show_how_the_worker_is_run(tmp_path: Path) -> None:
    code = """module.exports = async (c) => { c.res = { body:
        Object.keys(process.env).filter((name) => name.startsWith('FUNCJSON_WORKER')) } }"""

    assert await returned(tmp_path, code) == []
