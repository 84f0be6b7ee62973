"""Requests that the host answers itself."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.unit.explaining.explained_app import write_app

from funcjson.app_version import Loader
from funcjson.explaining.own_addresses import answered_by_host


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ("GET /", "home page"),
        ("GET /.auth/me", "401 when nobody is"),
        ("GET /_/", "its page"),
        ("GET /admin/host/status", "admin addresses"),
        ("GET /admin/functions", "admin addresses"),
        ("GET /admin/functions/Tick", "POST sets it off"),
        ("GET /admin/functions/tick/status", "POST sets it off"),
        ("POST /runtime/webhooks/EventGrid", "eventGridTrigger"),
        ("POST /", ""),
        ("GET /admin/functions/other", ""),
        ("GET /api/negotiat", ""),
        ("GET /favicon.ico", ""),
    ],
)
async def test_what_the_host_says_itself(asked: str, words: str, tmp_path: Path) -> None:
    version = await Loader(write_app(tmp_path), {}).load()

    said = answered_by_host(version, *asked.split())

    assert (words in said) if words else said == ""


async def test_a_home_page_that_is_off(tmp_path: Path) -> None:
    root = write_app(tmp_path, AzureWebJobsDisableHomepage="true")

    said = answered_by_host(await Loader(root, {}).load(), "GET", "/")

    assert "204" in said
