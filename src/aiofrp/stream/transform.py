"""Bytes-to-bytes layers (AES-CFB, snappy, a byte meter), any number fused in one stream node."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from aiofrp.errors import RemoteProtocolError
from aiofrp.stream.base import Buffer, Pause, Stream
from aiofrp.stream.layer import LayerStream
from aiofrp.wire.transforms.base import Transform


def through(stream: Stream, transforms: Sequence[Transform]) -> Stream:
    """A stream whose bytes pass through ``transforms``, the one nearest to the wire first; ``stream`` itself when there
    are none."""
    return TransformStream(stream, transforms) if transforms else stream


class TransformStream(LayerStream):
    """A stream whose bytes pass through transforms; flow control and ends pass through unchanged."""

    __slots__ = ("_decoders", "_encoders", "_lower")

    def __init__(self, lower: Stream, transforms: Sequence[Transform]) -> None:
        super().__init__()
        self._lower = lower
        self._decoders = tuple(transform.decode for transform in transforms)
        self._encoders = tuple(transform.encode for transform in reversed(transforms))
        lower.attach(self)

    # Receiver of the carrier

    def data_received(self, data: Buffer, /) -> None:
        try:
            for decode in self._decoders:
                data = decode(data)
        except RemoteProtocolError as exc:
            self._deliver_lost(exc)
            self._lower.abort()
            return
        if data:
            self._deliver(data)

    def eof_received(self) -> None:
        self._deliver_eof()

    def connection_lost(self, exc: Exception | None, /) -> None:
        self._deliver_lost(exc)

    def pause_writing(self) -> None:
        self._pause_writer()

    def resume_writing(self) -> None:
        self._resume_writer()

    # Stream

    def write(self, data: Buffer, /) -> None:
        for encode in self._encoders:
            data = encode(data)
        if data:
            self._lower.write(data)

    def write_eof(self) -> None:
        self._lower.write_eof()

    def close(self) -> None:
        self._end_locally()
        self._lower.close()

    def abort(self) -> None:
        self._end_locally()
        self._lower.abort()

    def info(self, key: str, /) -> Any:
        below = self._lower.info(key)
        return ("transform", *below) if key == "layers" else below

    # Private

    def _gate_closed(self) -> None:
        self._lower.pause_reading(Pause.PEER)

    def _gate_opened(self) -> None:
        self._lower.resume_reading(Pause.PEER)
