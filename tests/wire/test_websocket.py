"""WebSocket frames: the standard's examples, recorded sessions, cuts, endings, broken rules."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiofrp.errors import RemoteProtocolError
from aiofrp.wire.websocket import Buffer, Close, WebSocketCodec
from tests.wire.cuts import chunks
from tests.wire.test_recordings import check_connection, streams
from tests.wire.vectors import load

MASK = b"\x37\xfa\x21\x3d"  # RFC 6455 §5.7


def masked(frame: bytes, mask: bytes = MASK) -> bytes:
    """A short unmasked frame as a client sends it."""
    payload = bytes(byte ^ mask[i % 4] for i, byte in enumerate(frame[2:]))
    return bytes((frame[0], frame[1] | 0x80)) + mask + payload


def sent(side: WebSocketCodec, data: Buffer) -> bytes:
    header, payload = side.frame(data)
    return header + payload


def server() -> WebSocketCodec:
    return WebSocketCodec(client=False)


def client() -> WebSocketCodec:
    return WebSocketCodec(client=True)


# Golden bytes


@pytest.mark.parametrize(
    ("frames", "payload"),
    [
        (b"\x81\x05Hello", b"Hello"),
        (b"\x01\x03Hel\x80\x02lo", b"Hello"),
        (b"\x82\x7e\x01\x00" + bytes(256), bytes(256)),
        (b"\x82\x7f" + (65536).to_bytes(8, "big") + bytes(65536), bytes(65536)),
        (b"\x82\x00", b""),
    ],
)
def test_examples_of_the_standard(frames: bytes, payload: bytes) -> None:
    assert client().receive_data(frames) == payload


def test_the_masked_example_of_the_standard() -> None:
    assert server().receive_data(b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58") == b"Hello"
    assert server().receive_data(masked(b"\x81\x05Hello")) == b"Hello"


def unwrapped() -> dict[str, Any]:
    """The recorded session without its websocket; both roles of the handshake are tested elsewhere."""
    session: dict[str, Any] = load("session_websocket")
    sides = {"c2s": server(), "s2c": client()}
    ended = []
    for event in session["events"]:
        if event["event"] == "data":
            data = bytes.fromhex(event["hex"])
            if data.startswith((b"GET ", b"HTTP/")):
                data = b""
            event["hex"] = bytes(sides[event["dir"]].receive_data(data)).hex()
        ended.append(sides["s2c"].peer_close)
    assert ended[-1] == Close(1000)
    assert sides["c2s"].peer_close is None
    return session


def test_a_session_of_the_reference() -> None:
    session = unwrapped()
    session["layered"] = False
    wires = streams(session["events"], tcp_mux=True)
    checked = [entry for entry in session["decoded"]["events"] if "first" in entry]
    assert len(checked) == 3
    for entry in checked:
        check_connection(session, entry, wires[entry["conn"], entry["stream"]])


def test_what_a_server_sends_is_what_the_reference_sent() -> None:
    """A server's frames are not masked, so ours must be the same bytes."""
    recorded = [
        bytes.fromhex(e["hex"])
        for e in load("session_websocket")["events"]
        if e.get("dir") == "s2c" and "hex" in e
    ]
    reader, writer = client(), server()
    for frames in recorded[1:]:
        again = b""
        while frames:
            size = 2 + frames[1]
            payload = reader.receive_data(frames[:size])
            again += sent(writer, payload) if reader.peer_close is None else writer.close()
            assert again[-size:] == frames[:size]
            frames = frames[size:]


# Round trips and cuts


@pytest.mark.parametrize("dialler", [True, False])
@pytest.mark.parametrize("size", [0, 1, 3, 4, 5, 125, 126, 127, 65535, 65536, 200_001])
def test_every_length(size: int, dialler: bool) -> None:
    data = random.Random(size).randbytes(size)
    writer, reader = WebSocketCodec(client=dialler), WebSocketCodec(client=not dialler)
    assert reader.receive_data(sent(writer, data)) == data
    assert reader.receive_data(sent(writer, memoryview(data))) == data


@pytest.mark.parametrize("dialler", [True, False])
@given(
    messages=st.lists(st.integers(0, 300) | st.sampled_from([70_000]), max_size=5),
    cuts=st.lists(st.integers(0, 2000), max_size=8),
    pings=st.booleans(),
)
def test_any_cuts(messages: list[int], cuts: list[int], pings: bool, dialler: bool) -> None:
    writer, reader = WebSocketCodec(client=dialler), WebSocketCodec(client=not dialler)
    payloads = [random.Random(size).randbytes(size) for size in messages]
    ping = b"\x89\x02hi"
    wire = b""
    for payload in payloads:
        wire += sent(writer, payload) + ((masked(ping) if dialler else ping) if pings else b"")
    received = b"".join(reader.receive_data(chunk) for chunk in chunks(wire + writer.close(), cuts))
    assert received == b"".join(payloads)
    assert reader.peer_close == Close(1000)


@pytest.mark.parametrize("dialler", [True, False])
def test_byte_by_byte(dialler: bool) -> None:
    writer, reader = WebSocketCodec(client=dialler), WebSocketCodec(client=not dialler)
    data = random.Random(1).randbytes(700)
    wire = sent(writer, data) + sent(writer, data[:3]) + writer.close()
    assert b"".join(reader.receive_data(wire[i : i + 1]) for i in range(len(wire))) == data + data[:3]
    assert reader.peer_close == Close(1000)


def test_fragments_with_a_ping_between() -> None:
    reader = server()
    wire = masked(b"\x01\x03Hel") + masked(b"\x89\x01!") + masked(b"\x00\x01l") + masked(b"\x80\x01o")
    assert reader.receive_data(wire + masked(b"\x82\x01.")) == b"Hello."
    assert reader.data_to_send() == b"\x8a\x01!"


def test_payload_comes_before_its_frame_is_complete() -> None:
    """However long a frame says it is, nothing of it is kept."""
    reader = client()
    assert reader.receive_data(b"\x82\x7f" + (2**63 - 1).to_bytes(8, "big") + b"abc") == b"abc"
    assert reader.receive_data(b"def" * 20_000) == b"def" * 20_000
    assert reader._rest == b""


def test_masks_differ() -> None:
    side = client()
    assert len({side.frame(b"same")[0] for _ in range(20)}) > 1


# Pings and pongs


@pytest.mark.parametrize("dialler", [True, False])
def test_every_ping_is_answered_in_order(dialler: bool) -> None:
    writer, reader = WebSocketCodec(client=dialler), WebSocketCodec(client=not dialler)
    pings = [b"", b"a", bytes(125)]
    for content in pings:
        assert not reader.receive_data(b"".join(writer._frame(9, content)))
    answers = reader.data_to_send()
    assert reader.data_to_send() == b""
    sizes = [2 + len(content) + (0 if dialler else 4) for content in pings]
    assert len(answers) == sum(sizes)
    assert answers[::1][0] == 0x8A
    if dialler:
        assert answers == b"\x8a\x00" + b"\x8a\x01a" + b"\x8a\x7d" + bytes(125)


def test_pongs_are_ignored() -> None:
    reader = client()
    assert reader.receive_data(b"\x8a\x02hi\x82\x01x") == b"x"
    assert reader.data_to_send() == b""


def test_answers_nobody_takes_are_few() -> None:
    reader = client()
    for number in range(1000):
        reader.receive_data(b"\x89\x02" + number.to_bytes(2, "big"))
    assert len(reader._pongs) == 16
    answers = reader.data_to_send()
    newest = server()
    newest.receive_data(answers)
    assert len(answers) == 16 * 8


# Ends


def test_close_without_status() -> None:
    reader = client()
    reader.receive_data(b"\x88\x00")
    assert reader.peer_close == Close(1005)
    assert reader.peer_close.orderly


@pytest.mark.parametrize(
    ("status", "orderly"), [(1000, True), (1001, True), (1002, False), (1011, False), (4999, False)]
)
def test_close_with_status_and_reason(status: int, orderly: bool) -> None:
    reader = client()
    reader.receive_data(b"\x88\x05" + status.to_bytes(2, "big") + b"why")
    assert reader.peer_close == Close(status, "why")
    assert reader.peer_close.orderly is orderly


def test_nothing_follows_a_close_frame() -> None:
    reader = client()
    assert reader.receive_data(b"\x82\x01a\x88\x00\x82\x01b\xff\xff") == b"a"
    assert reader.receive_data(b"\x82\x01c") == b""


def test_the_other_direction_goes_on_after_a_close_frame() -> None:
    near, far = client(), server()
    far.receive_data(near.close())
    assert near.receive_data(sent(far, b"late")) == b"late"
    near.receive_data(far.close())
    assert near.peer_close == far.peer_close == Close(1000)


def test_only_one_close_frame_and_no_pong_after_it() -> None:
    side = server()
    side.receive_data(masked(b"\x89\x01a"))
    assert side.close() == b"\x88\x02\x03\xe8"
    assert side.close() == b""
    assert side.data_to_send() == b""


# Broken rules


@pytest.mark.parametrize(
    ("frames", "status"),
    [
        (masked(b"\x82\x01x"), 1002),  # a server masks
        (b"\xc2\x01x", 1002),  # reserved bits
        (b"\xa2\x01x", 1002),
        (b"\x92\x01x", 1002),
        (b"\x83\x00", 1002),  # unknown opcodes
        (b"\x87\x00", 1002),
        (b"\x8b\x00", 1002),
        (b"\x8f\x00", 1002),
        (b"\x80\x01x", 1002),  # nothing to continue
        (b"\x02\x01x\x82\x01y", 1002),  # a message within another
        (b"\x02\x01x\x80\x01y\x80\x01z", 1002),
        (b"\x09\x00", 1002),  # control frames in fragments
        (b"\x08\x00", 1002),
        (b"\x89\x7e\x00\x7e", 1002),  # or too long
        (b"\x88\x7f", 1002),
        (b"\x82\x7f\x80" + bytes(7), 1002),  # a length without end
        (b"\x88\x01\x03", 1002),  # half a status
        (b"\x88\x02\x03\xe7", 1002),  # statuses nobody may send
        (b"\x88\x02\x03\xec", 1002),
        (b"\x88\x02\x03\xed", 1002),
        (b"\x88\x02\x03\xee", 1002),
        (b"\x88\x02\x03\xf7", 1002),
        (b"\x88\x02\x07\xd0", 1002),
        (b"\x88\x02\x13\x88", 1002),
        (b"\x88\x04\x03\xe8\xff\xff", 1007),  # a reason that is no text
    ],
)
def test_broken_rules(frames: bytes, status: int) -> None:
    for cuts in ([], list(range(len(frames)))):
        side = client()
        with pytest.raises(RemoteProtocolError, match="websocket: "):
            b"".join(side.receive_data(chunk) for chunk in chunks(frames, cuts))
        told = server()
        told.receive_data(side.data_to_send())
        assert told.peer_close == Close(status)
        assert side.receive_data(b"\x82\x01x") == b""
        assert side.data_to_send() == b""


def test_a_client_that_does_not_mask() -> None:
    side = server()
    with pytest.raises(RemoteProtocolError, match="frames of a client are masked"):
        side.receive_data(b"\x82\x01x")
    assert side.data_to_send() == b"\x88\x02\x03\xea"
