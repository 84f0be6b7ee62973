"""`python -m funcjson` is the `funcjson` command."""

import sys

from funcjson.cli import main

sys.exit(main())
