"""Runs vectors/main_files.json: the files that `main` of package.json names, for the worker and for the commands.

`files` and `links` (link -> where it leads) are the app; a case has `main` and the files that it `names`, as globby 11.1.0 of npm
does in that app: `globby(main, { cwd: app })`.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

import funcjson
from funcjson.frontends.main_files import is_named, main_files

VECTORS = json.loads(
    (Path(__file__).parent / "vectors/main_files.json").read_text(encoding="utf-8")
)
CASES: list[dict[str, Any]] = VECTORS["vectors"]
GLOB = Path(funcjson.__file__).with_name("workers") / "node" / "glob.mjs"
EXPAND = """
import path from 'node:path';
const [module, root, ...patterns] = process.argv.slice(1);
const { expandMain } = await import(module);
const names = (pattern) => expandMain(root, pattern).map((file) => path.relative(root, file));
console.log(JSON.stringify(patterns.map(names)));
"""


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("app")
    for file in VECTORS["files"]:
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        (root / file).touch()
    for link, target in VECTORS["links"].items():
        (root / link).symlink_to(target)
    return root


def expanded(root: Path, *patterns: str) -> dict[str, list[str]]:
    """What the worker makes of patterns."""
    command = ["node", "--input-type=module", "--eval", EXPAND, GLOB.as_uri(), str(root), *patterns]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return dict(zip(patterns, json.loads(done.stdout), strict=True))


@pytest.fixture(scope="module")
def by_worker(app: Path) -> dict[str, list[str]]:
    return expanded(app, *(case["main"] for case in CASES))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["main"])
def test_what_main_names(app: Path, by_worker: dict[str, list[str]], case: dict[str, Any]) -> None:
    assert by_worker[case["main"]] == case["names"]
    assert main_files(app, case["main"]) == case["names"]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["main"])
def test_whether_a_file_would_be_named(app: Path, case: dict[str, Any]) -> None:
    files = [file for file in VECTORS["files"] if not file.endswith(".d.ts")]

    expected = [file for file in files if file in case["names"]]
    assert sorted(file for file in files if is_named(app, case["main"], file)) == sorted(expected)


def test_links_that_lead_round_in_circles_are_followed_once(tmp_path: Path) -> None:
    for folder, other in (("x", "y"), ("y", "x")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "one.js").touch()
        (tmp_path / folder / other).symlink_to(f"../{other}")
        (tmp_path / folder / "up").symlink_to("..")

    names = ["x/one.js", "x/y/one.js", "y/one.js", "y/x/one.js"]
    assert expanded(tmp_path, "**/*.js") == {"**/*.js": names}
    assert main_files(tmp_path, "**/*.js") == names
