"""Groups of datagrams: framing, when parity is sent, what is rebuilt and what must not be."""

from __future__ import annotations

import random
from itertools import combinations

import pytest

from aiofrp.errors import RemoteProtocolError
from aiofrp.wire.kcp.fec import FecDecoder, FecEncoder, segments_of

DATA, PARITY = b"\xf1\x00", b"\xf2\x00"


def packets(count: int, seed: int = 1) -> list[bytes]:
    dice = random.Random(seed)
    return [dice.randbytes(dice.randint(24, 1350)) for _ in range(count)]


def encoder(parity: bool = True) -> FecEncoder:
    made = FecEncoder()
    made.parity = parity
    return made


def number(datagram: bytes) -> int:
    return int.from_bytes(datagram[:4], "little")


def received(decoder: FecDecoder, datagrams: list[bytes]) -> list[bytes]:
    """The segments of all of them, rebuilt ones included, sorted."""
    found = []
    for datagram in datagrams:
        segments = decoder.receive_data(datagram)
        found += decoder.take_recovered() if segments is None else [bytes(segments)]
        found += decoder.take_recovered()
    return sorted(found)


def test_a_data_datagram() -> None:
    datagrams = encoder().encode([b"segments", b"more"], 0)
    assert datagrams == [
        b"\x00\x00\x00\x00\xf1\x00\x0a\x00segments",
        b"\x01\x00\x00\x00\xf1\x00\x06\x00more",
    ]
    assert [segments_of(datagram) for datagram in datagrams] == [b"segments", b"more"]


def test_three_parity_datagrams_follow_ten_of_data() -> None:
    datagrams = encoder().encode(packets(25), 0)
    assert [number(datagram) for datagram in datagrams] == list(range(31))
    kinds = [datagram[4:6] for datagram in datagrams]
    assert kinds == ([DATA] * 10 + [PARITY] * 3) * 2 + [DATA] * 5
    longest = max(map(len, datagrams[:10]))
    assert [len(datagram) for datagram in datagrams[10:13]] == [longest] * 3
    assert segments_of(datagrams[10]) == b""


def test_without_parity_its_numbers_are_skipped() -> None:
    datagrams = encoder(parity=False).encode(packets(20), 0)
    assert [number(datagram) for datagram in datagrams] == [*range(10), *range(13, 23)]


def test_parity_begins_with_a_whole_group() -> None:
    sender = encoder(parity=False)
    sender.encode(packets(4), 0)
    sender.parity = True
    kinds = [datagram[4:6] for datagram in sender.encode(packets(16), 0)]
    assert kinds == [DATA] * 16 + [PARITY] * 3


def test_no_parity_for_a_tenth_packet_that_came_late() -> None:
    sender = encoder()
    sender.encode(packets(9), 1000)
    late = sender.encode(packets(1), 1500)
    assert len(late) == 1
    sender.encode(packets(9), 2000)
    assert len(sender.encode(packets(1), 2499)) == 4


def test_numbers_start_again_after_the_last_whole_group() -> None:
    sender = encoder()
    last = 0xFFFFFFFF // 13 * 13
    sender._next = last - 13
    datagrams = sender.encode(packets(11), 0)
    assert [number(datagram) for datagram in datagrams[-4:]] == [last - 3, last - 2, last - 1, 0]


def test_any_three_of_a_group_may_be_lost() -> None:
    sent = packets(10)
    datagrams = encoder().encode(sent, 0)
    first = encoder().encode(packets(10, seed=2), 0)
    for lost in combinations(range(13), 3):
        decoder = FecDecoder()
        received(decoder, first)  # parity was seen: from here on shards are kept
        left = [
            (number(datagram) + 13).to_bytes(4, "little") + datagram[4:]
            for index, datagram in enumerate(datagrams)
            if index not in lost
        ]
        random.Random(str(lost)).shuffle(left)
        assert received(decoder, left) == sorted(sent)


def test_four_lost_stay_lost_and_the_next_group_is_whole() -> None:
    sent = packets(30)
    datagrams = encoder().encode(sent, 0)
    lost = {13, 15, 17, 24, 30}
    left = [datagram for index, datagram in enumerate(datagrams) if index not in lost]
    assert received(FecDecoder(), left) == sorted(set(sent) - {sent[10], sent[12], sent[14]})


def test_groups_may_come_mixed_and_twice() -> None:
    sent = packets(40)
    datagrams = encoder().encode(sent, 0)
    left = [datagram for index, datagram in enumerate(datagrams) if index % 13 not in (0, 4, 7) or index < 13]
    for at in range(13, len(left) - 20, 10):  # neighbours change places
        left[at : at + 20] = [*left[at + 10 : at + 20], *left[at : at + 10]]
    found = received(FecDecoder(), [datagram for datagram in left for _ in range(2)])
    assert sorted(set(found)) == sorted(sent)


def test_a_sender_that_drifts_out_of_step_is_noticed() -> None:
    """It leaves out parity and goes on counting: parity then covers other packets than the numbers say."""
    decoder = FecDecoder()
    sent = packets(50)
    datagrams = encoder().encode(sent, 0)
    received(decoder, datagrams[:13])
    drifted = [(number(datagram) - 3).to_bytes(4, "little") + datagram[4:] for datagram in datagrams[26:]]
    found = received(
        decoder, datagrams[13:22] + drifted[:1] + drifted[3:]
    )  # 23 is data in the place of parity
    data = [datagram for datagram in datagrams[13:22] + drifted[:1] + drifted[3:] if datagram[4:6] == DATA]
    assert found == sorted(datagram[8:] for datagram in data)
    assert not decoder._groups


def test_what_is_kept_is_bounded() -> None:
    decoder = FecDecoder()
    dice = random.Random(3)
    for _ in range(5000):
        place = dice.randrange(13)
        kind = DATA if place < 10 else PARITY
        seqid = dice.randrange(1 << 20) * 13 + place
        decoder.receive_data(seqid.to_bytes(4, "little") + kind + b"\x0a\x00" + bytes(8))
        decoder.take_recovered()
        assert len(decoder._groups) <= 3


def test_a_sender_without_parity_costs_no_memory() -> None:
    decoder, sender = FecDecoder(), encoder(parity=False)
    for datagram in sender.encode(packets(60), 0):
        decoder.receive_data(datagram)
    assert not decoder._recovering
    sender.parity = True
    sent = packets(20, seed=5)
    datagrams = sender.encode(sent, 0)
    assert received(decoder, [*datagrams[:13], *datagrams[16:]]) == sorted(sent)


def test_datagrams_without_header_are_segments() -> None:
    bare = bytes((1, 2, 3, 4, 81, 0)) + bytes(20)
    assert FecDecoder().receive_data(bare) == bare
    assert segments_of(bare) == bare


def test_a_datagram_of_seven_bytes_is_none() -> None:
    with pytest.raises(RemoteProtocolError):
        FecDecoder().receive_data(bytes(7))
    assert segments_of(bytes(7)) == b""


@pytest.mark.parametrize("size", [0, 1, 2, 1355, 0xFFFF])
def test_a_rebuilt_size_that_cannot_be(size: int) -> None:
    """Shards of a hostile sender: the size field of the missing one is nonsense."""
    sent = packets(10)
    sender = encoder()
    datagrams = sender.encode([*packets(10, seed=2), *sent], 0)
    forged = list(datagrams[13:23])
    forged[4] = forged[4][:6] + size.to_bytes(2, "little") + forged[4][8:]
    from aiofrp.wire.kcp.reedsolomon import encode

    parity = encode([datagram[6:] for datagram in forged])
    parities = [(23).to_bytes(4, "little") + PARITY + parity[0]]
    left = [*datagrams[:13], *forged[:4], *forged[5:], *parities]
    found = received(FecDecoder(), left)
    assert len(found) == 19
