"""Our packets are those of asyncssh's ciphers, in both directions."""

from __future__ import annotations

from asyncssh.encryption import ChachaEncryption, GCMEncryption

from aiofrp.server.ssh.ciphers import TAG, ChaChaPackets, GcmPackets

PACKETS = [bytes([4]) + b"x" * size + bytes(4) for size in (11, 27, 1000)]


def exchange(ours: GcmPackets | ChaChaPackets, opens: GcmPackets | ChaChaPackets, theirs: object) -> None:
    """Each packet sealed by ours is opened by theirs, and the reverse; a changed one is opened by neither."""
    for seq, packet in enumerate(PACKETS):
        header = len(packet).to_bytes(4, "big")
        sealed, mac = ours.encrypt_packet(seq, header, packet)
        whole = sealed + mac
        assert whole == b"".join(theirs.encrypt_packet(seq, header, packet))  # type: ignore[attr-defined]
        assert opens.length(seq, whole[:4]) == len(packet)
        assert opens.open(seq, whole[:4], memoryview(whole)[4:]) == packet
    assert opens.open(len(PACKETS), whole[:4], whole[4:-1] + bytes([whole[-1] ^ 1])) is None


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
        packet = PACKETS[2]
        whole = b"".join(seal.encrypt_packet(5, len(packet).to_bytes(4, "big"), packet))
        first, header = opens.decrypt_header(5, whole[:16], 4)
        assert int.from_bytes(header, "big") == len(packet)
        assert opens.decrypt_packet(5, first, whole[16:-TAG], 4, whole[-TAG:]) == packet
