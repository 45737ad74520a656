"""Our packets are those of asyncssh's ciphers, in both directions."""

from __future__ import annotations

import pytest
from asyncssh.encryption import ChachaEncryption, GCMEncryption
from cryptography.exceptions import InvalidTag

from aiofrp.errors import RemoteProtocolError
from aiofrp.server.ssh.ciphers import TAG, ChaChaPackets, GcmPackets
from aiofrp.server.ssh.protocol.fields import uint32

PACKETS = [bytes([4]) + b"x" * size + bytes(4) for size in (11, 27, 4995, 1000)]


def exchange(ours: GcmPackets | ChaChaPackets, opens: GcmPackets | ChaChaPackets, theirs: object) -> None:
    """Each packet sealed by ours is opened by theirs, and the reverse; a changed one is opened by neither."""
    for seq, packet in enumerate(PACKETS):
        header = len(packet).to_bytes(4, "big")
        sealed, mac = ours.encrypt_packet(seq, header, packet)
        whole = sealed + mac
        assert whole == b"".join(theirs.encrypt_packet(seq, header, packet))  # type: ignore[attr-defined]
        assert [opens.cut(b"12" + whole[:size], 2, seq, 5000) for size in (0, 3, 4, len(whole) - 1)] == [
            None
        ] * 4
        assert opens.cut(b"12" + whole + b"next", 2, seq, 5000) == packet
    whole = b"".join(ours.encrypt_packet(9, header, packet))
    with pytest.raises(InvalidTag):
        opens.cut(whole[:-1] + bytes([whole[-1] ^ 1]), 0, 9, 5000)
    with pytest.raises(RemoteProtocolError, match="1005 bytes, 1000 are allowed"):
        opens.cut(b"".join(ours.encrypt_packet(3, header, packet)), 0, 3, 1000)
    with pytest.raises(RemoteProtocolError, match="a packet of 4 bytes"):
        opens.cut(b"".join(ours.encrypt_packet(3, uint32(4), b"abcd")), 0, 3, 1000)


def test_gcm() -> None:
    key, nonce = bytes(range(16)), bytes(4) + b"\xff" * 7 + b"\xfe"  # the counter overflows
    theirs = GCMEncryption.new("aes128-gcm", key, nonce)
    exchange(GcmPackets(key, nonce), GcmPackets(key, nonce), theirs)


def test_chacha() -> None:
    key = bytes(range(64))
    theirs = ChachaEncryption.new("chacha20-poly1305", key, b"")
    exchange(ChaChaPackets(key[:32], key[32:]), ChaChaPackets(key[:32], key[32:]), theirs)


def test_the_slow_way_opens_the_same() -> None:
    """As asyncssh calls it: the first block, the rest, the tag."""
    for seal, opens in (
        (GcmPackets(bytes(16), bytes(12)), GcmPackets(bytes(16), bytes(12))),
        (ChaChaPackets(bytes(32), bytes(32)), ChaChaPackets(bytes(32), bytes(32))),
    ):
        packet = PACKETS[-1]
        whole = b"".join(seal.encrypt_packet(5, len(packet).to_bytes(4, "big"), packet))
        first, header = opens.decrypt_header(5, whole[:16], 4)
        assert int.from_bytes(header, "big") == len(packet)
        assert opens.decrypt_packet(5, first, whole[16:-TAG], 4, whole[-TAG:]) == packet
