"""Start the worker in a child process: find our files by path, leave no trace on `sys.path`."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

_HERE = Path(__file__).resolve().parent
_NAME = "_funcjson_worker"


def _load(name: str, path: Path, search: list[str] | None = None) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, path, submodule_search_locations=search)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


if __name__ == "__main__":
    if sys.version_info < (3, 9):  # noqa: UP036 - the app's Python may be any
        sys.exit("handlers need Python 3.9 or newer")
    # Python put our folder there, whose names are none of the app's business.
    sys.path[:] = [entry for entry in sys.path if Path(entry).resolve() != _HERE]
    _load(_NAME, _HERE / "__init__.py", [str(_HERE)])
    wire = _load(f"{_NAME}.wire", _HERE.parent / "wire.py")
    black_box = _load(f"{_NAME}.black_box", _HERE.parent / "black_box.py")
    importlib.import_module(f"{_NAME}.program").main(wire, black_box)
