"""The page at /_/: what every binding did, live; its JSON under /_/api/."""

from funcjson.inspector.site import Inspector

__all__ = ["Inspector"]
