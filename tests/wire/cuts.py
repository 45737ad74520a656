"""Cuts a stream into chunks."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise


def chunks(stream: bytes, cuts: list[int]) -> Iterator[memoryview]:
    """The parts of ``stream`` between the positions in ``cuts``, in order; some may be empty."""
    edges = sorted([0, *(min(cut, len(stream)) for cut in cuts), len(stream)])
    for start, end in pairwise(edges):
        yield memoryview(stream)[start:end]
