"""What Linux tells of a process or a thread in its file `stat`."""

from __future__ import annotations

from pathlib import Path

STOPPED = "the process is stopped, as SIGSTOP or a debugger does"


def fields(file: Path) -> list[str]:
    """Those from the third on, since the second, a name, may have blanks; none when it is gone."""
    try:
        return file.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return []


def state(pid: int) -> str:
    """One letter, of `man 5 proc`; "" when it is gone."""
    found = fields(Path(f"/proc/{pid}/stat"))
    return found[0] if found and found[0] not in "ZX" else ""


def is_stopped(pid: int) -> bool:
    return state(pid) in ("T", "t")
