"""The READMEs keep their word: commands run, files can be made, the tests they name exist."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.conftest import SAMPLES, need, run_and_check
from tests.e2e.processes import (
    ROOT,
    Output,
    RunningHost,
    environment,
    request,
    run_funcjson,
    start_host,
    when_ready,
)
from tests.e2e.signalr_world import Driver, Functions, Service

from funcjson.signalr.options import EMULATOR_KEY

NODE = ("node", "signalr_client.mjs")
README = (ROOT / "README.md").read_text(encoding="utf-8")
FENCE = re.compile(
    r"^(?:`(?P<file>[^`\n]+)`\n\n)?```(?P<kind>\w+)\n(?P<text>.*?)^```$", re.M | re.S
)
TO_START = re.compile(r"funcjson start (\S+?)(?: --install)?`")


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block; `file` when a line above it says that it is a file."""

    kind: str
    text: str
    file: str | None


BLOCKS = [Block(m["kind"], m["text"], m["file"]) for m in FENCE.finditer(README)]
SHELL = [block.text.strip() for block in BLOCKS if block.kind == "sh"]
FIRST, SECOND = SHELL[:2]
FILES = {block.file: block.text for block in BLOCKS if block.file}
TOLD = [block.text.strip() for block in BLOCKS if block.kind == "text" and not block.file]


def bash(command: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", "-euo", "pipefail", "-c", command],
        cwd=cwd,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


def fresh_clone(into: Path) -> Path:
    """The files of this checkout, without anything that was installed or built in it."""
    clone = into / "clone"
    ignored = shutil.ignore_patterns(
        ".git", ".venv", "venv", "node_modules", "*.egg-info", ".*_cache", "__pycache__"
    )
    shutil.copytree(ROOT, clone, ignore=ignored)
    return clone


def started_by(command: str, clone: Path, scratch: Path) -> Iterator[RunningHost]:
    """Run a command that ends with `funcjson start`, on free ports instead of the usual ones."""
    ready_file = scratch / "ready.json"
    options = f"--port 0 --service-port 0 --ready-file {shlex.quote(str(ready_file))}"
    process = subprocess.Popen(
        ["bash", "-euo", "pipefail", "-c", f"{command} {options}"],
        cwd=clone,
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    host = when_ready(process, ready_file, 240)
    try:
        yield host
    finally:
        host.kill()


@pytest.mark.timeout(300)
def test_the_first_command_makes_a_fresh_clone_serve_the_chat(tmp_path: Path) -> None:
    for host in started_by(FIRST, fresh_clone(tmp_path), tmp_path):
        assert "<title>Chat</title>" in host.call("GET", "/api/index").text
        assert "HubConnectionBuilder" in host.call("GET", "/api/signalr-js").text
        info = host.call("POST", "/api/negotiate", user="ann").json()
        assert info["url"] == f"{host.service}/client/?hub=chat"


def test_continuous_integration_runs_the_second_command_and_nothing_else() -> None:
    lines = (ROOT / ".ci/run").read_text().splitlines()
    commands = [line for line in lines if line and not line.startswith(("#", "set ", "cd "))]

    assert commands == [SECOND]


@pytest.fixture(scope="module")
def news(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder around the app that the README has its reader write."""
    folder = tmp_path_factory.mktemp("readme")
    for name, text in FILES.items():
        assert name is not None
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


def as_reader(command: str, host: RunningHost | None = None) -> str:
    """A README command with this checkout's program and the ports of a running host."""
    command = command.replace(".venv/bin/funcjson", f"{shlex.quote(sys.executable)} -m funcjson")
    return command.replace("http://localhost:7071", host.host) if host else command


def test_the_app_of_the_first_five_minutes_does_what_the_text_says(
    news: Path, tmp_path: Path
) -> None:
    need("curl")
    validate, start, tell, nobody = SHELL[2:6]
    checked = bash(as_reader(validate), news)
    assert checked.returncode == 0, checked.stdout + checked.stderr

    assert start == ".venv/bin/funcjson start news --install"
    for host in run_and_check(start_host(news / "news", tmp_path)):
        told = bash(as_reader(tell, host), news)
        assert told.returncode == 0, told.stderr
        assert told.stdout.startswith("told ann{")
        info = json.loads(told.stdout.removeprefix("told ann"))
        assert info["url"] == f"{host.service}/client/?hub=news"
        refused = bash(as_reader(nobody, host), news)
        assert refused.stdout.startswith("HTTP/1.1 500")
        assert refused.stdout.endswith("\n\n"), "the body is empty"
        host.output.wait_for(re.escape(TOLD[0]))
        for page in re.findall(r"<http://localhost:7071(/[\w./]+)>", README):
            if not page.startswith("/api/"):
                assert host.call("GET", page).status == 200, page


def as_service_reader(command: str, service: Service) -> str:
    """A README command with this checkout's program and the port of a running service."""
    command = command.replace("signalr ps", f"signalr ps --url {service.url}")
    return as_reader(command).replace("http://localhost:8888", service.url)


def test_the_service_alone_does_what_the_text_says(news: Path, npm_packages: Path) -> None:
    need("curl")
    start, send, look = SHELL[6:]
    functions = Functions(npm_packages, EMULATOR_KEY)
    settings = news / "settings.json"
    text = settings.read_text(encoding="utf-8")
    settings.write_text(text.replace("http://localhost:7071", functions.url), encoding="utf-8")
    service = service_started_by(f"{as_reader(start)} --port 0", news)
    try:
        service.output.wait_for(re.escape(TOLD[1].replace("http://localhost:8888", service.url)))
        (document,) = re.findall(r"<http://localhost:8888(/[\w./]+)>", README)
        assert request("GET", service.url + document).json()["openapi"]

        sent = bash(as_service_reader(send, service), news)
        assert sent.returncode == 0, sent.stderr
        assert sent.stdout.startswith("HTTP/1.1 202")
        assert all(line in sent.stdout for line in TOLD[2].splitlines()), sent.stdout

        where = f"{service.url}/client/?hub=chat"
        token = run_funcjson("signalr", "token", where, "--user", "ann")[1].strip()
        with Driver(NODE, url=where, token=token, transport="WebSockets") as client:
            client.do("start")
            connection = client.expect("connected")["id"]
            assert functions.event("connected", connection).user == "ann"
            for command in look.splitlines():
                seen = bash(as_service_reader(command, service), news)
                assert connection in seen.stdout, (command, seen)
    finally:
        service.kill()
        functions.close()
    assert functions.faults == []


def service_started_by(command: str, folder: Path) -> Service:
    process = subprocess.Popen(
        ["bash", "-c", f"exec {command}"],
        cwd=folder,
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None and process.stderr is not None
    service = Service(process, Output(process.stdout, process.stderr))
    try:
        service.url = service.output.wait_for(r"listens on (https?://\S+)").group(1)
    except AssertionError:
        service.kill()
        raise
    return service


def test_every_shell_block_is_run_by_a_test() -> None:
    assert len(SHELL) == 9, "a new block needs a test that runs it"


def test_every_sample_is_in_the_table_with_its_command() -> None:
    table = (ROOT / "sample_functions/README.md").read_text(encoding="utf-8")
    folders = {path.parent.name for path in ROOT.glob("sample_functions/*/host.json")}

    assert set(TO_START.findall(table)) == {f"sample_functions/{name}" for name in folders}
    assert set(SAMPLES) <= folders


def test_every_command_is_in_the_table() -> None:
    _, out, _ = run_funcjson("--help")
    commands = set(re.findall(r"^    (\w+) {2,}", out, re.MULTILINE))
    listed = {row[0].split()[1].strip("`") for row in table_rows("Commands")}

    assert listed == commands


@pytest.mark.timeout(180)
def test_install_gives_the_javascript_sample_its_packages(tmp_path: Path) -> None:
    app = tmp_path / "chat-javascript"
    shutil.copytree(
        ROOT / "sample_functions/chat-javascript",
        app,
        ignore=shutil.ignore_patterns("node_modules"),
    )
    for host in run_and_check(start_host(app, tmp_path, "--install", timeout_s=120)):
        assert "HubConnectionBuilder" in host.call("GET", "/api/signalr-js").text
        assert request("GET", f"{host.host}/api/index").status == 200


def test_both_samples_have_the_same_page() -> None:
    pages = [
        (ROOT / "sample_functions" / name / "index/index.html").read_text() for name in SAMPLES
    ]

    assert pages[0] == pages[1]


def test_both_samples_have_the_same_functions_and_bindings() -> None:
    def bindings(name: str) -> dict[str, list[dict[str, object]]]:
        found = {}
        for path in (ROOT / "sample_functions" / name).glob("*/function.json"):
            rows = json.loads(path.read_text())["bindings"]
            # Only the name of the response differs: `$return` in Python, `res` in JavaScript.
            found[path.parent.name] = [
                {**row, "name": "response"} if row["type"] == "http" else row for row in rows
            ]
        return found

    assert bindings("chat-python") == bindings("chat-javascript")


def table_rows(heading: str) -> list[list[str]]:
    section = README.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    rows = [line for line in section.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in row.strip("|").split(" | ")] for row in rows[2:]]


DIFFERENCES = table_rows("Where it differs from Azure")
PINNED = re.compile(r"`(tests/[\w/.]+)(?:::(\w+))?`((?: [A-Z]\d+\b)*)")


@pytest.mark.parametrize("row", DIFFERENCES, ids=lambda row: row[1])
def test_a_difference_from_azure_names_a_test_that_exists(row: list[str]) -> None:
    places = PINNED.findall(row[-1])

    assert places, "no test is named"
    for path, test, vectors in places:
        text = (ROOT / path).read_text(encoding="utf-8")
        missing = [name for name in [f"def {test}("] if test and name not in text]
        missing += [name for name in vectors.split() if f'"title": "{name} ' not in text]
        assert missing == [], f"{path} does not have it"
        assert test or vectors


def test_every_vector_with_a_result_of_our_own_is_among_the_differences() -> None:
    own = set()
    for path in (ROOT / "tests/conformance/vectors").glob("*.json"):
        for vector in vectors_in(json.loads(path.read_text(encoding="utf-8"))):
            if "here" in vector or isinstance(vector.get("azure"), dict):
                own.add((f"tests/conformance/vectors/{path.name}", vector["title"].split()[0]))
    listed = {
        (path, name)
        for row in DIFFERENCES
        for path, _, names in PINNED.findall(row[-1])
        for name in names.split()
    }

    assert own <= listed


def vectors_in(value: Any) -> Iterator[dict[str, Any]]:
    """Every object with a title, however deep."""
    if isinstance(value, dict):
        if "title" in value:
            yield value
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from vectors_in(item)


@pytest.mark.parametrize("path", ["README.md", "sample_functions/README.md", "tests/README.md"])
def test_links_between_files_lead_somewhere(path: str) -> None:
    readme = ROOT / path
    links = re.findall(r"\]\((?!https?:)([^)#]+)\)", readme.read_text(encoding="utf-8"))
    missing = [link for link in links if not (readme.parent / link).exists()]

    assert missing == []
