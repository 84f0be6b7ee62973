"""Functions as drawn, and which lines of which files are shown."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.unit.inspector.inspected_host import inspected

from funcjson.inspector.app_view import functions, source_lines
from funcjson.inspector.inspected import Refusal


async def test_each_function_with_its_bindings(tmp_path: Path) -> None:
    async with inspected(tmp_path) as host:
        found = {one["name"]: one for one in functions(host)}

    assert list(found) == ["negotiate", "ping", "send"]
    assert found["send"]["path"] == "/api/send"
    assert found["send"]["outputs"][0]["properties"] == {"hubName": "chat"}
    assert found["send"]["answer"]["name"] == "res"
    assert found["ping"]["path"] is None
    assert found["ping"]["answer"] is None
    assert found["negotiate"]["givesToken"]
    assert not found["send"]["givesToken"]
    assert found["negotiate"]["trigger"]["line"] == 3


async def test_lines_around_a_place(tmp_path: Path) -> None:
    async with inspected(tmp_path) as host:
        found = source_lines(host, "send/index.js", 1)

    assert (found["first"], found["lines"]) == (1, ["module.exports = async () => {};"])


async def test_secrets_in_sources_are_masked(tmp_path: Path) -> None:
    async with inspected(tmp_path) as host:
        (tmp_path / "send" / "index.js").write_text("const key = 'very-secret-value-1';\n")
        found = source_lines(host, "send/index.js", 1)

    assert "very-secret" not in found["lines"][0]


@pytest.mark.parametrize(
    "file",
    ["../x.py", "/etc/hosts", "local.settings.json", ".env", ".git/config", "a.pem", "no.py"],
)
async def test_other_files_are_not_shown(tmp_path: Path, file: str) -> None:
    async with inspected(tmp_path) as host:
        with pytest.raises(Refusal):
            source_lines(host, file, 1)


async def test_a_link_out_of_the_app_is_not_followed(tmp_path: Path) -> None:
    outside = tmp_path / "outside.py"
    outside.write_text("x")
    app = tmp_path / "app"
    app.mkdir()
    async with inspected(app) as host:
        (app / "link.py").symlink_to(outside)
        with pytest.raises(Refusal, match="only files of the app"):
            source_lines(host, "link.py", 1)
