"""A program of its own: `die_with_parent.py PROGRAM ARGUMENTS` becomes PROGRAM, and Linux ends it with its parent."""
# ruff: noqa: T201 - what is wrong is said on stderr, where the host reads it.

from __future__ import annotations

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main() -> None:
    """Replace this process; ends with code 127 when that cannot be done."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    try:
        os.execv(sys.argv[1], sys.argv[1:])  # noqa: S606 - the app's own program
    except OSError as error:
        print(f"{sys.argv[1]}: {error.strerror}", file=sys.stderr)
        sys.exit(127)


if __name__ == "__main__":
    main()
