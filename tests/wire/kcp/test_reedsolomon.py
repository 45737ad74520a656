"""The erasure code: its matrix, the reference's shards, and every way to lose shards."""

from __future__ import annotations

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiofrp.wire.kcp.reedsolomon import (
    DATA_SHARDS,
    PARITY_ROWS,
    PARITY_SHARDS,
    encode,
    invert,
    multiply,
    recover,
)
from tests.wire.vectors import load

RECORDED = load("reed_solomon_10_3")
ALL = DATA_SHARDS + PARITY_SHARDS


def power(base: int, exponent: int) -> int:
    result = 1
    for _ in range(exponent):
        result = multiply(result, base)
    return result


def product(a: list[list[int]], b: list[list[int]]) -> list[list[int]]:
    result = [[0] * len(b[0]) for _ in a]
    for i, row in enumerate(a):
        for k, factor in enumerate(row):
            for j, value in enumerate(b[k]):
                result[i][j] ^= multiply(factor, value)
    return result


def test_the_matrix_is_the_vandermonde_matrix_made_systematic() -> None:
    vandermonde = [[power(row, column) for column in range(DATA_SHARDS)] for row in range(ALL)]
    matrix = product(vandermonde, invert(vandermonde[:DATA_SHARDS]))
    identity = [[int(i == j) for j in range(DATA_SHARDS)] for i in range(DATA_SHARDS)]
    assert matrix[:DATA_SHARDS] == identity
    assert [tuple(row) for row in matrix[DATA_SHARDS:]] == list(PARITY_ROWS)
    assert [list(row) for row in PARITY_ROWS] == RECORDED["parity_rows"]


def test_an_inverse_needs_rows_swapped() -> None:
    assert product(invert([[0, 2], [3, 0]]), [[0, 2], [3, 0]]) == [[1, 0], [0, 1]]


@pytest.mark.parametrize("vector", RECORDED["vectors"], ids=lambda vector: str(vector["shard_len"]))
def test_parity_is_the_references(vector: dict[str, list[str]]) -> None:
    shards = [bytes.fromhex(shard) for shard in vector["shards"]]
    assert encode(shards[:DATA_SHARDS]) == shards[DATA_SHARDS:]


def test_any_ten_of_thirteen_give_all() -> None:
    shards = [bytes.fromhex(shard) for shard in RECORDED["vectors"][1]["shards"]]
    for lost in combinations(range(ALL), PARITY_SHARDS):
        left = {index: shard for index, shard in enumerate(shards) if index not in lost}
        expected = {index: shards[index] for index in lost if index < DATA_SHARDS}
        assert recover(left) == expected


@given(
    data=st.lists(st.binary(min_size=1, max_size=60), min_size=DATA_SHARDS, max_size=DATA_SHARDS),
    lost=st.sets(st.integers(0, ALL - 1), max_size=PARITY_SHARDS),
)
def test_shards_of_different_lengths(data: list[bytes], lost: set[int]) -> None:
    size = max(map(len, data))
    shards = [*data, *encode(data)]
    recovered = recover({index: shard for index, shard in enumerate(shards) if index not in lost})
    known = {index for index in range(ALL) if index not in lost}
    size = max(len(shards[index]) for index in known)
    for index in lost & set(range(DATA_SHARDS)):
        assert recovered[index] == shards[index].ljust(size, b"\0")[:size]
