"""How a logical connection opens, either version of the wire protocol: from its first bytes to its first message.

The side that dialled chooses the version; the other side reads it from the first byte (docs/protocol/wire.md §6.2). In
version 2 the two sides of a control connection also exchange hellos, which choose its encryption.
"""

from __future__ import annotations

from typing import Final, Protocol

from aiofrp.errors import RemoteProtocolError
from aiofrp.wire.frp.codec import V1, Codec
from aiofrp.wire.frp.codec2 import CLIENT_HELLO, MAGIC, SERVER_HELLO, V2, CodecV2, DecoderV2, encode_frame
from aiofrp.wire.frp.hello import Bootstrap, accept_server_hello, answer_client_hello, new_client_hello
from aiofrp.wire.frp.jsonbody import encode_body
from aiofrp.wire.frp.messages import Login, Message
from aiofrp.wire.transforms.aead import ALGORITHMS, AeadStream, control_keys, transcript_hash
from aiofrp.wire.transforms.base import Buffer, Transform


class NegotiatedV2(CodecV2):
    """Version 2 after hellos, on one control connection."""

    def __init__(self, algorithm: str, client_hello: bytes, server_hello: bytes) -> None:
        """``algorithm`` is what was chosen; the hellos are the payloads of their frames as sent."""
        self.algorithm = algorithm
        self._transcript = transcript_hash(client_hello, server_hello)

    def control_layer(self, token: str, *, server: bool) -> Transform:
        """The AEAD record stream of this connection, with one key for each direction."""
        up, down = control_keys(token, self.algorithm, self._transcript)
        return AeadStream(self.algorithm, *((down, up) if server else (up, down)))


# The side that dialled


class LoginV1:
    """A login in version 1: send :meth:`first_bytes`, then feed what comes back."""

    __slots__ = ("_decoder", "codec")

    def __init__(self) -> None:
        self.codec: Codec = V1
        self._decoder = V1.decoder()

    def first_bytes(self, login: Login) -> bytes:
        """The bytes to send first on the control connection."""
        return V1.encode(login)

    def receive_data(self, data: Buffer) -> Message | None:
        """The server's answer, or ``None`` while more is needed. Raises :class:`RemoteProtocolError`."""
        return self._decoder.receive_one(data)

    def leftover(self) -> bytes:
        """Return and forget the bytes that followed the answer."""
        return self._decoder.leftover()


class LoginV2:
    """A login in version 2, used as :class:`LoginV1` is.

    After the answer :attr:`codec` is a :class:`NegotiatedV2`, which has the encryption that the server chose.
    """

    __slots__ = ("_decoder", "_hello", "_hello_payload", "codec")

    def __init__(self, bootstrap: Bootstrap, algorithms: tuple[str, ...] = ALGORITHMS) -> None:
        """``algorithms``: names of ciphers, best first."""
        self.codec: Codec = V2
        self._decoder = DecoderV2(SERVER_HELLO)
        self._hello = new_client_hello(bootstrap, algorithms)
        self._hello_payload = encode_body(self._hello)

    def first_bytes(self, login: Login) -> bytes:
        """The bytes to send first: the magic, our hello, and ``login``."""
        return MAGIC + encode_frame(CLIENT_HELLO, self._hello_payload) + V2.encode(login)

    def receive_data(self, data: Buffer) -> Message | None:
        """The server's answer, or ``None`` while more is needed.

        Raises :class:`RemoteProtocolError` also for an answer that comes without a hello.
        """
        message = self._decoder.receive_one(data)
        answer = self._decoder.hello
        if answer is not None and self.codec is V2:
            algorithm = accept_server_hello(self._hello, answer)
            self.codec = NegotiatedV2(algorithm, self._hello_payload, answer)
        if message is not None and answer is None:
            raise RemoteProtocolError("the server answered the login without a hello")
        return message

    def leftover(self) -> bytes:
        """Return and forget the bytes that followed the answer."""
        return self._decoder.leftover()


class LoginExchange(Protocol):
    """A login in either version: :meth:`first_bytes`, :meth:`receive_data` until it returns, :meth:`leftover`."""

    @property
    def codec(self) -> Codec:
        """The codec of the messages after the answer."""

    def first_bytes(self, login: Login) -> bytes:
        """The bytes to send first on the control connection."""

    def receive_data(self, data: Buffer) -> Message | None:
        """The server's answer, or ``None`` while more is needed. Raises :class:`RemoteProtocolError`."""

    def leftover(self) -> bytes:
        """Return and forget the bytes that followed the answer."""


# The other side


class Opening(Protocol):
    """The accepting side of a logical connection up to its first message."""

    @property
    def codec(self) -> Codec:
        """The codec of its messages: of the version, and with the encryption that was chosen."""

    def receive_data(self, data: Buffer) -> Message | None:
        """The first message, or ``None`` while more is needed.

        Raises :class:`RemoteProtocolError`; send :meth:`data_to_send` even then.
        """

    def data_to_send(self) -> bytes:
        """Bytes to send before the answer to the message: the hello of version 2."""

    def leftover(self) -> bytes:
        """Return and forget the bytes that followed the message."""


def opening_of(first_byte: int) -> Opening:
    """The opening of the version that begins with this byte; no message of version 1 begins like the magic."""
    return _OpeningV2() if first_byte == MAGIC[0] else _OpeningV1()


class _OpeningV1:
    """Version 1: there is nothing before the message."""

    __slots__ = ("_decoder", "leftover", "receive_data")

    codec: Final = V1

    def __init__(self) -> None:
        decoder = V1.decoder()
        self.receive_data = decoder.receive_one
        self.leftover = decoder.leftover

    def data_to_send(self) -> bytes:
        return b""


class _OpeningV2:
    """Version 2: the magic, perhaps a hello, the message."""

    __slots__ = ("_answer", "_decoder", "_magic", "codec")

    def __init__(self) -> None:
        self.codec: Codec = V2
        self._magic = b""  # as much of it as has come
        self._decoder = DecoderV2(CLIENT_HELLO)
        self._answer = b""

    def receive_data(self, data: Buffer) -> Message | None:
        if self._magic != MAGIC:
            data = self._take_magic(data)
        message = self._decoder.receive_one(data)
        hello = self._decoder.hello
        if hello is not None and self.codec is V2:
            self._answer_hello(hello)
        return message

    def data_to_send(self) -> bytes:
        answer, self._answer = self._answer, b""
        return answer

    def leftover(self) -> bytes:
        return self._decoder.leftover()

    def _take_magic(self, data: Buffer) -> bytes:
        missing = len(MAGIC) - len(self._magic)
        self._magic += data[:missing]
        if not MAGIC.startswith(self._magic):
            raise RemoteProtocolError(f"unknown message type {self._magic[:1]!r}")
        return bytes(data[missing:])

    def _answer_hello(self, hello: bytes) -> None:
        answer = answer_client_hello(hello)
        payload = encode_body(answer)
        self._answer = encode_frame(SERVER_HELLO, payload)
        if answer.error:
            raise RemoteProtocolError(answer.error)
        self.codec = NegotiatedV2(answer.selected.crypto.algorithm, hello, payload)
