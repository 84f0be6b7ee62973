"""Text that comes in pieces becomes lines.

A carriage return ends a line too: .NET, by which Azure's host reads what workers print, has it so, and a progress bar that
writes over its line is then seen while it grows. What it leaves empty is no line, as nothing is seen of it on a terminal.
"""

from __future__ import annotations

import re

# A line has any length, and what never ends is passed on in pieces of about this many characters.
LONGEST = 16 * 1024 * 1024
_END = re.compile(r"\r*\n|\r+")


class Lines:
    """One stream. False when nothing of it has to be kept."""

    __slots__ = ("_pieces", "_shown", "_size", "is_ahead")

    def __init__(self) -> None:
        self._pieces: list[str] = []
        self._size = 0
        # The line that has just been given may still get its line feed.
        self._shown = False
        # A part of the line that is under way was given before its end.
        self.is_ahead = False

    def __bool__(self) -> bool:
        return self._shown or self.is_ahead or bool(self._pieces)

    def take(self, text: str) -> list[str]:
        """The lines that this text ends."""
        lines: list[str] = []
        start = 0
        for end in _END.finditer(text):
            line = self.rest() + text[start : end.start()]
            start = end.end()
            feeds = text[start - 1] == "\n"
            if line or self.is_ahead or (feeds and not self._shown):
                lines.append(line)
            self.is_ahead = False
            self._shown = not feeds and bool(line or self._shown)
        if start < len(text):
            self._shown = False
            self._pieces.append(text[start:])
            self._size += len(text) - start
            if self._size >= LONGEST:
                lines.append(self.rest())
                self._shown = True
                self.is_ahead = False
        return lines

    def ahead(self) -> str:
        """What has no end yet, given before it has: the next line goes on with it."""
        text = self.rest()
        self.is_ahead = self.is_ahead or bool(text)
        return text

    def rest(self) -> str:
        """What has no end yet, which is then forgotten here."""
        text = "".join(self._pieces)
        self._pieces.clear()
        self._size = 0
        return text
