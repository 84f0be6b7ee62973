"""`funcjson doctor` on real apps and this machine: what it finds, and that it prints no key."""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.processes import ROOT, SECRET, run_funcjson

KEY = "0123456789-a-key-that-nobody-may-ever-see-0123456789"
HOST_JSON = {
    "version": "2.0",
    "extensionBundle": {
        "id": "Microsoft.Azure.Functions.ExtensionBundle",
        "version": "[4.*, 5.0.0)",
    },
}
HELLO = {
    "hello/function.json": {
        "bindings": [
            {"type": "httpTrigger", "direction": "in", "name": "req", "authLevel": "anonymous"},
            {"type": "http", "direction": "out", "name": "$return"},
        ]
    },
    "hello/__init__.py": "def main(req): return 'hello'\n",
}


def examined(root: Path, files: dict[str, Any], **extra: str) -> tuple[int, dict[str, Any]]:
    """Exit code, and the checks by name, of an app of these files."""
    for name, content in {"host.json": HOST_JSON, **HELLO, **files}.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content if isinstance(content, str) else json.dumps(content))
    code, out, err = run_funcjson("doctor", str(root), "--json", extra=extra)
    assert "Traceback" not in err
    assert KEY not in out + err
    assert SECRET.search(out + err) is None
    return code, {check["check"]: check for check in json.loads(out)}


def codes(check: dict[str, Any]) -> list[str]:
    return [problem["code"] for problem in check["problems"]]


@pytest.mark.parametrize("name", ["chat-python", "chat-javascript"])
def test_the_samples_are_well(name: str) -> None:
    code, out, err = run_funcjson("doctor", str(ROOT / "sample_functions" / name))

    assert code == 0, out + err
    assert "the handlers load" in out or "FJ0324" in out
    assert "0 errors" in out


def test_a_port_in_use_is_named_with_the_process_that_has_it(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        settings = {"IsEncrypted": False, "Values": {}, "Host": {"LocalHttpPort": port}}
        code, checks = examined(tmp_path, {"local.settings.json": settings})

    assert code == 0
    assert checks["ports"]["status"] == "warning"
    assert f"pid {os.getpid()}" in checks["ports"]["problems"][0]["what"]


def test_a_handler_that_does_not_load_is_an_error_with_its_place(tmp_path: Path) -> None:
    code, checks = examined(tmp_path, {"hello/__init__.py": "import no_such_module_anywhere\n"})

    assert code == 1
    (problem,) = checks["functions"]["problems"]
    assert problem["code"] == "FJ0513"
    assert (problem["file"], problem["line"]) == ("hello/__init__.py", 1)


def test_an_app_with_many_troubles_hears_of_all_of_them(tmp_path: Path) -> None:
    service = f"Endpoint=https://x.service.signalr.net;AccessKey={KEY};Version=1.0;"
    negotiate = {
        "bindings": [
            *HELLO["hello/function.json"]["bindings"],  # type: ignore[index]
            {"type": "signalRConnectionInfo", "direction": "in", "name": "info", "hubName": "chat"},
        ]
    }
    code, checks = examined(
        tmp_path,
        {
            "host.json": {"version": "2.0"},
            "negotiate/function.json": negotiate,
            "negotiate/__init__.py": "def main(req, info): return info\n",
            "local.settings.json": {
                "IsEncrypted": False,
                "Values": {"MySignalR": service},
                "Host": {"CORS": "*"},
            },
            "requirements.txt": "no-such-distribution-anywhere\n",
            "proxies.json": {},
        },
        HTTP_PROXY="http://proxy.invalid:3128",
        NO_PROXY="",
        no_proxy="",
    )

    assert code == 0
    assert codes(checks["connections"]) == ["FJ0172"]
    assert codes(checks["browsers"]) == ["FJ0173"]
    assert codes(checks["python"]) == ["FJ0540", "FJ0540"]
    assert codes(checks["host.json"]) == ["FJ0174", "FJ0176"]
    assert "FJ0543" in codes(checks["network"])
