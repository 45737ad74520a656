"""Every case of the table in docs/protocol/nat.md §1."""

from __future__ import annotations

import pytest

from aiofrp.errors import RemoteProtocolError
from aiofrp.nat.classify import Nat, classify


@pytest.mark.parametrize(
    ("mapped", "expected"),
    [
        (["1.1.1.1:40", "1.1.1.1:40"], Nat("EasyNAT", "BehaviorNoChange", 0, False, False)),
        (["1.1.1.1:40", "1.1.1.2:40"], Nat("HardNAT", "BehaviorIPChanged", 0, False, False)),
        (["1.1.1.1:40", "1.1.1.1:41"], Nat("HardNAT", "BehaviorPortChanged", 1, True, False)),
        (["1.1.1.1:45", "1.1.1.1:40"], Nat("HardNAT", "BehaviorPortChanged", 5, True, False)),
        (["1.1.1.1:40", "1.1.1.1:46"], Nat("HardNAT", "BehaviorPortChanged", 6, False, False)),
        (["1.1.1.1:40", "1.1.1.2:41"], Nat("HardNAT", "BehaviorBothChanged", 0, False, False)),
        (["1.1.1.1:40", "1.1.1.1:40", "1.1.1.1:43"], Nat("HardNAT", "BehaviorPortChanged", 3, True, False)),
    ],
)
def test_table(mapped: list[str], expected: Nat) -> None:
    assert classify(mapped, ["10.0.0.1"]) == expected
    public = Nat(expected.type, expected.behavior, expected.ports_difference, expected.regular, public=True)
    assert classify(mapped, ["10.0.0.1", mapped[-1].rpartition(":")[0]]) == public


@pytest.mark.parametrize(
    ("mapped", "error"),
    [
        ([], "not enough addresses"),
        (["1.1.1.1:40"], "not enough addresses"),
        (["1.1.1.1:40", "1.1.1.1"], "address 1.1.1.1: missing port in address"),
        (["1.1.1.1:40", "name:1"], "not an IPv4 address with a port"),
    ],
)
def test_errors(mapped: list[str], error: str) -> None:
    with pytest.raises(RemoteProtocolError, match=error):
        classify(mapped, [])
