"""A file of the app's .funcjson folder that only its owner may read and that git leaves alone."""

from __future__ import annotations

import os
from pathlib import Path

FOLDER = ".funcjson"


def write_private(path: Path, text: str) -> None:
    """Write a file as a whole, never readable by others in between. Raises OSError."""
    path.parent.mkdir(mode=0o700, exist_ok=True)
    _keep_from_git(path)
    partial = path.with_name(path.name + ".part")
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    partial.replace(path)


def _keep_from_git(path: Path) -> None:
    """By name: other files of the folder, such as personas.json, may be shared."""
    ignore = path.parent / ".gitignore"
    before = ignore.read_text("utf-8") if ignore.exists() else ""
    if path.name not in before.splitlines() and "*" not in before.splitlines():
        end = "\n" if before and not before.endswith("\n") else ""
        ignore.write_text(f"{before}{end}{path.name}\n", "utf-8")
