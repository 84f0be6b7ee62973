"""Which node is taken, what is refused, and the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from funcjson.errors import WorkerStartError
from funcjson.workers.node import PROGRAM, NodeProgram, command_line, find_node, node_program


def fake_node(folder: Path, says: str) -> Path:
    program = folder / "node"
    program.write_text(f"#!/bin/sh\n{says}\n", encoding="utf-8")
    program.chmod(0o755)
    return program


async def test_the_first_node_of_the_search_path_is_taken(tmp_path: Path) -> None:
    program = fake_node(tmp_path, "echo v22.1.3")

    assert await find_node(search_path=str(tmp_path)) == NodeProgram(str(program), (22, 1, 3))


async def test_no_node_is_told_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(WorkerStartError) as caught:
        await find_node(search_path=str(tmp_path))
    problem = caught.value.problems[0]

    assert problem.code == "FJ0501"
    assert "no program 'node' is on PATH" in problem.why
    assert "install Node.js 18 or newer" in problem.fix


async def test_an_old_node_is_refused_with_its_version(tmp_path: Path) -> None:
    with pytest.raises(WorkerStartError) as caught:
        await find_node(str(fake_node(tmp_path, "echo v16.20.2")))
    problem = caught.value.problems[0]

    assert problem.code == "FJ0502"
    assert problem.what == "Node.js v16.20.2 is too old for JavaScript functions"
    assert (problem.azure or "").startswith("Incompatible Node.js version (v16.20.2).")


@pytest.mark.parametrize("says", ["echo hello", "exit 1"])
async def test_a_program_that_is_no_node_is_refused(tmp_path: Path, says: str) -> None:
    with pytest.raises(WorkerStartError) as caught:
        await find_node(str(fake_node(tmp_path, says)))

    assert "does not tell a version" in caught.value.problems[0].why


async def test_a_program_that_cannot_be_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WorkerStartError) as caught:
        await find_node(str(tmp_path / "nope"))

    assert "cannot be run" in caught.value.problems[0].why


@pytest.mark.parametrize(
    ("version", "stripping"),
    [
        ((20, 1, 0), False),
        ((22, 5, 0), False),
        ((22, 6, 0), True),
        ((22, 17, 9), True),
        ((22, 18, 0), False),
        ((23, 5, 0), True),
        ((23, 6, 0), False),
        ((24, 0, 0), False),
    ],
)
def test_typescript_needs_a_flag_in_some_versions(
    version: tuple[int, int, int], stripping: bool
) -> None:
    command = command_line(NodeProgram("node", version))

    assert ("--experimental-strip-types" in command) is stripping
    assert command[-1] == str(PROGRAM)


def test_a_debugger_and_more_arguments_go_before_the_program() -> None:
    node = NodeProgram("node", (20, 0, 0))
    command = command_line(node, inspect="9229", arguments=["--max-old-space-size=512"])

    assert command == ["node", "--inspect=9229", "--max-old-space-size=512", str(PROGRAM)]


async def test_the_program_has_the_apps_path_and_more_arguments(tmp_path: Path) -> None:
    fake = fake_node(tmp_path, "echo v20.0.0")
    environment = {
        "PATH": str(tmp_path),
        "languageWorkers__node__arguments": "--max-old-space-size=512 --trace-warnings",
    }
    program = await node_program(tmp_path, environment, debug=True)

    assert list(program.command) == [
        str(fake),
        "--inspect=127.0.0.1:9229",
        "--max-old-space-size=512",
        "--trace-warnings",
        str(PROGRAM),
    ]
    assert program.environment == environment
