"""Digests and keys against the values of the reference."""

from __future__ import annotations

from typing import Any

import pytest

from aiofrp.wire.frp.auth import derive_key, matches, sign_key, token_digest
from tests.wire.vectors import load


@pytest.mark.parametrize("vector", load("auth_digest")["vectors"], ids=lambda vector: vector["key"])
def test_token_digest(vector: dict[str, Any]) -> None:
    assert token_digest(vector["token"], vector["timestamp"]) == vector["key"]


@pytest.mark.parametrize("vector", load("sign_key")["vectors"], ids=lambda vector: vector["sign_key"])
def test_sign_key(vector: dict[str, Any]) -> None:
    assert sign_key(vector["secret_key"], vector["timestamp"]) == vector["sign_key"]


def test_derive_key() -> None:
    keys = {vector["token"]: vector["derived_key"] for vector in load("aes_cfb")["vectors"]}
    assert len(keys) > 1
    assert {token: derive_key(token).hex() for token in keys} == keys


@pytest.mark.parametrize(
    ("presented", "same"), [("abc", True), ("abd", False), ("", False), ("пароль", False)]
)
def test_matches(presented: str, same: bool) -> None:
    assert matches(presented, "abc") is same
