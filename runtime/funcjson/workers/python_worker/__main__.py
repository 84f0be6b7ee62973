"""Start the worker in a child process: find our own files by path, leave no trace of them on `sys.path`, serve the socket."""

import importlib.util
import os
import sys

_HERE = os.path.dirname(os.path.abspath(__file__))  # noqa: PTH100, PTH120 - no import that the app may shadow
_NAME = "_funcjson_worker"


def _load(name, path, search=None):  # type: ignore[no-untyped-def]
    spec = importlib.util.spec_from_file_location(name, path, submodule_search_locations=search)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


if __name__ == "__main__":
    sys.path[:] = [entry for entry in sys.path if entry != _HERE]
    _load(_NAME, os.path.join(_HERE, "__init__.py"), [_HERE])  # noqa: PTH118
    wire = _load(f"{_NAME}.wire", os.path.join(_HERE, "..", "wire.py"))  # noqa: PTH118
    program = importlib.import_module(f"{_NAME}.program")
    program.main(wire)
