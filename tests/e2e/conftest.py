"""Fixtures: the samples as running hosts, one a module, and the tools that tests need."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.e2e.processes import ROOT, SECRET, RunningHost, start_host

E2E = Path(__file__).parent
SAMPLES = ("chat-python", "chat-javascript")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if E2E in item.path.parents:
            item.add_marker(pytest.mark.e2e)


def need(tool: str) -> str:
    """The path of a program. A missing one fails the test: what did not run has not passed."""
    found = shutil.which(tool)
    assert found, f"{tool} is needed by this test: `bash .ci/test` installs it"
    return found


@pytest.fixture(scope="session")
def node() -> str:
    return need("node")


@pytest.fixture(scope="session")
def npm_packages() -> Path:
    """`node_modules` of the tests, with the official SignalR client in it."""
    folder = E2E / "node_modules"
    client = folder / "@microsoft/signalr/package.json"
    assert client.is_file(), "npm packages are missing: `bash .ci/test` installs them"
    return folder


def copy_sample(name: str, into: Path, npm_packages: Path) -> Path:
    """A copy of a sample, with npm packages, so that tests leave the sample itself as it is."""
    app = into / name
    shutil.copytree(
        ROOT / "sample_functions" / name,
        app,
        ignore=shutil.ignore_patterns(".venv", "node_modules", "__pycache__", "package-lock.json"),
    )
    (app / "node_modules").symlink_to(npm_packages, target_is_directory=True)
    return app


def run_and_check(host: RunningHost) -> Iterator[RunningHost]:
    """Lend a host to tests; then it must stop cleanly and have printed no key and no token."""
    try:
        yield host
        assert host.stop() == 0, host.output.text()
    finally:
        host.kill()
    leaked = SECRET.search(host.output.text())
    assert leaked is None, f"a secret was printed: {leaked and leaked.group()[:20]}"


@pytest.fixture(scope="module", params=SAMPLES)
def sample(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    npm_packages: Path,
    node: str,
) -> Iterator[RunningHost]:
    """Each of the chat samples, running."""
    scratch = tmp_path_factory.mktemp("sample")
    app = copy_sample(request.param, scratch, npm_packages)
    yield from run_and_check(start_host(app, scratch))
