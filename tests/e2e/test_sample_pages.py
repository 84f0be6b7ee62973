"""Each sample's page says what it teaches and where to look, and its commands print what it says."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from tests.e2e.conftest import copy_sample, need
from tests.e2e.processes import ROOT, environment

FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.M | re.S)
PAGES = sorted(path.parent for path in ROOT.glob("sample_functions/*/host.json"))
BY_NAME = pytest.mark.parametrize("sample", PAGES, ids=lambda path: path.name)


def page(sample: Path) -> str:
    return (sample / "README.md").read_text(encoding="utf-8")


def blocks(sample: Path) -> list[tuple[str, str]]:
    return [(kind, text.strip()) for kind, text in FENCE.findall(page(sample))]


@BY_NAME
def test_a_page_says_what_it_teaches_how_to_start_and_where_to_look(sample: Path) -> None:
    text = page(sample)
    listed = (ROOT / "sample_functions/README.md").read_text(encoding="utf-8")
    (_, first), *_ = blocks(sample)

    for part in ("**What it teaches**", "## Steps to look at", "## In the terminal", "## Break it"):
        assert part in text
    assert f"`{' && '.join(first.splitlines())}`" in listed, "the table has another command"


@BY_NAME
def test_the_steps_to_look_at_are_of_functions_that_exist(
    sample: Path, tmp_path: Path, npm_packages: Path
) -> None:
    steps = page(sample).partition("## Steps to look at")[2].partition("## In the terminal")[0]
    rows = [row.split(" | ") for row in steps.splitlines() if row.startswith("| ")][2:]
    functions = {name for row in rows for name in re.findall(r"of `(\w+)`", row[1])}
    shown = subprocess.run(
        [
            sys.executable,
            "-m",
            "funcjson",
            "show",
            copy_sample(sample.name, tmp_path, npm_packages),
        ],
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )

    assert functions
    assert [name for name in functions if name not in shown.stdout] == []


@pytest.mark.timeout(180)
@BY_NAME
def test_the_commands_of_a_page_print_what_it_says(
    sample: Path, tmp_path: Path, npm_packages: Path
) -> None:
    need("bash")
    copy_sample(sample.name, tmp_path / "sample_functions", npm_packages)
    printed, checked = "", 0
    for kind, text in blocks(sample):
        if kind == "sh":
            printed = run_block(text, tmp_path)
            continue
        at = 0
        for line in map(squeezed, text.splitlines()):
            found = printed.find(line, at)
            assert found >= 0, f"not printed, or not in this order: {line}\n\n{printed}"
            at = found + len(line)
            checked += 1
    assert checked


def run_block(text: str, cwd: Path) -> str:
    """Run the lines of a block as a reader would, but for those that start a host."""
    program = f"{shlex.quote(sys.executable)} -m funcjson"
    lines = [line for line in text.splitlines() if " start " not in line]
    done = subprocess.run(
        ["bash", "-uc", "\n".join(lines).replace(".venv/bin/funcjson", program)],
        cwd=cwd,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return squeezed(done.stdout + done.stderr)


def squeezed(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip()
