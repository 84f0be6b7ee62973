"""http_endpoints: the answer while nothing runs; the URLs themselves are asked for in tests/contract."""

from __future__ import annotations

from pathlib import Path

from funcjson.http_endpoints import not_running


def test_a_host_that_does_not_run_says_so_or_shows_the_apps_page(tmp_path: Path) -> None:
    starting = not_running(tmp_path)
    (tmp_path / "app_offline.htm").write_bytes(b"<p>later")
    offline = not_running(tmp_path)

    assert (starting.status, starting.body) == (503, b"Function host is not running.")
    assert (offline.status, offline.headers, offline.body) == (
        503,
        (("Content-Type", "text/html"),),
        b"<p>later",
    )
