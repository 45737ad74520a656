"""Frames of HTTP/2: taken apart in any cuts, refused as soon as they announce too much; settings made harmless."""

from __future__ import annotations

import h2.connection
import pytest
from h2.config import H2Configuration
from hyperframe.frame import SettingsFrame
from hypothesis import given
from hypothesis import strategies as st

from aiofrp.errors import RemoteProtocolError
from aiofrp.wire.http.h2.frames import (
    HEADER,
    MAX_ENCODER_TABLE,
    MAX_FRAME,
    MAX_SETTINGS,
    SETTINGS,
    CalmDown,
    Frame,
    FrameReader,
    FrameTooLong,
    bounded_settings,
)
from tests.wire.cuts import chunks

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"


def conversation() -> bytes:
    """What a client says: preface, settings, a request, data up to the limit."""
    client = h2.connection.H2Connection(H2Configuration(client_side=True))
    client.initiate_connection()
    head = [(":method", "POST"), (":scheme", "http"), (":authority", "a"), (":path", "/")]
    client.send_headers(1, head)
    client.send_data(1, bytes(MAX_FRAME))
    client.send_data(1, b"", end_stream=True)
    return client.data_to_send()


SAID = conversation()


def read(reader: FrameReader, data: bytes | memoryview) -> list[Frame]:
    reader.receive_data(data)
    frames = []
    while (frame := reader.next_frame()) is not None:
        frames.append(frame)
    return frames


@given(st.lists(st.integers(0, len(SAID)), max_size=20))
def test_what_h2_says_comes_out_in_any_cuts(cuts: list[int]) -> None:
    reader, frames = FrameReader(PREFACE), []
    for part in chunks(SAID, cuts):
        frames += read(reader, part)
    assert PREFACE + b"".join(frame.data for frame in frames) == SAID
    assert [(frame.kind, frame.stream) for frame in frames] == [(4, 0), (1, 1), (0, 1), (0, 1)]
    assert len(frames[2].payload) == MAX_FRAME
    assert frames[3].flags == 1
    assert len(reader) == 0


@pytest.mark.parametrize("length", [MAX_FRAME + 1, (1 << 24) - 1])
@pytest.mark.parametrize("step", [1, 1 << 20])
def test_too_much_is_refused_when_announced(length: int, step: int) -> None:
    reader = FrameReader(PREFACE)
    data = SAID + length.to_bytes(3)
    for start in range(0, len(data) - 1, step):
        read(reader, data[start : min(start + step, len(data) - 1)])
    with pytest.raises(FrameTooLong, match=str(length)):
        read(reader, data[-1:])


@pytest.mark.parametrize("position", [0, 10, 23])
def test_another_preface_is_refused_at_its_first_wrong_byte(position: int) -> None:
    reader = FrameReader(PREFACE)
    assert read(reader, PREFACE[:position]) == []
    with pytest.raises(RemoteProtocolError, match="preface"):
        read(reader, b"x")


def settings(*pairs: tuple[int, int]) -> Frame:
    payload = b"".join(name.to_bytes(2) + value.to_bytes(4) for name, value in pairs)
    data = len(payload).to_bytes(3) + bytes((SETTINGS, 0, 0, 0, 0, 0)) + payload
    return Frame(SETTINGS, 0, 0, data)


def test_settings_nobody_knows_and_tables_without_end_are_left_out() -> None:
    data = bounded_settings(settings((0x0A0A, 1), (1, 1 << 31), (4, 70_000), (9, 9)))
    frame, length = SettingsFrame.parse_frame_header(memoryview(data[:HEADER]))
    frame.parse_body(memoryview(data[HEADER:]))
    assert length == len(data) - HEADER
    assert isinstance(frame, SettingsFrame)
    assert frame.settings == {1: MAX_ENCODER_TABLE, 4: 70_000}


def test_settings_have_a_number() -> None:
    bounded_settings(settings(*[(4, 1)] * MAX_SETTINGS))
    with pytest.raises(CalmDown):
        bounded_settings(settings(*[(4, 1)] * (MAX_SETTINGS + 1)))


def test_settings_of_a_wrong_length_are_left_to_h2() -> None:
    frame = Frame(SETTINGS, 0, 0, b"\0\0\5\4\0\0\0\0\0abcde")
    assert bounded_settings(frame) == frame.data
