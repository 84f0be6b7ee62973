"""The service keeps what its OpenAPI document promises: schemathesis, as a process, tries every operation."""

from __future__ import annotations

import asyncio
import os
import re
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from funcjson.signalr.credentials import ServiceEndpoint, mint_server_token
from funcjson.signalr.openapi import OPENAPI_PATH

KEY = "k" * 44
HERE = Path(__file__).resolve().parent

# Every check of schemathesis runs, but for what is named here with its reason.
CONFIG = """
warnings = false
continue-on-failure = true

[generation]
deterministic = true
database = "none"
max-examples = 2

[phases]
stateful.enabled = false  # the operations hand no ids on to one another

[checks]
# A path below /api/hubs also serves what /api/v1/hubs has there, as the official emulator does, and GET is
# served wherever HEAD is: both are more than the document says.
unsupported_method.enabled = false

[[operations]]  # no schema can say which texts are filters
include-name = "POST /api/hubs/{hub}/:execute"
checks.positive_data_acceptance.enabled = false

[[operations]]  # a continuationToken is good only if it came with a page before; no schema says so
include-name = "GET /api/hubs/{hub}/groups/{group}/connections"
checks.positive_data_acceptance.enabled = false
"""


@asynccontextmanager
async def started_service() -> AsyncIterator[str]:
    """The service as a user starts it; gives its URL."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "funcjson.signalr", "start", "--port", "0", "--key", KEY),
        # One token for all paths: that the audience is checked is tested elsewhere.
        *("--audience", "off"),
        env={**os.environ, "PYTHONPATH": str(HERE.parents[1] / "runtime")},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    assert process.stdout is not None
    try:
        found = re.search(rb"listens on (\S+)", await process.stdout.readline())
        assert found is not None, "the service did not start"
        yield found[1].decode()
    finally:
        process.terminate()
        await process.wait()


@pytest.mark.timeout(300)  # over a thousand requests
async def test_every_operation_does_as_documented(tmp_path: Path) -> None:
    config = tmp_path / "schemathesis.toml"
    config.write_text(CONFIG, encoding="utf-8")
    async with started_service() as url:
        endpoint = ServiceEndpoint(url, access_key=KEY)
        token = mint_server_token(endpoint, "api", now=time.time())
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "schemathesis.cli", "--config-file", str(config), "run"),
            *(url + OPENAPI_PATH, "--no-color"),
            *("--header", f"Authorization: Bearer {token}"),
            cwd=tmp_path,
            env={
                **os.environ,
                "PYTHONPATH": os.pathsep.join((str(HERE.parents[1] / "runtime"), str(HERE))),
                "SCHEMATHESIS_HOOKS": "schemathesis_bodies",
            },
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        try:
            said, _ = await process.communicate()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
    report = said.decode("utf-8", "replace")

    assert process.returncode == 0, report
    assert "No issues found" in report, report
