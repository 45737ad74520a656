"""What a parser made of the heads that came lately: most heads repeat one before, and need not be parsed again."""

from __future__ import annotations

from typing import Generic, TypeVar

T = TypeVar("T")

#: Texts whose results are kept, and the bytes and the fields of the longest such text: together some 1 MiB at most.
MAX_RECENT, MAX_TEXT, MAX_FIELDS = 128, 2048, 32


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

    def add(self, text: bytes, result: T, fields: int) -> None:
        """Keep the ``result`` of ``text``, which has so many ``fields``, unless it is too large. All others are dropped
        when there are too many."""
        if len(text) > MAX_TEXT or fields > MAX_FIELDS:
            return
        if len(self._results) >= MAX_RECENT:
            self._results.clear()
        self._results[text] = result
