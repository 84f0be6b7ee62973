"""An invocation's trace for people and programs: nine steps, masked and bounded."""

from funcjson.trace_view.document import NAMES, VERSION, More, summary, view

__all__ = ["NAMES", "VERSION", "More", "summary", "view"]
