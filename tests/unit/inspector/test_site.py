"""Who may see the inspector; that the page is whole and loads nothing from elsewhere."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request
from multidict import CIMultiDict
from tests.unit.inspector.inspected_host import KEY, http, inspected

from funcjson.inspector.site import _PAGE_FILES, Access, Inspector, page_file, policy, refused


def asked(
    path: str = "/_/", method: str = "GET", remote: str = "127.0.0.1", **headers: str
) -> web.BaseRequest:
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    sent = CIMultiDict({"Host": "localhost:7071", **named})
    request = make_mocked_request(method, path, headers=sent)
    return request.clone(remote=remote)


def body_of(response: web.StreamResponse) -> Any:
    assert isinstance(response, web.Response)
    assert response.text is not None
    return json.loads(response.text)


@pytest.mark.parametrize("host", ["localhost:7071", "127.0.0.1:7071", "[::1]:7071", "localhost"])
def test_this_machine_may(host: str) -> None:
    assert refused(asked(Host=host), "local") == ""


@pytest.mark.parametrize(
    "request_",
    [
        asked(remote="192.0.2.1"),
        asked(Host="evil.example"),
        asked(Host=""),
        asked(Host="[::1"),
        asked(X_Forwarded_For="192.0.2.1"),
        asked(Forwarded="for=192.0.2.1"),
        asked(Origin="https://localhost.evil.example"),
        asked(Origin="null"),
        asked(Sec_Fetch_Site="cross-site"),
        asked(Sec_Fetch_Site="same-site", Sec_Fetch_Mode="cors"),
        asked(method="POST", Sec_Fetch_Site="cross-site", Sec_Fetch_Mode="navigate"),
    ],
)
def test_others_may_not(request_: web.BaseRequest) -> None:
    assert refused(request_, "local")


def test_a_link_on_another_page_opens_it() -> None:
    link = asked(Sec_Fetch_Site="cross-site", Sec_Fetch_Mode="navigate")

    assert refused(link, "local") == ""


@pytest.mark.parametrize(
    ("headers", "allowed"),
    [({"Host": "box:7071"}, True), ({"Host": "box:7071", "Origin": "http://other"}, False)],
)
def test_any_access_still_keeps_other_pages_out(headers: dict[str, str], allowed: bool) -> None:
    access: Access = "any"

    assert (refused(asked(remote="192.0.2.1", **headers), access) == "") is allowed


async def test_the_page_has_the_token_and_a_policy(tmp_path: Path) -> None:
    async with inspected(tmp_path) as host:
        response = await Inspector(host).handle(asked())

    assert isinstance(response, web.Response)
    text = bytes(response.body or b"").decode()  # type: ignore[arg-type]
    assert "{{token}}" not in text
    assert "script-src 'self'" in response.headers["Content-Security-Policy"]
    for name in re.findall(r'(?:src|href)="([^"#]+)"', text):
        assert name in _PAGE_FILES


def test_the_policy_lets_the_page_reach_the_services_endpoint_for_clients() -> None:
    allowed = policy("http://classroom.example:8888/")

    assert " http://classroom.example:8888 ws://classroom.example:8888;" in allowed
    assert "classroom" not in policy("")


def test_no_file_of_the_page_names_another_place() -> None:
    for name in (*_PAGE_FILES, "index.html"):
        found = re.findall(r"(?:https?:)?//[a-z0-9.-]+\.[a-z]{2,}", page_file(name))
        assert set(found) <= {"http://www.w3.org", "https://example.com"}, name


async def test_unknown_files_and_methods(tmp_path: Path) -> None:
    async with inspected(tmp_path) as host:
        inspector = Inspector(host)
        statuses = [
            (await inspector.handle(asked(path, method))).status
            for path, method in (
                ("/_/nope.js", "GET"),
                ("/_/../app.py", "GET"),
                ("/_/", "PUT"),
                ("/_/api/nope", "GET"),
                ("/_/api/app", "DELETE"),
                ("/_/api/invocations/unknown", "GET"),
            )
        ]

    assert statuses == [404, 404, 405, 404, 405, 404]


async def test_actions_need_the_token(tmp_path: Path) -> None:
    async with inspected(tmp_path) as host:
        answer = await Inspector(host).handle(asked("/_/api/send", "POST"))

    assert answer.status == 403


async def test_an_app_that_is_not_running_yet(tmp_path: Path) -> None:
    async with inspected(tmp_path) as host:
        host.ready = False
        answer = await Inspector(host).handle(asked("/_/api/app"))

    assert answer.status == 503


async def test_one_invocation_and_its_capsule(tmp_path: Path) -> None:
    async with inspected(tmp_path) as host:
        trace = await host.invoke("negotiate", http("/api/negotiate"))
        inspector = Inspector(host)
        document = body_of(await inspector.handle(asked(f"/_/api/invocations/{trace.id}")))
        capsule = await inspector.handle(asked(f"/_/api/invocations/{trace.id}/capsule"))

    assert len(document["steps"]) == 9
    assert document["event"] == "http"
    assert capsule.headers["Content-Disposition"] == 'attachment; filename="negotiate-id-0.html"'


async def test_what_the_page_learns_of_the_app(tmp_path: Path) -> None:
    async with inspected(tmp_path) as host:
        response = await Inspector(host).handle(asked("/_/api/app"))
        app = body_of(response)

    assert app["hubs"] == ["chat"]
    assert app["personas"] == ["alice"]
    assert app["listeners"] == [{"target": "newMessage", "place": "page.html:2"}]
    assert isinstance(response, web.Response)
    assert KEY not in str(response.text)


async def test_hubs_and_activity(tmp_path: Path) -> None:
    async with inspected(tmp_path) as host:
        inspector = Inspector(host)
        hubs = body_of(await inspector.handle(asked("/_/api/hubs")))
        rows = body_of(await inspector.handle(asked("/_/api/activity")))

    assert hubs == {"local": True, "hubs": {}, "log": []}
    assert rows == []
