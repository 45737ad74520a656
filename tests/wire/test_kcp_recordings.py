"""KCP sessions recorded between two reference programs, decoded from their datagrams to what users sent."""

from __future__ import annotations

import random
from collections import defaultdict
from typing import Any

import pytest

from aiofrp.errors import RemoteProtocolError
from aiofrp.wire.frp.codec import V1
from aiofrp.wire.frp.messages import Login, LoginResp, NewWorkConn
from aiofrp.wire.kcp.core import KcpCore
from aiofrp.wire.kcp.fec import FecDecoder, segments_of
from aiofrp.wire.kcp.segment import first_segment
from aiofrp.wire.yamux import FrameDecoder
from tests.wire.vectors import load

SESSION = load("kcp_session")
SLOW = load("kcp_slow_session")
PARITY = 0x00F2


def flows(recording: dict[str, Any]) -> dict[tuple[int, str], list[bytes]]:
    """Datagrams by flow and direction."""
    found: dict[tuple[int, str], list[bytes]] = defaultdict(list)
    for datagram in recording["datagrams"]:
        found[datagram["flow"], datagram["dir"]].append(bytes.fromhex(datagram["hex"]))
    return found


def stream_of(datagrams: list[bytes]) -> bytes:
    """What the receiver of these datagrams reads."""
    opening = next(first for datagram in datagrams if (first := first_segment(segments_of(datagram))))
    core, decoder = KcpCore(opening[0], 0), FecDecoder()
    data = b""
    for datagram in datagrams:
        segments = decoder.receive_data(datagram)
        if segments is not None:
            core.receive_data(segments, 0)
        for rebuilt in decoder.take_recovered():
            core.receive_data(rebuilt, 0, recovered=True)
        core.data_to_send(0)
        data += core.take()
    return data


def payloads(stream: bytes) -> dict[int, bytes]:
    """What each yamux stream carried."""
    found: dict[int, bytes] = defaultdict(bytes)
    for _, _, number, _, payload in FrameDecoder().receive_data(stream):
        found[number] += payload
    return found


def is_parity(datagram: bytes) -> bool:
    return int.from_bytes(datagram[4:6], "little") == PARITY


def users(work: dict[int, bytes], messages: int) -> list[bytes]:
    """What follows the first ``messages`` of each work connection that carried a user."""
    found = []
    for number, data in sorted(work.items()):
        if number == 1:
            continue
        decoder = V1.decoder()
        decoder.receive_one(data)
        for _ in range(messages - 1):
            decoder.receive_one()
        if rest := decoder.leftover():
            found.append(rest)
    return found


@pytest.mark.parametrize(("direction", "first"), [("c2s", Login), ("s2c", LoginResp)])
def test_users_bytes_come_out_of_the_datagrams(direction: str, first: type) -> None:
    carried = payloads(stream_of(flows(SESSION)[1, direction]))
    assert isinstance(V1.decoder().receive_one(carried[1]), first)
    assert users(carried, 1) == [bytes.fromhex(payload) for payload in SESSION["user_payloads_hex"]]


@pytest.mark.parametrize("direction", ["c2s", "s2c"])
def test_parity_rebuilds_what_is_taken_out(direction: str) -> None:
    """Of each complete group two datagrams are withheld; the stream must not show it."""
    datagrams = flows(SESSION)[1, direction]
    whole = stream_of(datagrams)
    groups = defaultdict(list)
    for datagram in datagrams:
        groups[int.from_bytes(datagram[:4], "little") // 13].append(datagram)
    complete = [group for group in groups.values() if sum(map(is_parity, group)) == 3]
    assert complete
    dice = random.Random(1)
    withheld = {datagram for group in complete for datagram in dice.sample(group[1:-1], 2)}
    assert any(not is_parity(datagram) for datagram in withheld)
    assert stream_of([datagram for datagram in datagrams if datagram not in withheld]) == whole


@pytest.mark.parametrize("direction", ["c2s", "s2c"])
def test_order_and_repetition_do_not_matter(direction: str) -> None:
    datagrams = flows(SESSION)[1, direction]
    mixed = [*datagrams[:1], *datagrams]
    random.Random(2).shuffle(mixed)
    assert stream_of(mixed) == stream_of(datagrams)


def test_sparse_traffic_has_numbers_without_gaps_and_no_parity() -> None:
    for datagrams in flows(SLOW).values():
        assert not any(map(is_parity, datagrams))
        assert [int.from_bytes(datagram[:4], "little") for datagram in datagrams] == list(
            range(len(datagrams))
        )


def test_each_flow_of_the_sparse_session_is_a_logical_connection() -> None:
    firsts = set()
    for (_, direction), datagrams in flows(SLOW).items():
        stream = stream_of(datagrams)
        if direction == "c2s":
            firsts.add(type(V1.decoder().receive_one(stream)))
    assert firsts == {Login, NewWorkConn}


def test_another_conversations_datagrams_are_refused() -> None:
    core = KcpCore(1, 0)
    for datagram in flows(SESSION)[1, "c2s"]:
        if not is_parity(datagram):
            with pytest.raises(RemoteProtocolError):
                core.receive_data(segments_of(datagram), 0)
    assert core.take() == b""
