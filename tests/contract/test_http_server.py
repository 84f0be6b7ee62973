"""The HTTP side of the host over real sockets, with a host that answers by hand."""

from __future__ import annotations

import asyncio
import errno
import json
import logging
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from tests.contract.http_world import App, Facade, handler_error, plan, world

from funcjson.errors import AppLoadError, Problem, Severity
from funcjson.http_options import HttpServerOptions
from funcjson.http_server import HttpServer
from funcjson.model import HttpResponse

HOST_JSON = """{"version": "2.0", "extensions": {"http": {
  "customHeaders": {"X-Frame-Options": "deny"}, "maxOutstandingRequests": 1}}}"""


async def test_a_request_reaches_its_function_whole() -> None:
    async with world(plan("f", route="x/{id:int?}")) as w:
        answer, body = await w.ask(
            "POST", "/api/x/7?a=1&b=%20", data=b"\x00body", headers={"X-A": "b"}
        )

        assert (answer.status, body) == (200, b"ok")
        request = w.facade.last
        assert (request.method, request.query, request.body) == ("POST", "a=1&b=%20", b"\x00body")
        assert request.url == f"http://127.0.0.1:{w.server.port}/api/x/7?a=1&b=%20"
        assert request.route_params == {"id": "7"}
        assert w.facade.headers()["x-a"] == "b"


async def test_a_request_that_cannot_be_read_is_one_line_of_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with world(plan("f")) as w:
        reader, writer = await asyncio.open_connection("127.0.0.1", w.server.port)
        writer.write("GET /api/f?q=\u00fc HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        answered = await reader.readline()
        writer.close()

    assert b" 400 " in answered
    (record,) = [one for one in caplog.records if one.name == "funcjson.http"]
    assert record.exc_info is None
    assert "a request that cannot be read was answered 400" in record.getMessage()


async def test_a_chunked_body_is_read() -> None:
    async def chunks() -> AsyncIterator[bytes]:
        yield b"a" * 70_000
        yield b"b"

    async with world() as w:
        await w.ask("POST", "/api/f", data=chunks())

        assert w.facade.last.body == b"a" * 70_000 + b"b"


async def test_a_compressed_body_stays_compressed() -> None:
    async with world() as w:
        await w.ask("POST", "/api/f", data=b"\x1f\x8b", headers={"Content-Encoding": "gzip"})

        assert w.facade.last.body == b"\x1f\x8b"


async def test_a_client_that_waits_for_leave_to_send_gets_it() -> None:
    async with world() as w:
        answer, _ = await w.ask("POST", "/api/f", data=b"x", expect100=True)

        assert (answer.status, w.facade.last.body) == (200, b"x")


@pytest.mark.parametrize("announced", [True, False])
async def test_a_body_that_is_too_large_is_413(
    announced: bool, caplog: pytest.LogCaptureFixture
) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        yield b"a" * 60
        yield b"a" * 60

    async with world(max_body=100) as w:
        data = b"a" * 120 if announced else chunks()
        answer, body = await w.ask("POST", "/api/f?code=secret", data=data)
        (turned_away,) = w.server.turned_away

        assert (answer.status, body) == (413, b"")
        assert answer.headers["x-funcjson-error"] == "FJ0155"
        assert w.facade.requests == []
    (line,) = [each for each in caplog.messages if "413" in each]
    assert line.startswith("413 for POST /api/f: ")
    assert "the host takes 100 bytes" in line
    assert "FUNCTIONS_REQUEST_BODY_SIZE_LIMIT" in line
    assert (turned_away.status, turned_away.path) == (413, "/api/f")
    assert "100 bytes" in turned_away.why


async def test_not_found_is_empty_with_a_hint(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "funcjson.host")
    async with world(plan("negotiate", methods=["post"])) as w:
        answer, body = await w.ask("GET", "/api/negotiate")

        assert (answer.status, body) == (404, b"")
        assert answer.headers["x-funcjson-hint"] == "negotiate takes POST, not GET"
        assert "404 for GET /api/negotiate: negotiate takes POST, not GET" in caplog.text


async def test_a_disabled_function_is_404_and_the_hint_says_so() -> None:
    async with world(plan("f", disabled=True)) as w:
        answer, _ = await w.ask("GET", "/api/f")

        assert (answer.status, answer.headers["x-funcjson-hint"]) == (404, "f is disabled")


async def test_the_hint_says_why_a_function_did_not_load() -> None:
    async with world(plan("f")) as w:
        loaded = w.server._served.app
        assert isinstance(loaded, App)
        loaded.problems = (
            Problem("FJ0218", "'x' does nothing here", function="g", severity=Severity.WARNING),
            Problem("FJ0213", "the function has no trigger", function="G"),
            Problem("FJ0213", "the function has no trigger", function="f"),
        )
        broken, _ = await w.ask("GET", "/api/g")
        sound, _ = await w.ask("GET", "/api/f/h")

    assert broken.headers["x-funcjson-hint"] == "G did not load: the function has no trigger"
    assert "did not load" not in sound.headers["x-funcjson-hint"]


async def test_a_failed_invocation_is_500_with_a_code() -> None:
    async with world() as w:
        w.facade.error = handler_error()
        answer, body = await w.ask("GET", "/api/f")

        assert (answer.status, body) == (500, b"")
        assert answer.headers["x-funcjson-error"] == "FJ0501"


async def test_a_fault_of_ours_is_500_and_the_host_goes_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with world() as w:
        w.facade.error = RuntimeError("bug")
        answer, _ = await w.ask("GET", "/api/f")
        w.facade.error = None
        after, _ = await w.ask("GET", "/api/f")

        assert (answer.status, answer.headers["x-funcjson-error"]) == (500, "FJ0199")
        assert after.status == 200
        assert "RuntimeError: bug" in caplog.text


async def test_until_the_host_is_ready_everything_is_503() -> None:
    async with world() as w:
        w.facade.ready = False
        for path in ("/api/f", "/", "/nothing", "/runtime/webhooks/signalr", "/admin/host/ping"):
            answer, body = await w.ask("GET", path)
            assert (answer.status, body) == (503, b"Function host is not running."), path
        status, body = await w.ask("GET", "/admin/host/status")
        assert (status.status, json.loads(body)["state"]) == (200, "Starting")


async def test_the_answer_is_sent_as_it_is() -> None:
    async with world() as w:
        headers = (("Content-Type", "a/b"), ("Set-Cookie", "a=1"), ("Set-Cookie", "b=2"))
        w.facade.answer = HttpResponse(418, headers, b"x")
        answer, body = await w.ask("GET", "/api/f")

        assert (answer.status, body) == (418, b"x")
        assert answer.headers.getall("Set-Cookie") == ["a=1", "b=2"]


async def test_bytes_without_a_type_get_none() -> None:
    async with world() as w:
        w.facade.answer = HttpResponse(200, (), b"\x00")
        answer, body = await w.ask("GET", "/api/f")

        assert "Content-Type" not in answer.headers
        assert body == b"\x00"


async def test_head_has_no_body() -> None:
    async with world() as w:
        answer, body = await w.ask("HEAD", "/api/f")

        assert (answer.status, body, answer.headers["Content-Length"]) == (200, b"", "2")
        assert (await w.ask("GET", "/api/f"))[0].status == 200


async def test_204_has_neither_body_nor_length() -> None:
    async with world() as w:
        w.facade.answer = HttpResponse(204)
        answer, body = await w.ask("GET", "/api/f")

        assert (answer.status, body) == (204, b"")
        assert "Content-Length" not in answer.headers


async def test_a_whole_url_as_target_works() -> None:
    async with world() as w:
        reader, writer = await asyncio.open_connection("127.0.0.1", w.server.port)
        writer.write(b"GET http://x.test/api/f HTTP/1.1\r\nHost: x.test\r\n\r\n")
        line = await reader.readline()
        writer.close()

        assert line == b"HTTP/1.1 200 OK\r\n"


async def test_host_json_adds_headers_and_a_limit(tmp_path: Path) -> None:
    async with world(root=tmp_path, host_json=HOST_JSON) as w:
        w.facade.gate = asyncio.Event()
        first = asyncio.create_task(w.ask("GET", "/api/f"))
        await w.facade.happened.wait()
        second, _ = await w.ask("GET", "/api/f")
        w.facade.gate.set()
        answer, _ = await first

        assert (second.status, second.headers["X-FUNCTION-SCALEOUT"]) == (429, "1")
        assert (answer.status, answer.headers["X-Frame-Options"]) == (200, "deny")


async def test_host_json_limits_how_many_run_at_once(tmp_path: Path) -> None:
    limits = '{"version": "2.0", "extensions": {"http": {"maxConcurrentRequests": 1}}}'
    async with world(root=tmp_path, host_json=limits) as w:
        w.facade.gate = asyncio.Event()
        asked = [asyncio.create_task(w.ask("GET", "/api/f")) for _ in range(3)]
        await w.facade.happened.wait()
        # An answer of the host itself proves that the other requests have arrived.
        await w.ask("GET", "/admin/host/ping")
        running = len(w.facade.requests)
        w.facade.gate.set()
        answers = [answer.status for answer, _ in await asyncio.gather(*asked)]

        assert (running, answers) == (1, [200, 200, 200])


# The host's own URLs


async def test_the_home_page() -> None:
    async with world() as w:
        answer, body = await w.ask("GET", "/")

        assert (answer.status, answer.headers["Content-Type"]) == (200, "text/html")
        assert b'<a href="/api/f">' in body
        assert (await w.ask("POST", "/"))[0].status == 404


async def test_the_home_page_can_be_switched_off() -> None:
    async with world(environ={"AzureWebJobsDisableHomepage": "true"}) as w:
        answer, body = await w.ask("GET", "/")

        assert (answer.status, body) == (204, b"")


async def test_admin_answers() -> None:
    async with world(plan("Hello")) as w:
        assert (await w.ask("GET", "/admin/host/ping"))[0].status == 200
        assert (await w.ask("POST", "/admin/host/ping"))[0].status == 200
        status = json.loads((await w.ask("GET", "/admin/host/status"))[1])
        functions = json.loads((await w.ask("GET", "/admin/functions"))[1])
        one = json.loads((await w.ask("GET", "/Admin/Functions/hello"))[1])

        assert status["state"] == "Running"
        assert [f["name"] for f in functions] == ["Hello"] == [one["name"]]
        assert json.loads((await w.ask("GET", "/admin/functions/hello/status"))[1]) == {}
        for path in ("/admin/functions/x", "/admin/functions/x/status", "/admin/x", "/admin"):
            assert (await w.ask("GET", path))[0].status == 404


async def test_a_timer_is_fired_by_hand() -> None:
    async with world(plan("Tick", "timerTrigger")) as w:
        answer, body = await w.ask("POST", "/admin/functions/tick", json={"input": ""})
        await w.facade.happened.wait()

        assert (answer.status, body) == (202, b"")
        assert [name for name, _ in w.facade.fired] == ["Tick"]


async def test_a_failure_of_what_is_fired_is_not_the_callers() -> None:
    async with world(plan("tick", "timerTrigger")) as w:
        w.facade.error = handler_error()
        answer, _ = await w.ask("POST", "/admin/functions/tick", json={})
        await w.facade.happened.wait()

        assert answer.status == 202


async def test_an_http_function_is_fired_by_hand() -> None:
    async with world() as w:
        answer, _ = await w.ask("POST", "/admin/functions/f", json={"input": "hi"})
        await w.facade.happened.wait()

        assert (answer.status, w.facade.last.body) == (202, b"hi")


async def test_what_cannot_be_fired() -> None:
    async with world() as w:
        assert (await w.ask("POST", "/admin/functions/x", json={}))[0].status == 404


@pytest.mark.parametrize("body", [b"", b"hi", b"[1]", b'"hi"', b"[" * 100_000])
async def test_a_function_is_not_fired_without_its_input_and_says_why(
    body: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "funcjson.host")
    async with world(plan("f", "timerTrigger")) as w:
        answer, _ = await w.ask("POST", "/admin/functions/f", data=body)

    assert (answer.status, w.facade.fired) == (400, [])
    assert '{"input": ' in answer.headers["x-funcjson-hint"]
    assert "400 for POST /admin/functions/f: " in caplog.text


async def test_webhooks() -> None:
    async with world() as w:
        answer, _ = await w.ask("POST", "/runtime/webhooks/signalr?code=x", data=b"e")

        assert answer.status == 202
        assert (w.facade.last.query, w.facade.last.body) == ("code=x", b"e")
        assert (await w.ask("POST", "/runtime/webhooks/other"))[0].status == 404


async def test_a_function_that_serves_every_url_does_not_hide_the_hosts_own() -> None:
    app = plan("site", route="{*path}")
    async with world(
        app, environ={"AzureFunctionsJobHost__extensions__http__routePrefix": ""}
    ) as w:
        assert json.loads((await w.ask("GET", "/admin/host/status"))[1])["state"] == "Running"
        assert (await w.ask("GET", "/.auth/me"))[0].status == 401
        assert (await w.ask("GET", "/administrators"))[1] == b"ok"
        assert (await w.ask("GET", "/"))[1] == b"ok"


# Pages on other origins


async def test_a_local_page_may_call_with_credentials() -> None:
    async with world() as w:
        answer, _ = await w.ask("GET", "/api/f", headers={"Origin": "http://localhost:3000"})

        assert answer.headers["Access-Control-Allow-Origin"] == "http://localhost:3000"
        assert answer.headers["Access-Control-Allow-Credentials"] == "true"
        assert answer.headers["Vary"] == "Origin"


async def test_errors_can_be_read_by_pages_too() -> None:
    async with world() as w:
        w.facade.error = handler_error()
        for path in ("/api/f", "/nothing"):
            answer, _ = await w.ask("GET", path, headers={"Origin": "http://localhost:3000"})
            assert "Access-Control-Allow-Origin" in answer.headers, path


async def test_a_preflight_is_answered_for_the_function() -> None:
    async with world(plan("f", methods=["post"])) as w:
        answer, body = await w.ask(
            "OPTIONS",
            "/api/f",
            headers={
                "Origin": "http://localhost:3000",
                "Access-Control-Request-Method": "POST",
                "Access-Control-Request-Headers": "x-requested-with",
            },
        )

        assert (answer.status, body) == (204, b"")
        assert answer.headers["Access-Control-Allow-Methods"] == "POST"
        assert answer.headers["Access-Control-Allow-Headers"] == "x-requested-with"
        assert w.facade.requests == []


async def test_a_function_that_lists_options_answers_preflights_itself_by_default() -> None:
    headers = {"Origin": "http://localhost:3000", "Access-Control-Request-Method": "POST"}
    async with world(plan("f", methods=["options"])) as w:
        w.facade.answer = HttpResponse(200, (("Access-Control-Allow-Origin", "*"),))
        answer, _ = await w.ask("OPTIONS", "/api/f", headers=headers)

        assert (answer.status, len(w.facade.requests)) == (200, 1)
        assert answer.headers.getall("Access-Control-Allow-Origin") == ["*"]


async def test_a_configured_policy_overrides_the_function() -> None:
    async with world(cors_origins=("http://a.test",), cors_credentials=True) as w:
        w.facade.answer = HttpResponse(
            200, (("access-control-allow-origin", "*"), ("Vary", "Accept"))
        )
        answer, _ = await w.ask("GET", "/api/f", headers={"Origin": "http://a.test"})

        assert answer.headers.getall("Access-Control-Allow-Origin") == ["http://a.test"]
        assert answer.headers["Vary"] == "Accept, Origin"


async def test_a_refused_page_gets_no_header_and_the_log_says_why_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    headers = {"Origin": "http://b.test", "Access-Control-Request-Method": "POST"}
    async with world(cors_origins=("http://a.test",)) as w:
        preflight, _ = await w.ask("OPTIONS", "/api/f", headers=headers)
        answer, _ = await w.ask("GET", "/api/f", headers={"Origin": "http://b.test"})

        assert preflight.status == 204
        for one in (preflight, answer):
            assert "Access-Control-Allow-Origin" not in one.headers
        said = [r.getMessage() for r in caplog.records if "http://b.test" in r.getMessage()]
        assert len(said) == 1
        assert '"CORS": "http://b.test"' in said[0]


async def test_a_refused_preflight_is_one_entry_and_no_wrong_method() -> None:
    headers = {"Origin": "http://b.test", "Access-Control-Request-Method": "POST"}
    async with world(plan("f", methods=["post"])) as w:
        answer, _ = await w.ask("OPTIONS", "/api/f", headers=headers)
        (entry,) = w.server.turned_away

        assert answer.status == 404
        assert (entry.method, entry.origin) == ("OPTIONS", "http://b.test")
        assert "so it does not send its POST, and no function runs" in entry.why


async def test_a_page_of_the_host_itself_is_no_stranger(caplog: pytest.LogCaptureFixture) -> None:
    async with world(address="127.0.0.1", cors_origins=("http://a.test",)) as w:
        own = f"http://127.0.0.1:{w.server.port}"
        answer, _ = await w.ask("POST", "/api/f", headers={"Origin": own})

        assert answer.status == 200
        assert "CORS" not in caplog.text


async def test_a_page_elsewhere_may_not_sign_anybody_in() -> None:
    async with world() as w:
        answer, _ = await w.ask(
            "POST", "/.auth/login/aad", data={"persona": "x"}, headers={"Origin": "http://b.test"}
        )

        assert (answer.status, "Set-Cookie" in answer.headers) == (403, False)


@pytest.mark.parametrize(
    ("origin", "host", "status"),
    [
        ("http://b.test", None, 403),
        # A name that an attacker makes lead to this machine is a foreign one, too.
        ("http://b.test:7071", "b.test:7071", 403),
        ("http://localhost:3000", None, 202),
        (None, "b.test:7071", 202),
    ],
)
async def test_a_page_elsewhere_may_not_start_functions(
    origin: str | None, host: str | None, status: int
) -> None:
    headers = {name: text for name, text in (("Origin", origin), ("Host", host)) if text}
    async with world(plan("f")) as w:
        answer, _ = await w.ask(
            "POST",
            "/admin/functions/f",
            data='{"input": ""}',
            headers={"Content-Type": "text/plain", **headers},
        )

        assert answer.status == status


async def test_a_page_of_a_host_that_others_reach_may_call_its_admin_urls() -> None:
    async with world(plan("f"), address="0.0.0.0") as w:
        headers = {"Origin": "http://box.test:7071", "Host": "box.test:7071"}

        assert (await w.ask("GET", "/admin/functions", headers=headers))[0].status == 200


# Who the caller is


async def test_one_request_signs_in_and_the_next_has_four_headers() -> None:
    async with world() as w:
        login, _ = await w.ask("POST", "/.auth/login/github", json={"persona": "zoe"})
        me, body = await w.ask("GET", "/.auth/me")
        await w.ask("GET", "/api/f", headers={"x-ms-client-principal-id": "forged"})

        assert (login.status, me.status, json.loads(body)[0]["user_id"]) == (200, 200, "zoe")
        found = w.facade.headers()
        assert found["x-ms-client-principal-id"] == "zoe"
        assert found["x-ms-client-principal-idp"] == "github"
        assert {"x-ms-client-principal", "x-ms-client-principal-name"} <= set(found)

        await w.ask("POST", "/.auth/logout")
        await w.ask("GET", "/api/f")
        assert "x-ms-client-principal-id" not in w.facade.headers()


async def test_personas_come_from_the_apps_file(tmp_path: Path) -> None:
    (tmp_path / "personas.json").write_text('{"zoe": {"id": "z-1"}}', "utf-8")
    async with world(root=tmp_path, persona="zoe") as w:
        await w.ask("GET", "/api/f")

        assert w.facade.headers()["x-ms-client-principal-id"] == "z-1"
        assert b"zoe" in (await w.ask("GET", "/"))[1]


async def test_a_file_of_personas_that_breaks_signs_nobody_out(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "personas.json"
    file.write_text('{"zoe": {"id": "z-1"}}', "utf-8")
    async with world(root=tmp_path) as w:
        await w.ask("POST", "/.auth/login/aad", json={"persona": "zoe"})
        app = w.server._served.app
        assert app is not None
        seen: list[str | None] = []
        for text in ('{"zoe": {"id"', "", '{"zoe": {"id": "z-2"}}'):
            file.write_text(text, "utf-8")
            w.server.use_routes(app)
            await w.ask("GET", "/api/f")
            seen.append(w.facade.headers().get("x-ms-client-principal-id"))

    assert seen == ["z-1", "z-1", "z-2"]
    assert "personas.json:1" in caplog.text
    assert "The personas from before go on" in caplog.text


@pytest.mark.parametrize(
    "described", ['{"name": "x", "roles": 5}', '{"name": "x", "claims": true}']
)
async def test_somebody_invented_with_a_member_of_a_wrong_type_is_refused_with_the_reason(
    described: str,
) -> None:
    async with world() as w:
        sent = {"Content-Type": "application/json"}
        answer, body = await w.ask("POST", "/.auth/login/aad", data=described, headers=sent)

    assert answer.status == 400
    assert body.startswith(b"not signed in: ")


async def test_a_static_web_app_gets_its_own_shape(tmp_path: Path) -> None:
    (tmp_path / "staticwebapp.config.json").write_text("{}", "utf-8")
    api = tmp_path / "api"
    api.mkdir()
    async with world(root=api, persona="zoe") as w:
        _answer, body = await w.ask("GET", "/.auth/me")

        assert json.loads(body)["clientPrincipal"]["userDetails"] == "zoe"


@pytest.mark.parametrize("body", [b"", b"ok"])
async def test_the_length_that_a_handler_gives_reaches_who_asks_with_head(body: bytes) -> None:
    async with world() as w:
        w.facade.answer = HttpResponse(200, (("Content-Length", "12345"),), body)
        answer, seen = await w.ask("HEAD", "/api/f")
        # The connection goes on to be of use.
        again, _ = await w.ask("HEAD", "/api/f")

    assert (answer.headers["Content-Length"], seen, again.status) == ("12345", b"", 200)


async def test_unknown_login_urls_are_404() -> None:
    async with world() as w:
        assert (await w.ask("GET", "/.auth/nothing"))[0].status == 404


async def test_a_foreign_name_that_leads_to_loopback_signs_nobody_in() -> None:
    async with world() as w:
        port = w.server.port
        rebound = {"Host": f"evil.test:{port}", "Origin": f"http://evil.test:{port}"}
        own = {"Host": f"localhost:{port}", "Origin": f"http://localhost:{port}"}
        refused, said = await w.ask("POST", "/.auth/login/aad", json="zoe", headers=rebound)
        out, _ = await w.ask("POST", "/.auth/logout", headers=rebound)
        taken, _ = await w.ask("POST", "/.auth/login/aad", json="zoe", headers=own)
        # A page's own GET has no Origin, and over http no Sec-Fetch-Site either.
        link = "/.auth/login/aad?persona=zoe"
        by_link, why = await w.ask("GET", link, headers={"Host": f"evil.test:{port}"})
        own_link, _ = await w.ask("GET", link, headers={"Host": f"app.localhost:{port}"})

    assert (refused.status, out.status, taken.status) == (403, 403, 200)
    assert (by_link.status, own_link.status) == (403, 302)
    assert "Set-Cookie" not in by_link.headers
    assert f"--cors http://evil.test:{port}".encode() in why
    assert b"--cors" in said
    assert "Set-Cookie" not in refused.headers


@pytest.mark.parametrize("address", ["127.0.0.1", "0.0.0.0"])
async def test_a_name_that_may_call_or_leads_here_beyond_loopback_signs_in(address: str) -> None:
    origins = ("http://dev.test",) if address == "127.0.0.1" else ()
    async with world(address=address, cors_origins=origins) as w:
        answer, _ = await w.ask("GET", "/.auth/login/aad?persona=zoe", headers={"Host": "dev.test"})

    assert answer.status == 302


# Keys


async def test_keys_are_asked_for_with_auth(tmp_path: Path) -> None:
    plans = (plan("open", authLevel="anonymous"), plan("f"), plan("root", authLevel="admin"))
    async with world(*plans, root=tmp_path, auth=True) as w:
        keys = w.server.keys
        assert keys is not None
        own, master = keys.functions["f"]["default"], keys.master

        async def status(path: str, **headers: str) -> int:
            method = "POST" if "webhooks" in path else "GET"
            answer, body = await w.ask(method, path, headers=headers)
            assert answer.status != 401 or body == b""
            return int(answer.status)

        assert await status("/api/open") == 200
        assert await status("/api/f") == 401
        assert await status(f"/api/f?code={own}") == 200
        assert await status(f"/api/f?x=1&Code={own}") == 200
        assert await status(f"/api/f?xcode={own}") == 401
        assert await status(f"/api/f?code={own}", **{"x-functions-key": "wrong"}) == 401
        assert await status("/api/f", **{"x-functions-key": keys.host["default"]}) == 200
        assert await status(f"/api/root?code={own}") == 401
        assert await status(f"/api/root?code={master}") == 200
        assert await status("/admin/functions") == 401
        assert await status("/admin/functions", **{"x-functions-key": master}) == 200
        assert await status("/admin/host/ping") == 200
        assert await status("/runtime/webhooks/signalr") == 401
        code = keys.system["signalr_extension"]
        assert await status(f"/runtime/webhooks/signalr?code={code}") == 202


async def test_keys_that_are_changed_count_at_once_everywhere(tmp_path: Path) -> None:
    async with world(plan("f"), root=tmp_path, auth=True) as w:
        assert w.server.keys is not None
        old = w.server.keys.master
        path = tmp_path / ".funcjson/keys.json"
        document = json.loads(path.read_text("utf-8"))
        document["masterKey"] = "a-new-one-of-another-length"
        path.write_text(json.dumps(document), "utf-8")

        for url in ("/api/f", "/admin/functions", "/runtime/webhooks/signalr"):
            method = "POST" if "webhooks" in url else "GET"
            refused, _ = await w.ask(method, f"{url}?code={old}")
            taken, _ = await w.ask(method, f"{url}?code={document['masterKey']}")
            assert (refused.status, taken.status < 300) == (401, True), url


async def test_who_has_no_key_is_told_what_is_missing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "funcjson.host")
    async with world(plan("f"), root=tmp_path, auth=True) as w:
        for path, needed in (
            ("/api/f", "'f' needs a key"),
            ("/admin/functions", "the master key"),
            ("/runtime/webhooks/signalr", "signalr_extension"),
        ):
            answer, _ = await w.ask("GET", path)

            assert needed in answer.headers["x-funcjson-hint"]
            assert "funcjson keys list" in answer.headers["x-funcjson-hint"]
            assert f"401 for GET {path}: " in caplog.text


# Life


async def test_a_busy_port_names_its_holder() -> None:
    async with world() as w:
        other = HttpServer(Facade(), HttpServerOptions(port=w.server.port))
        with pytest.raises(AppLoadError) as caught:
            await other.start()

    (problem,) = caught.value.problems
    assert problem.code == "FJ0521"
    assert f"port {w.server.port} is in use" in problem.what
    assert "--port 0" in problem.fix


@pytest.mark.parametrize("address", ["127.0.0.1", "localhost"])
@pytest.mark.parametrize(
    ("number", "refused"), [(errno.EADDRINUSE, True), (errno.EADDRNOTAVAIL, False)]
)
async def test_no_other_program_gets_the_requests_to_localhost(
    address: str, number: int, refused: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A browser may look for localhost at ::1, where another program can have the port."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    listen = socket.create_server

    def listen_at(at: tuple[str, int], **members: Any) -> socket.socket:
        if at[0] == "::1":
            raise OSError(number, "no")
        return listen(at, **members)

    monkeypatch.setattr(socket, "create_server", listen_at)
    server = HttpServer(Facade(), HttpServerOptions(port=port, address=address))
    if refused:
        with pytest.raises(AppLoadError, match=f"port {port} is in use"):
            await server.start()
    else:
        assert await server.start() == port
    await server.stop()


async def test_routes_are_swapped_while_connections_stay() -> None:
    async with world(plan("a")) as w, world(plan("b")) as other:
        assert (await w.ask("GET", "/api/a"))[0].status == 200
        loaded = other.server._served.app
        assert loaded is not None
        w.server.use_routes(loaded)

        assert (await w.ask("GET", "/api/a"))[0].status == 404
        assert (await w.ask("GET", "/api/b"))[0].status == 200


async def test_stopping_lets_a_running_request_end() -> None:
    async with world() as w:
        w.facade.gate = asyncio.Event()
        running = asyncio.create_task(w.ask("GET", "/api/f"))
        await w.facade.happened.wait()
        stopping = asyncio.create_task(w.server.stop())
        w.facade.gate.set()
        answer, body = await running
        await stopping
        await w.server.stop()

        assert (answer.status, body) == (200, b"ok")
