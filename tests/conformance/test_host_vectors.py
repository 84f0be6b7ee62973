"""Every vector of the Functions host's behaviour, through a whole host: HTTP in, worker, HTTP out.

The handlers' own vectors are those of the workers, which have them without a host as well.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from tests.conformance.host_world import Answer, World, listening, running

from funcjson.bindings.timer_trigger import next_occurrence, parse_schedule
from funcjson.errors import FuncJsonError, Severity

VECTORS = Path(__file__).parent / "vectors"
PROBE = {
    "probe/function.json": json.dumps(
        {
            "bindings": [
                {"type": "httpTrigger", "direction": "in", "name": "req"},
                {"type": "http", "direction": "out", "name": "res"},
            ]
        }
    ),
    "probe/index.js": "module.exports = async () => {}",
}
# These are asked otherwise in host.json, where more than the worker counts.
ASKED_OF_THE_HOST = ("V33", "V38", "V44", "F16", "F18")
# These need a host of their own; the others of a language share one.
ALONE = ("hang", "Y14")


def rows(name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((VECTORS / f"{name}.json").read_text("utf-8"))
    return found


def handler_rows() -> list[dict[str, Any]]:
    every = [*rows("node_handlers"), *rows("python_handlers")]
    of_the_platform = re.compile(r"[VFYZ]\d\d ")
    return [
        row
        for row in every
        if of_the_platform.match(row["title"]) and row["title"][:3] not in ASKED_OF_THE_HOST
    ]


def can_share(row: dict[str, Any]) -> bool:
    alone = row["title"][:3] in ALONE or any(key in row["expect"] for key in ALONE)
    return row["given"]["model"] in ("v3", "v1") and not alone


def handler_vectors(*, shared: bool) -> list[Any]:
    chosen = [row for row in handler_rows() if can_share(row) is shared]
    return [pytest.param(row, id=row["title"]) for row in chosen]


def host_vectors() -> list[Any]:
    return [pytest.param(row, id=row["title"]) for row in rows("host")]


def load_vectors() -> list[Any]:
    return [pytest.param(row, id=row["title"]) for row in rows("load") if "error" in row]


def app_files(row: dict[str, Any], name: str = "f") -> dict[str, str]:
    """The app of a handler's vector, its function called `name`."""
    given = row["given"]
    files = {re.sub("^f/", f"{name}/", path): text for path, text in given["files"].items()}
    if "bindings" in given:
        document = {key: given[key] for key in ("bindings", "entryPoint") if key in given}
        if "scriptFile" in given:
            document["scriptFile"] = "../" + re.sub("^f/", f"{name}/", given["scriptFile"])
        files[f"{name}/function.json"] = json.dumps(document)
    return files


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    """One app of all handlers that can live together, each function named for its vector."""
    files: dict[str, str] = {}
    for row in filter(can_share, handler_rows()):
        files |= app_files(row, row["title"][:3])
    async with running(tmp_path_factory.mktemp("shared"), files) as world:
        yield world


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("row", handler_vectors(shared=True))
async def test_handler(shared: World, row: dict[str, Any]) -> None:
    name, expect = row["title"][:3], dict(row["expect"])
    request = row["given"]["request"]
    if "loadError" in expect:
        said = re.sub(r"\bf\b", name, expect["loadError"])
        expect |= {"status": 500, "body": "", "loadError": said}
    shared.logs.clear()

    answer = await shared.request({**request, "path": _path(request).replace("/f", f"/{name}")})

    check(shared, answer, expect)


@pytest.mark.parametrize("row", handler_vectors(shared=False))
async def test_handler_alone(tmp_path: Path, row: dict[str, Any]) -> None:
    given, expect = row["given"], dict(row["expect"])
    files = app_files(row)
    for given_as in ("indexError", "error"):
        if given_as in expect:
            expect["says"] = expect.pop(given_as)
    if "hang" in expect:
        async with running(tmp_path, files | PROBE) as world:
            await check_hang(world, given["request"])
        return
    async with running(tmp_path, files) as world:
        answer = None
        if "status" in expect:
            answer = await world.request({**given["request"], "path": _path(given["request"])})
        check(world, answer, expect)


def _path(request: dict[str, Any]) -> str:
    return str(re.sub(r"^https?://[^/]+", "", request["url"]))


async def check_hang(world: World, request: dict[str, Any]) -> None:
    """Another function is answered after the call has begun, and the call goes on."""
    call = asyncio.create_task(world.request({**request, "path": _path(request)}))
    await world.lines.containing("Executing 'Functions.f'")
    await world.request({"method": "GET", "path": "/api/probe"})

    assert not call.done()
    call.cancel()
    await asyncio.gather(call, return_exceptions=True)


@pytest.mark.parametrize("row", host_vectors())
async def test_host(tmp_path: Path, row: dict[str, Any]) -> None:
    given, expect = row["given"], row["expect"]
    options = {
        "auth": bool(given.get("auth")),
        "compat_azure": bool(given.get("azure")),
    }
    if "refused" in expect:
        with pytest.raises(FuncJsonError) as caught:
            async with running(tmp_path, given["files"], given.get("environment"), **options):
                pass
        assert any(expect["refused"] in (p.azure or "") for p in caught.value.problems)
        return
    app = running(tmp_path, given["files"], given.get("environment"), **options)
    async with app as world:
        answer = await world.request(given["request"]) if "request" in given else None
        if answer is not None and answer.status == 202:
            await world.invoked()
        check(world, answer, expect)


@pytest.mark.parametrize("row", load_vectors())
async def test_what_is_wrong_with_an_app(tmp_path: Path, row: dict[str, Any]) -> None:
    """The host tells it, and serves what is left; or it does not start."""
    with listening():
        try:
            app = running(tmp_path, row["given"]["files"], row["given"].get("environment"))
            async with app as world:
                problems = world.problems()
        except FuncJsonError as refused:
            problems = list(refused.problems)

    assert any(row["error"] in (problem.azure or "") for problem in problems), problems


@pytest.mark.parametrize("row", [pytest.param(row, id=row["title"]) for row in rows("timers")])
def test_timer(row: dict[str, Any]) -> None:
    given = row["given"]
    after = datetime.fromisoformat(given["after"]).replace(tzinfo=UTC)

    found = next_occurrence(parse_schedule(given["schedule"]), after, UTC)

    assert found is not None
    assert found.astimezone(UTC).isoformat().removesuffix("+00:00") == row["expect"]["next"]


def check(world: World, answer: Answer | None, expect: dict[str, Any]) -> None:
    if "functions" in expect:
        plans = world.host.version.plans.values()
        broken = world.host.version.broken
        sound = [plan.function.name for plan in plans if plan.function.name not in broken]
        assert sound == expect["functions"]
    texts = [p.azure or "" for p in world.problems()]
    if "says" in expect:
        assert any(expect["says"] in text for text in texts), texts
    if "loadError" in expect:
        assert any(expect["loadError"] in text for text in texts), texts
    if "inError" in expect:
        assert world.in_error() == expect["inError"]
    if "warning" in expect:
        severities = {p.severity for p in world.problems()}
        assert (Severity.WARNING in severities) is expect["warning"], world.problems()
    if "log" in expect:
        assert any(expect["log"] in line for line in (*world.logs, *texts)), world.logs
    if "out" in expect:
        assert {k: v for k, v in world.sent().items() if v is not None} == expect["out"]
    if answer is not None:
        check_answer(answer, expect)


def check_answer(answer: Answer, expect: dict[str, Any]) -> None:
    assert answer.status == expect["status"]
    if "body" in expect:
        assert answer.body.decode() == expect["body"]
    if "bodyHex" in expect:
        assert answer.body.hex() == expect["bodyHex"]
    if "jsonKeys" in expect:
        assert list(json.loads(answer.body))[: len(expect["jsonKeys"])] == expect["jsonKeys"]
    if "contentType" in expect:
        assert answer.headers.get("content-type") == expect["contentType"]
    for name, value in expect.get("headers", {}).items():
        assert answer.headers.get(name) == value
