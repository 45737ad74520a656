"""XChaCha20-Poly1305 against published and reference values."""

from __future__ import annotations

import pytest
from cryptography.exceptions import InvalidTag

from aiofrp.wire.transforms.xchacha import XChaCha20Poly1305, hchacha20
from tests.wire.vectors import load


def test_hchacha20_example_of_the_draft() -> None:
    """draft-irtf-cfrg-xchacha-03, section 2.2.1."""
    nonce = bytes.fromhex("000000090000004a0000000031415927")
    subkey = "82413b4227b27bfed30e42508a877d73a0f9e4d58a74a853c12ec41326d3ecdc"
    assert hchacha20(bytes(range(32)), nonce).hex() == subkey


def test_single_seal_of_the_reference() -> None:
    fields = load("v2_crypto")["raw_aead_streams"][-1]
    assert fields.pop("algorithm") == "xchacha20-poly1305-single-seal"
    vector = {name: bytes.fromhex(value) for name, value in fields.items()}
    cipher = XChaCha20Poly1305(vector["key"])
    assert cipher.encrypt(vector["nonce"], vector["plaintext"], vector["aad"]) == vector["ciphertext_and_tag"]
    assert cipher.decrypt(vector["nonce"], vector["ciphertext_and_tag"], vector["aad"]) == vector["plaintext"]


def test_subkey_follows_the_nonce() -> None:
    cipher, low, high = XChaCha20Poly1305(bytes(32)), bytes(24), b"\x01" + bytes(23)
    for nonce in (low, high, low):
        assert cipher.encrypt(nonce, b"x", None) == XChaCha20Poly1305(bytes(32)).encrypt(nonce, b"x", None)
    with pytest.raises(InvalidTag):
        cipher.decrypt(high, cipher.encrypt(low, b"x", None), None)
