"""Where a function goes in an app of JavaScript or TypeScript, and in which syntax: as its package.json and its sources say."""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from funcjson.errors import AppLoadError
from funcjson.frontends.main_files import choices, is_named, is_pattern, main_files
from funcjson.frontends.package_main import package_main, registers_hooks
from funcjson.frontends.scripts import uncompiled
from funcjson.json_source import parse_json
from funcjson.scaffold import faults

LIBRARY = "@azure/functions"
_PACKAGE = "package.json"
_FUNCTIONS = "src/functions/*.js"
# Folders that hold what is made of the sources, beside that of tsconfig.json.
_BUILDS = frozenset({"dist", "build", "out"})
_TYPED = {".js": ".ts", ".mjs": ".mts", ".cjs": ".cts"}
_MODULE_SUFFIXES = {".mjs": True, ".mts": True, ".cjs": False, ".cts": False}
_TYPESCRIPT = (".ts", ".mts", ".cts")


# -- what the app is -----------------------------------------------------------------------------


def is_v4(root: Path) -> bool:
    """Whether package.json speaks of functions in code: it depends on their library, or its main uses it."""
    return _major(root) >= 4 or (_major(root) == 0 and registers_hooks(root))


def has_functions(root: Path) -> bool:
    """Whether main names files that register functions."""
    main = package_main(root)
    if main is None or not registers_hooks(root):
        return False
    return bool(main_files(root, main) or _sources_of(root, main))


def _major(root: Path) -> int:
    """Of the library that package.json names; 0 without one, and the newest when it does not say."""
    content = _content(root)
    kinds = (content.get(kind) for kind in ("dependencies", "devDependencies"))
    versions = [str(kind[LIBRARY]) for kind in kinds if isinstance(kind, dict) and LIBRARY in kind]
    if not versions:
        return 0
    number = re.match(r"[\^~>=v ]*(\d+)", versions[0])
    return int(number[1]) if number else 4


def _content(root: Path) -> dict[str, Any]:
    try:
        content = json.loads((root / _PACKAGE).read_text("utf-8-sig"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _sources_of(root: Path, main: str) -> list[str]:
    """Sources that main is built from, and that run as they are while it is not."""
    plain = main.replace("\\", "/").removeprefix("./")
    if not is_pattern(plain):
        found = uncompiled(root, plain)
        return [found] if found else []
    inner = plain.partition("/")[2].replace(".js", ".ts")
    return main_files(root, inner) or main_files(root, f"src/{inner}")


# -- a function in code --------------------------------------------------------------------------


def file_of_v4(root: Path, name: str) -> str:
    """The file for a new function, which the app loads, as it is or once it is built. Raises AppLoadError."""
    main = package_main(root)
    if main is None:
        raise AppLoadError(faults.no_main(_FUNCTIONS))
    for pattern in choices(_plain(root, main)):
        for file in _candidates(root, pattern, name):
            if is_named(root, main, file):
                return _source(root, _fixed(pattern), file)
    if is_pattern(main):
        raise AppLoadError(faults.unclear_pattern(main, name))
    raise AppLoadError(faults.single_file(main, _with_pattern(_plain(root, main))))


def is_built(root: Path, file: str) -> bool:
    """Whether the app runs what was built of its sources, so that a new source does not count yet."""
    main = package_main(root)
    return main is not None and not is_named(root, main, file) and bool(main_files(root, main))


def _plain(root: Path, main: str) -> str:
    plain = main.replace("\\", "/").removeprefix("./").removesuffix("/")
    return f"{plain}/**" if (root / plain).is_dir() else plain


def _fixed(pattern: str) -> str:
    """The folder that a pattern begins with."""
    steps = pattern.split("/")[:-1]
    fixed = next((at for at, step in enumerate(steps) if is_pattern(step)), len(steps))
    return "/".join(steps[:fixed])


def _candidates(root: Path, pattern: str, name: str) -> Iterator[str]:
    """Files that a pattern may name, the best one first."""
    *folders, last = pattern.split("/")
    if not is_pattern(pattern):
        return
    if not is_pattern(last):
        yield "/".join(name if is_pattern(step) else step for step in pattern.split("/"))
        return
    magic = re.search(r"[*?\[{!(@+].*[*?\]})]|[*?]", last)
    if magic is None:
        return
    file = f"{last[: magic.start()]}{name}{last[magic.end() :]}"
    if not posixpath.splitext(file)[1]:
        file += ".js"
    fixed = _fixed(pattern)
    if (root / fixed / "functions").is_dir():
        yield posixpath.join(fixed, "functions", file)
    yield posixpath.join(fixed, file)
    yield posixpath.join(*("functions" if is_pattern(step) else step for step in folders), file)


def _with_pattern(main: str) -> str:
    """A main that names the file it names now, and files for functions beside it."""
    folder, _, file = main.rpartition("/")
    suffix = posixpath.splitext(file)[1] or ".js"
    if not folder:
        return f"{{{file},src/functions/*{suffix}}}"
    return f"{folder}/{{{file},functions/*{suffix}}}"


# -- TypeScript, and other sources that are built ------------------------------------------------


def _source(root: Path, folder: str, file: str) -> str:
    """The file that `file`, which main names in a folder, is made of; itself, when it is made of nothing."""
    stem, suffix = posixpath.splitext(file)
    if suffix in _TYPESCRIPT:
        return file
    typed = _TYPED.get(suffix, suffix)
    options = _compiler_options(root)
    out = _folder(options.get("outDir"))
    is_build = folder.partition("/")[0] in ({out.partition("/")[0]} if out else _BUILDS)
    if not is_build:
        return stem + typed if _has(root, folder, typed) else file
    places = list(_places(folder, out, _folder(options.get("rootDir"))))
    for place in places:
        for each in (typed, suffix):
            if _has(root, place, each):
                return posixpath.join(place, posixpath.relpath(stem, folder or ".")) + each
    if not options:
        return file
    return posixpath.join(places[0], posixpath.relpath(stem, folder or ".")) + typed


def _places(folder: str, out: str | None, root_folder: str | None) -> Iterator[str]:
    """Folders whose files may be built into a folder, the likeliest one first."""
    build = out or folder.partition("/")[0]
    inner = folder.removeprefix(build).strip("/")
    if root_folder is not None:
        yield posixpath.normpath(posixpath.join(root_folder, inner))
    if inner.partition("/")[0] == "src":
        yield inner
    yield posixpath.join("src", inner).rstrip("/")
    if inner:
        yield inner


def _has(root: Path, folder: str, suffix: str) -> bool:
    """Whether there are sources of a kind in a folder of the app."""
    files = (root / folder).rglob(f"*{suffix}") if folder else root.glob(f"*{suffix}")
    return any(not f.name.endswith(f".d{suffix}") and "node_modules" not in f.parts for f in files)


def _compiler_options(root: Path) -> Mapping[str, Any]:
    """Of tsconfig.json, which may have comments; empty without one."""
    file = root / "tsconfig.json"
    if not file.is_file():
        return {}
    content = parse_json(file.read_bytes(), file.name).value
    options = content.get("compilerOptions") if isinstance(content, dict) else None
    return {"tsconfig.json": True, **(options if isinstance(options, dict) else {})}


def _folder(value: object) -> str | None:
    """A folder of tsconfig.json, relative to the app; "" is the app itself."""
    if not isinstance(value, str):
        return None
    folder = posixpath.normpath(value)
    return "" if folder == "." else folder


# -- a function in a folder ----------------------------------------------------------------------


def typescript_of_v3(root: Path, names: tuple[str, ...], name: str) -> dict[str, str] | None:
    """How a new folder declares its handler when those of the app are in TypeScript: members of its document; else None."""
    for other in names:
        folder = root / other
        if not (folder / "index.ts").is_file() or (folder / "index.js").is_file():
            continue
        document = parse_json((folder / "function.json").read_bytes(), "function.json").value
        declared = document.get("scriptFile") if isinstance(document, dict) else None
        if not isinstance(declared, str):
            return {}
        steps = declared.split("/")
        return {"scriptFile": "/".join(name if step == other else step for step in steps)}
    return None


# -- syntax --------------------------------------------------------------------------------------


def in_syntax(text: str, root: Path, file: str) -> str:
    """A template, which is CommonJS in JavaScript, as the file at a place of the app has to be."""
    is_typed = file.endswith(_TYPESCRIPT)
    if not is_typed and not _is_module(root, file):
        return text
    text = re.sub(r"const (\{.*\}) = require\((.*)\);", r"import \1 from \2;", text)
    started = text.replace("module.exports = async function", "export default async function")
    if started == text:
        return text.replace("(invocation, ", "(invocation: any, ") if is_typed else text
    if is_typed:
        started = re.sub(r"(?<=function )\((.*)\)", _typed_parameters, started, count=1)
    return started.removesuffix("};\n") + "}\n"


def _typed_parameters(match: re.Match[str]) -> str:
    return f"({', '.join(f'{name}: any' for name in match[1].split(', '))}): Promise<void>"


def _is_module(root: Path, file: str) -> bool:
    """Whether a file of the app is an ES module: Node's rule."""
    suffix = posixpath.splitext(file)[1]
    if suffix in _MODULE_SUFFIXES:
        return _MODULE_SUFFIXES[suffix]
    folder = (root / file).parent
    while not (folder / _PACKAGE).is_file() and folder != folder.parent:
        folder = folder.parent
    return _content(folder).get("type") == "module"


# -- package.json --------------------------------------------------------------------------------


def completed_package(root: Path) -> str | None:
    """What package.json has to be for functions in code; None when it is that. Raises AppLoadError when it cannot be."""
    file = root / _PACKAGE
    source = parse_json(file.read_bytes(), _PACKAGE)
    if not source.ok:
        raise AppLoadError(source.problems)
    content = dict(source.value)
    main = package_main(root)
    if main is None or not (is_pattern(main) or _is_there(root, main)):
        content["main"] = _main_for(root)
    elif not registers_hooks(root):
        raise AppLoadError(faults.other_program(main, source.locate("/main")))
    if _major(root) == 0:
        content["dependencies"] = {LIBRARY: "^4.0.0", **(content.get("dependencies") or {})}
    if content == source.value:
        return None
    # As npm writes it: with the file's own indentation and line ends.
    indent = re.search(r"^[ \t]+", source.text, re.MULTILINE)
    text = json.dumps(content, indent=indent[0] if indent else 2, ensure_ascii=False) + "\n"
    return text.replace("\n", "\r\n") if "\r\n" in source.text else text


def _is_there(root: Path, main: str) -> bool:
    return bool(main_files(root, main) or _sources_of(root, main))


def _main_for(root: Path) -> str:
    """The main of an app whose functions are to be in src/functions."""
    options = _compiler_options(root)
    if not options:
        return _FUNCTIONS
    out, root_folder = _folder(options.get("outDir")), _folder(options.get("rootDir"))
    return posixpath.join(out or "", "functions/*.js" if root_folder == "src" else _FUNCTIONS)
