"""Fuzz targets: functions that take any bytes and return unless something is broken.

Each feeds one decoder and lets only :class:`RemoteProtocolError` pass. Tests call them with few inputs, a
long-running fuzzer with many.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable
from contextlib import suppress
from itertools import product
from typing import cast

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from qh3 import tls
from qh3.quic.tls_bridge import QuicTlsBridgeError

from aiofrp.config.models.types import Bandwidth, Secret
from aiofrp.errors import LocalProtocolError, RemoteProtocolError
from aiofrp.http.v2.head import request_of
from aiofrp.proxy.datagrams.packets import user_of
from aiofrp.server.vhost.judge import parse_basic
from aiofrp.stream.quic.core.calls import Handler
from aiofrp.stream.quic.core.connection import QuicCore
from aiofrp.stream.quic.core.library import initial_keys, server_configuration
from aiofrp.stream.quic.core.limits import Judge, QuicIdentity, QuicLimits
from aiofrp.webserver.basicauth import BasicAuth
from aiofrp.wire.clienthello import ClientHelloReader
from aiofrp.wire.dial.connect import HttpConnect
from aiofrp.wire.dial.ntlm import NtlmConnect
from aiofrp.wire.dial.upgrade import ClientUpgrade, ServerUpgrade
from aiofrp.wire.frp.codec import V1, Decoder, MessageDecoder
from aiofrp.wire.frp.codec2 import CLIENT_HELLO, MAGIC, V2, DecoderV2
from aiofrp.wire.frp.hello import Bootstrap, accept_server_hello, answer_client_hello, new_client_hello
from aiofrp.wire.frp.jsonbody import decode_body, encode_body
from aiofrp.wire.frp.messages import BY_TYPE_BYTE, StartWorkConn, UDPPacket
from aiofrp.wire.frp.opening import LoginV1, LoginV2, opening_of
from aiofrp.wire.frp.proxyproto import connection_header, datagram_header
from aiofrp.wire.frp.translate import Translation
from aiofrp.wire.frp.udppacket import encode_udp
from aiofrp.wire.http.body import ChunkedBody
from aiofrp.wire.http.forward import NO_CHANGES, about_user, encode_request
from aiofrp.wire.http.h2.block import HeaderBlock
from aiofrp.wire.http.h2.frames import CONTINUATION, HEADERS, SETTINGS, FrameReader, bounded_settings
from aiofrp.wire.http.head import CHUNKED, parse_request
from aiofrp.wire.http.response import parse_response
from aiofrp.wire.ippacket import addresses
from aiofrp.wire.kcp.core import KcpCore
from aiofrp.wire.kcp.fec import FecDecoder, segments_of
from aiofrp.wire.kcp.segment import MTU, OVERHEAD, first_segment
from aiofrp.wire.quic.header import MIN_INITIAL, VERSION_1, RetryTokens, parse_long
from aiofrp.wire.router import Router, canonical_host
from aiofrp.wire.socks5 import Socks5Accept, Socks5Connect, Socks5Refused
from aiofrp.wire.transforms.aead import AeadStream
from aiofrp.wire.transforms.aescfb import AesCfb, decrypt_datagram
from aiofrp.wire.transforms.base import Transform
from aiofrp.wire.transforms.snappy import MAX_CHUNK, Snappy
from aiofrp.wire.vnetframes import IpFrameDecoder
from aiofrp.wire.websocket import Buffer, WebSocketCodec
from aiofrp.wire.yamux import FIN, RST, FrameDecoder
from tests.support.certs import authority

KEY = bytes(range(32))


def message_v1(data: bytes) -> None:
    """Whole and byte by byte must give the same messages, or both an error."""
    _same_in_any_cuts(Decoder, data)


def message_v2(data: bytes) -> None:
    """The same for v2, with a hello allowed first."""
    _same_in_any_cuts(lambda: DecoderV2(CLIENT_HELLO), data)


def _same_in_any_cuts(new_decoder: Callable[[], MessageDecoder], data: bytes) -> None:
    outcomes = [
        _drain(new_decoder(), [data]),
        _drain(new_decoder(), [data[i : i + 1] for i in range(len(data))]),
    ]
    assert outcomes[0] == outcomes[1], outcomes


def _drain(decoder: MessageDecoder, chunks: list[bytes]) -> list[str]:
    shown = []
    try:
        for chunk in chunks:
            message = decoder.receive_one(chunk)
            while message is not None:
                shown.append(repr(message))
                message = decoder.receive_one()
    except RemoteProtocolError:
        shown.append("error")
    return shown


def json_body(data: bytes) -> None:
    """What any message class accepts must survive being written and read again."""
    for cls in BY_TYPE_BYTE.values():
        with suppress(RemoteProtocolError):
            message = decode_body(cls, data)
            assert decode_body(cls, encode_body(message)) == message


def hellos(data: bytes) -> None:
    """Both hellos."""
    with suppress(RemoteProtocolError):
        answer_client_hello(data)
    with suppress(RemoteProtocolError):
        accept_server_hello(new_client_hello(Bootstrap()), data)


def snappy(data: bytes) -> None:
    """A stream without and with its header; what is held back stays bounded."""
    for stream in (data, b"\xff\x06\x00\x00sNaPpY" + data):
        decoder = Snappy()
        _feed(decoder, stream)
        assert len(decoder._rest) <= MAX_CHUNK + 4


def snappy_round_trip(data: bytes) -> None:
    """Our own encoder."""
    encoder, decoder = Snappy(), Snappy()
    assert decoder.decode(encoder.encode(data)) == data
    assert decoder.decode(encoder.encode(data * 3)) == data * 3


def aes_cfb(data: bytes) -> None:
    """Streams never fail; datagrams only when too short."""
    assert len(AesCfb(KEY[:16]).decode(data)) == max(0, len(data) - 16)
    with suppress(RemoteProtocolError):
        assert len(decrypt_datagram(KEY[:16], data)) == len(data) - 16


def aead_gcm(data: bytes) -> None:
    """Nobody without the key gets a byte through."""
    _forge("aes-256-gcm", data)


def aead_xchacha(data: bytes) -> None:
    """The same for the other algorithm."""
    _forge("xchacha20-poly1305", data)


def _forge(algorithm: str, data: bytes) -> None:
    receiver = AeadStream(algorithm, KEY, KEY)
    with suppress(RemoteProtocolError):
        assert receiver.decode(data) == b""


def _feed(decoder: Transform, stream: bytes) -> None:
    half = len(stream) // 2
    with suppress(RemoteProtocolError):
        decoder.decode(stream[:half])
        decoder.decode(stream[half:])


def opening(data: bytes) -> None:
    """The first bytes of a logical connection, bare and behind the magic of version 2."""
    for stream in (data, MAGIC + data):
        for step in (len(stream), 1):
            if stream:
                _open(stream, step)


def _open(stream: bytes, step: int) -> None:
    side = opening_of(stream[0])
    with suppress(RemoteProtocolError):
        for start in range(0, len(stream), step):
            if side.receive_data(stream[start : start + step]) is not None:
                break
    side.data_to_send()
    assert side.codec is not V1 or stream[0] != MAGIC[0]


def login_answer(data: bytes) -> None:
    """What a server may answer to a login, either version."""
    for client in (LoginV1(), LoginV2(Bootstrap())):
        with suppress(RemoteProtocolError):
            client.receive_data(data)


def websocket_server(data: bytes) -> None:
    """Frames of a client: any cuts give the same bytes, the same end and the same kind of answer."""
    _same_frames_in_any_cuts(data, client=False)


def websocket_client(data: bytes) -> None:
    """Frames of a server."""
    _same_frames_in_any_cuts(data, client=True)


def _same_frames_in_any_cuts(data: bytes, *, client: bool) -> None:
    outcomes = [
        _read_frames(WebSocketCodec(client=client), [data]),
        _read_frames(WebSocketCodec(client=client), [data[i : i + 1] for i in range(len(data))]),
    ]
    assert outcomes[0] == outcomes[1], outcomes


def _read_frames(side: WebSocketCodec, chunks: list[bytes]) -> tuple[object, ...]:
    payload: list[Buffer] = []
    broken = ""
    for chunk in chunks:
        try:
            payload.append(side.receive_data(chunk))
        except RemoteProtocolError as exc:
            broken = str(exc)
        assert len(side._rest) <= 139
    # A chunk that breaks the rules gives none of its bytes; fed byte by byte the ones before do come.
    return b"" if broken else b"".join(payload), broken, side.peer_close, len(side.data_to_send())


def websocket_request(data: bytes) -> None:
    """A request, whole and behind the bytes that lead to the handshake: an answer, or nothing yet."""
    for stream in (data, b"GET /~!frp" + data, data + b"\r\n\r\n"):
        server = ServerUpgrade()
        rest = server.receive_data(stream)
        assert bool(server.data_to_send()) is (rest is not None)


def websocket_response(data: bytes) -> None:
    """An answer to our request."""
    for stream in (data, b"HTTP/1.1 101 x\r\n" + data + b"\r\n\r\n"):
        with suppress(RemoteProtocolError):
            ClientUpgrade("host").receive_data(stream)


def kcp_segments(data: bytes) -> None:
    """One datagram for a conversation that has sent something; what it leaves and answers is bounded."""
    opening = first_segment(segments_of(data))
    core = KcpCore(opening[0] if opening else 0, 0, receive_window=16)
    core.send(bytes(5000))
    core.data_to_send(0)
    for now in (1, 400):
        with suppress(RemoteProtocolError):
            core.receive_data(segments_of(data), now)
        assert len(core.take()) <= len(data)
        assert len(core._receiver._early) <= 16
        assert all(len(packet) <= MTU for packet in core.data_to_send(now))
        assert core.next_timeout(now) >= now


def fec_datagrams(data: bytes) -> None:
    """Short datagrams cut from ``data``: little is kept and little comes out."""
    decoder = FecDecoder()
    for at in range(0, len(data), OVERHEAD):
        with suppress(RemoteProtocolError):
            decoder.receive_data(data[at : at + OVERHEAD])
        assert len(decoder.take_recovered()) <= 3
        assert len(decoder._groups) <= 3


def http_request(data: bytes) -> None:
    """What is forwarded of an accepted head means the same when it is read again, and nothing else."""
    for head in (data, b"GET / HTTP/1.1\r\nHost: a\r\n" + data + b"\r\n\r\n"):
        with suppress(RemoteProtocolError):
            request = parse_request(head)
            sent = encode_request(request, NO_CHANGES, about_user(request, b"1.2.3.4"), b"")
            again = parse_request(sent)
            for fact in ("method", "target", "host", "path", "absolute", "body_size", "upgrade"):
                assert getattr(again, fact) == getattr(request, fact), fact
            assert sent.index(b"\r\n\r\n") == len(sent) - 4


def http_response(data: bytes) -> None:
    """Heads of services."""
    for head in (data, b"HTTP/1.1 200 OK\r\n" + data + b"\r\n\r\n"):
        with suppress(RemoteProtocolError):
            assert parse_response(head).body_size >= -2


def http_chunks(data: bytes) -> None:
    """Whole and byte by byte must take the same bytes, or both fail."""
    assert _chunks(data, len(data)) == _chunks(data, 1)


def _chunks(data: bytes, step: int) -> list[bytes]:
    body, payload, taken = ChunkedBody(decode=True), b"", 0
    try:
        while taken < len(data) and not body.done:
            taken += body.receive_data(data[taken : taken + step])
            payload += b"".join(body.take())
    except RemoteProtocolError:
        return [b"error"]
    return [payload, b"done" if body.done else b"", data[taken:], *(name for name, _ in body.trailers)]


def client_hello(data: bytes) -> None:
    """Whole and byte by byte must find the same name, or both fail."""
    assert _server_name(data, max(1, len(data))) == _server_name(data, 1)


def _server_name(data: bytes, step: int) -> str | None:
    reader = ClientHelloReader()
    try:
        for start in range(0, len(data), step):
            if reader.receive_data(data[start : start + step]):
                break
    except RemoteProtocolError:
        return "error"
    return reader.server_name


def proxy_answers(data: bytes) -> None:
    """Answers of outbound proxies: SOCKS, HTTP, and HTTP with a challenge."""
    login = ("domain\\user", f"{0:032x}:{1:032x}")  # the hashes of a password: to compute them takes 4 ms
    challenge = b"HTTP/1.1 407 x\r\nProxy-Authenticate: Negotiate " + b64encode(data) + b"\r\n\r\n"
    for stream in (data, b"\5\2\1\0" + data, b"\5\0\5\0\0" + data, b"HTTP/1.1 200 x\r\n" + data, challenge):
        for proxy in (Socks5Connect("a", 1, login), HttpConnect("a:1", login), NtlmConnect("a:1", login)):
            with suppress(RemoteProtocolError):
                proxy.receive_data(stream)


def socks_requests(data: bytes) -> None:
    """Users of a SOCKS server: in any cuts they get the same answer and the same target."""
    for login, begin in ((None, b""), (None, b"\5\1\0\5\1\0"), (("u", "p"), b"\5\1\2")):
        stream = begin + data
        whole = _asked(Socks5Accept(login), [stream])
        assert whole == _asked(Socks5Accept(login), [stream[i : i + 1] for i in range(len(stream))])


def _asked(conversation: Socks5Accept, chunks: list[bytes]) -> object:
    """The target with the bytes for it, or the refusal; and what was sent before."""
    left: bytes | None = None
    sent = b""
    for chunk in chunks:
        if left is not None:
            left += chunk
            continue
        try:
            left = conversation.receive_data(chunk)
        except Socks5Refused as exc:
            return sent + conversation.data_to_send() + exc.answer, str(exc), exc.wrong_login
        sent += conversation.data_to_send()
        assert len(conversation._received) <= 257
    return sent, conversation.host, conversation.port, left


def quic_headers(data: bytes) -> None:
    """What is read of packets without keys is what stands there; no token can be made up."""
    for datagram in (data, b"\xc0\0\0\0\x01" + data):
        header = parse_long(datagram)
        if header is not None:
            assert len(header.destination) <= 20
            assert all(part in datagram for part in (header.destination, header.source, header.token))
    assert RetryTokens(KEY).read(data, b"address", 0) is None


def yamux_frames(data: bytes) -> None:
    """Whole and byte by byte must find the same frames, or both fail."""
    assert _frames(data, len(data)) == _frames(data, 1)


def _frames(data: bytes, step: int) -> list[object]:
    decoder, heads, payload = FrameDecoder(), [], b""
    try:
        for at in range(0, len(data), max(1, step)):
            for kind, flags, stream_id, length, part in decoder.receive_data(data[at : at + step]):
                if kind:
                    heads.append((kind, flags, stream_id, length))
                elif length:  # a later part of the frame says none, and whether it is the last of the stream
                    heads.append((kind, flags & ~(FIN | RST), stream_id, length))
                payload += part
    except RemoteProtocolError:
        return ["error"]
    return [*heads, payload]


def udp_packets(data: bytes) -> None:
    """What a packet says of its user is an address that can be sent to and written to others."""
    for body in (data, b'{"c":"AA==","r":' + data + b"}", _json(r={"IP": data.decode("latin-1"), "Port": 1})):
        with suppress(RemoteProtocolError):
            user = user_of(decode_body(UDPPacket, body))
            if user is not None:
                assert len(user[0]) <= 61
                assert encode_udp(b"", *user)
                with suppress(LocalProtocolError):
                    assert datagram_header("v2", user, ("127.0.0.1", 1))


def proxy_headers(data: bytes) -> None:
    """The PROXY header of what a server says of a user."""
    text = data.decode("latin-1")
    told = (data, _json(src_addr=text, src_port=1), _json(src_addr="1.2.3.4", src_port=9, dst_addr=text))
    for body, version in product(told, ("v1", "v2")):
        with suppress(RemoteProtocolError, LocalProtocolError):
            header = connection_header(version, decode_body(StartWorkConn, body))
            assert len(header) <= 108


def _json(**values: object) -> bytes:
    return json.dumps(values).encode()


def sudp_bridge(data: bytes) -> None:
    """Messages of one wire protocol for the other."""
    for spoken, wanted in ((V1, V2), (V2, V1)):
        with suppress(RemoteProtocolError):
            Translation(spoken, wanted, pings=True).decode(data)


def h2_sizes(data: bytes) -> None:
    """Whole and byte by byte must judge the same."""
    assert _sizes(data, len(data)) == _sizes(data, 1)


def _sizes(data: bytes, step: int) -> bool:
    reader, block = FrameReader(), HeaderBlock()
    try:
        for at in range(0, len(data), max(1, step)):
            reader.receive_data(data[at : at + step])
            while (frame := reader.next_frame()) is not None:
                if frame.kind in (HEADERS, CONTINUATION):
                    block.receive(frame)
                elif frame.kind == SETTINGS:
                    bounded_settings(frame)
    except RemoteProtocolError:
        return False
    return True


def h2_requests(data: bytes) -> None:
    """Fields of HTTP/2, divided at zeros, that make a request of HTTP/1, or none."""
    pieces = data.split(b"\0")
    fields = list(zip(pieces[::2], pieces[1::2], strict=False))
    given = [(b":method", b"GET"), (b":path", b"/"), (b":authority", b"a")]
    for headers, ended in product((fields, given + fields), (True, False)):
        with suppress(RemoteProtocolError):
            assert request_of(headers, ended).body_size >= CHUNKED


def credentials(data: bytes) -> None:
    """Fields with a user and a password, as both kinds of server read them; nobody gets in."""
    auth = BasicAuth("user", Secret("password"))
    for value in (data, b"Basic " + data, b"basic " + b64encode(data)):
        found = parse_basic(value)
        assert found is None or b":" not in found.user
        assert not auth.admits(value.decode("utf-8", "surrogateescape"))


def hosts(data: bytes) -> None:
    """Names that are looked up."""
    routes: Router[int] = Router()
    routes.add("*.b.c", "/x", "", 1)
    for text in (data.decode("latin-1"), data.decode("latin-1") + ".b.c"):
        assert routes.find(canonical_host(text), data) in (None, 1)


def bandwidths(data: bytes) -> None:
    """Limits that clients tell."""
    for unit in ("", "KB", "MB"):
        with suppress(ValueError):
            assert abs(Bandwidth.parse(data.decode("utf-8", "replace") + unit).bytes) < 2**64


class _Silent:
    """Takes note of nothing that happens on a connection."""

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *_: None


_IDENTITY = QuicIdentity(authority().certificate, authority().key)
_QUIC = server_configuration(_IDENTITY, QuicLimits())
_CID = b"12345678"


def _quic_server(judge: Judge | None = None) -> QuicCore:
    return QuicCore(
        _QUIC, cast(Handler, _Silent()), QuicLimits(), original_cid=_CID, peer_cid=b"87654321", judge=judge
    )


def quic_hello(data: bytes) -> None:
    """A first message of TLS that anybody can send; nothing but an alert comes of a wrong one."""
    hello = b"\x01" + len(data).to_bytes(3, "big") + data
    for judge in (None, lambda chain: ""):
        core = _quic_server(judge)
        core._version = VERSION_1
        with suppress(QuicTlsBridgeError):
            core._create_tls(None).receive_crypto(tls.Epoch.INITIAL, hello)


def quic_frames(data: bytes) -> None:
    """Frames in a client's first packet, whose keys everybody knows; and the same bytes as whole datagrams."""
    for datagram in (first_packet(data), data):
        core = _quic_server()
        with suppress(RemoteProtocolError):
            core.receive(datagram, max(1, len(datagram)), ("192.0.2.1", 1), 0.0)
            core.to_send(0.0)


def first_packet(frames: bytes) -> bytes:
    """A client's first packet with these frames, cut or padded to the size of one (RFC 9001 §5)."""
    key, iv, mask_key = initial_keys(_CID, b"client in", VERSION_1)
    plain = frames[:1300].ljust(MIN_INITIAL, b"\0")
    head = b"\xc0\0\0\0\x01\x08" + _CID + b"\x0887654321\0" + (0x4000 | len(plain) + 17).to_bytes(2, "big")
    head += b"\0"  # the packet's number, 0
    body = AESGCM(key).encrypt(iv, plain, head)
    mask = Cipher(algorithms.AES(mask_key), modes.ECB()).encryptor().update(body[3:19])
    return bytes((head[0] ^ mask[0] & 0x0F,)) + head[1:-1] + bytes((head[-1] ^ mask[1],)) + body


def vnet_frames(data: bytes) -> None:
    """Packets of a virtual network in a connection, and their addresses."""
    decoder = IpFrameDecoder()
    for chunk in (data[: len(data) // 2], data[len(data) // 2 :]):
        decoder.receive_data(chunk)
        while decoder.pending:
            for packet in decoder.take(3):
                addresses(packet)


TARGETS: dict[str, Callable[[bytes], None]] = {
    "message_v1": message_v1,
    "message_v2": message_v2,
    "json_body": json_body,
    "hellos": hellos,
    "snappy": snappy,
    "snappy_round_trip": snappy_round_trip,
    "aes_cfb": aes_cfb,
    "aead_gcm": aead_gcm,
    "aead_xchacha": aead_xchacha,
    "kcp_segments": kcp_segments,
    "fec_datagrams": fec_datagrams,
    "quic_frames": quic_frames,
    "quic_headers": quic_headers,
    "quic_hello": quic_hello,
    "opening": opening,
    "login_answer": login_answer,
    "proxy_answers": proxy_answers,
    "socks_requests": socks_requests,
    "websocket_server": websocket_server,
    "websocket_client": websocket_client,
    "websocket_request": websocket_request,
    "websocket_response": websocket_response,
    "http_request": http_request,
    "http_response": http_response,
    "http_chunks": http_chunks,
    "client_hello": client_hello,
    "yamux_frames": yamux_frames,
    "udp_packets": udp_packets,
    "proxy_headers": proxy_headers,
    "sudp_bridge": sudp_bridge,
    "h2_sizes": h2_sizes,
    "h2_requests": h2_requests,
    "credentials": credentials,
    "hosts": hosts,
    "bandwidths": bandwidths,
    "vnet_frames": vnet_frames,
}
"""Name → target."""
