"""Which files `main` of package.json names: a file, a folder, or a pattern, read as the real worker does (globby 11).

The worker of ours has the same rules in JavaScript: workers/node/glob.mjs. Both are held to one set of vectors.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

_MAGIC = re.compile(r"[*?\[{!(]")
_BRACES = re.compile(r"\{([^{}]*(?:,|\.\.)[^{}]*)\}")
_RANGE = re.compile(r"(?:(-?\d+)\.\.(-?\d+)|([a-zA-Z])\.\.([a-zA-Z]))(?:\.\.-?(\d+))?")
_GROUP = re.compile(r"([@?*+!]?)\(")
_SET = re.compile(r"\[([!^]?)(\]?[^\]]*)\]")
_REPEATS = {"@": "", "?": "?", "*": "*", "+": "+", "": ""}
_ANY_FOLDERS = r"(?:(?!\.)[^/]+/)*"


def is_pattern(main: str) -> bool:
    """Whether `main` may name several files."""
    return _MAGIC.search(main) is not None


def main_files(root: Path, main: str) -> list[str]:
    """The files that `main` names, relative to the app, sorted; those of node_modules are left out."""
    pattern = _plain(main)
    if (root / pattern).is_file():
        return [pattern]
    found: set[str] = set()
    for each in _patterns(root, pattern):
        folder, rest = _fixed(each)
        if not rest:
            found |= {each} if (root / each).is_file() else set()
            continue
        match = _expression(rest)
        depth = -1 if "**" in rest else len(rest)
        for file in _files_below(root / folder, depth):
            if match.fullmatch(file) and not file.endswith(".d.ts"):
                found.add(folder + file)
    return sorted(found)


def is_named(root: Path, main: str, file: str) -> bool:
    """Whether `main` names a file, relative to the app, which need not be there."""
    pattern = _plain(main)
    return pattern == file or any(
        _expression(_steps(each)).fullmatch(file) for each in _patterns(root, pattern)
    )


def choices(main: str) -> list[str]:
    """`a{b,c}d` as `abd`, `acd`; `{1..3}` and `{a..c}` count."""
    match = _BRACES.search(main)
    if match is None:
        return [main]
    before, after = main[: match.start()], main[match.end() :]
    parts = _range(match[1]) or match[1].split(",")
    return [each for part in parts for each in choices(before + part + after)]


def _plain(main: str) -> str:
    return main.replace("\\", "/").removeprefix("./")


def _patterns(root: Path, pattern: str) -> list[str]:
    if (root / pattern).is_dir():
        return [f"{pattern}/**"]
    return choices(pattern) if is_pattern(pattern) and not pattern.endswith("/") else []


def _steps(pattern: str) -> list[str]:
    return [step for step in pattern.split("/") if step]


def _fixed(pattern: str) -> tuple[str, list[str]]:
    """The folder that a pattern begins with, with `/`, and the steps below it."""
    steps = _steps(pattern)
    fixed = next((at for at, step in enumerate(steps) if is_pattern(step)), len(steps))
    return "".join(f"{step}/" for step in steps[:fixed]), steps[fixed:]


def _files_below(folder: Path, depth: int, inside: tuple[str, ...] = ()) -> Iterator[str]:
    """Files down to a depth, links followed, but not in circles; `inside` are the folders with the links that led here."""
    try:
        entries = list(os.scandir(folder))
    except OSError:
        return
    for entry in entries:
        if entry.is_file():
            yield entry.name
        elif depth != 1 and entry.name != "node_modules" and entry.is_dir():
            places = (*inside, os.path.realpath(folder)) if entry.is_symlink() else inside
            if entry.is_symlink() and _contains(os.path.realpath(entry.path), places):
                continue
            for file in _files_below(folder / entry.name, depth - 1, places):
                yield f"{entry.name}/{file}"


def _contains(folder: str, places: tuple[str, ...]) -> bool:
    return any(f"{place}/".startswith(f"{folder}/") for place in places)


def _range(text: str) -> list[str]:
    match = _RANGE.fullmatch(text)
    if match is None:
        return []
    is_number = match[1] is not None
    first, last = match.group(1, 2) if is_number else match.group(3, 4)
    begin, end = (int(first), int(last)) if is_number else (ord(first), ord(last))
    padded = is_number and any(re.match(r"-?0\d", text) for text in (first, last))
    width = max(len(first), len(last)) if padded else 0
    step = max(1, int(match[5] or 1)) * (1 if begin <= end else -1)
    numbers = range(begin, end + (1 if step > 0 else -1), step)
    return [str(each).zfill(width) if is_number else chr(each) for each in numbers]


def _expression(steps: list[str]) -> re.Pattern[str]:
    *folders, last = steps
    source = "".join(
        _ANY_FOLDERS if step == "**" else f"{_undotted(step)}{_translate(step)}/"
        for step in folders
    )
    if last == "**":
        return re.compile(rf"{source}{_ANY_FOLDERS}(?!\.)[^/]+")
    return re.compile(f"{source}{_undotted(last)}{_translate(last)}")


def _undotted(step: str) -> str:
    """A name that begins with a dot has to be asked for, but for `!(...)`, which is any other name."""
    return "" if step.startswith((".", "!(")) else r"(?!\.)"


def _translate(text: str) -> str:
    """A step of a path as the source of a regular expression."""
    if not text:
        return ""
    group = _GROUP.match(text)
    end = _closing(text, group.end()) if group else -1
    if group and end > 0:
        inner, after = text[group.end() : end], text[end + 1 :]
        several = f"(?:{'|'.join(map(_translate, _alternatives(inner)))})"
        if group[1] == "!":
            return _none_of(several, inner, after) + _translate(after)
        return several + _REPEATS[group[1]] + _translate(after)
    if found := _SET.match(text):
        members = re.sub(r"[\\\[\]]", r"\\\g<0>", found[2])
        return f"[{'^' if found[1] else ''}{members}]{_translate(text[found.end() :])}"
    rest = _translate(text[1:])
    return {"*": "[^/]*", "?": "[^/]"}.get(text[0], re.escape(text[0])) + rest


def _none_of(several: str, inner: str, after: str) -> str:
    """Names that are none of them: as a whole, before an ending where one has a `*`, else names that begin with none."""
    if not after:
        return f"(?!{several}(?:/|$))[^/]*?"
    ending = _translate(after) if "*" in inner and re.fullmatch(r"\.[^.]+", after) else ""
    return f"(?!{several}{ending})[^/]*?"


def _closing(text: str, start: int) -> int:
    """Where the parenthesis that is open at a place is closed; -1 when it is not."""
    depth = 1
    for at in range(start, len(text)):
        depth += {"(": 1, ")": -1}.get(text[at], 0)
        if depth == 0:
            return at
    return -1


def _alternatives(text: str) -> list[str]:
    """`a|b(c|d)` as `a`, `b(c|d)`."""
    found, depth = [""], 0
    for char in text:
        if char == "|" and depth == 0:
            found.append("")
            continue
        depth += {"(": 1, ")": -1}.get(char, 0)
        found[-1] += char
    return found
