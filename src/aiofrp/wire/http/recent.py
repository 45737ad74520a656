"""What a parser made of the heads that came lately: most heads repeat one before, and need not be parsed again."""

from __future__ import annotations

from typing import Generic, TypeVar

T = TypeVar("T")

#: Texts whose results are kept, and the bytes and the lines of the longest such text: 1.5 MiB at most in one
#: :class:`Recent`, as each line takes some 250 bytes.
MAX_RECENT, MAX_TEXT, MAX_LINES = 128, 2048, 32


class Recent(Generic[T]):
    """Results by the text they were made of. Whoever gets one shares it, and must not change it.

    ``get`` is that of a dict: the result for a text, or ``None``.
    """

    __slots__ = ("_results", "get")

    def __init__(self) -> None:
        self._results: dict[bytes, T] = {}  # limited by MAX_RECENT
        self.get = self._results.get

    def __len__(self) -> int:
        return len(self._results)

    def add(self, text: bytes, result: T) -> None:
        """Keep the ``result`` of ``text``, unless it is too large. All others are dropped when there are too many."""
        if len(text) > MAX_TEXT or text.count(b"\n") > MAX_LINES:
            return
        if len(self._results) >= MAX_RECENT:
            self._results.clear()
        self._results[text] = result
