"""Services and visitors that send what no number, text or form is, while another user's download goes on.

All share one frpc with tcpMux and TLS, so that a fault in one stream could end them all: the download arrives whole,
every hostile conversation ends, a good visitor is served afterwards, and no log holds a traceback.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import pytest

from aiofrp.wire.frp.codec2 import MAGIC
from tests.support.ports import free_port
from tests.support.procs import PATIENCE, Program, frpc, frps
from tests.support.tunnel import local_service

#: What the download repeats.
PATTERN = random.Random(7).randbytes(64 * 1024)
DIGITS = b"1" * 5000
GOOD = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\ngood"


@dataclass
class Place:
    """The ports of one frps, what the hostile service answers, and the programs."""

    bind: int = field(default_factory=free_port)
    http: int = field(default_factory=free_port)
    https: int = field(default_factory=free_port)
    tcpmux: int = field(default_factory=free_port)
    download: int = field(default_factory=free_port)
    answer: bytes = GOOD
    downloading: asyncio.Event = field(default_factory=asyncio.Event)
    done: asyncio.Event = field(default_factory=asyncio.Event)

    async def serve_download(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """The pattern, some hundred times a second, until the test is done."""
        while not (self.done.is_set() or writer.is_closing()):
            writer.write(PATTERN)
            await writer.drain()
            await asyncio.sleep(0.005)
        if not writer.is_closing():
            writer.write_eof()

    async def serve_answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """The answer of this moment, to whatever comes."""
        await reader.read(65536)
        writer.write(self.answer)
        await writer.drain()
        writer.write_eof()

    async def load(self) -> int:
        """Download until the end; fails unless every byte is right. Gives the number of bytes."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.download)
        count = 0
        try:
            while data := await reader.read(1 << 20):
                at = count % len(PATTERN)
                wanted = (PATTERN * (len(data) // len(PATTERN) + 2))[at : at + len(data)]
                assert data == wanted
                count += len(data)
                self.downloading.set()
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()
        return count


def client_toml(place: Place, download: int, answers: int) -> str:
    return f"""
serverAddr = "127.0.0.1"
serverPort = {place.bind}
[[proxies]]
name = "download"
type = "tcp"
localPort = {download}
remotePort = {place.download}
[[proxies]]
name = "http"
type = "http"
localPort = {answers}
customDomains = ["bad.test"]
[[proxies]]
name = "https"
type = "https"
localPort = {answers}
customDomains = ["bad.test"]
[[proxies]]
name = "tcpmux"
type = "tcpmux"
multiplexer = "httpconnect"
localPort = {answers}
customDomains = ["bad.test"]
"""


@asynccontextmanager
async def tunnel(folder: Path) -> AsyncIterator[Place]:
    """Both programs and a download; afterwards everything must have gone well."""
    place = Place()
    server = (
        f'bindAddr = "127.0.0.1"\nbindPort = {place.bind}\nvhostHTTPPort = {place.http}\n'
        f"vhostHTTPSPort = {place.https}\ntcpmuxHTTPConnectPort = {place.tcpmux}\n"
    )
    async with (
        local_service(place.serve_download) as download,
        local_service(place.serve_answer) as answers,
        frps(folder, server) as frps_program,
        frpc(folder, client_toml(place, download, answers), proxies=4) as frpc_program,
        asyncio.TaskGroup() as group,
    ):
        loading = group.create_task(place.load())
        async with asyncio.timeout(PATIENCE):
            await place.downloading.wait()
        yield place
        place.answer = GOOD
        assert (await send(place.http, REQUEST)).endswith(b"good")
        assert not loading.done(), "the download was cut"
        place.done.set()
        async with asyncio.timeout(PATIENCE):
            assert await loading > len(PATTERN)
        for program in (frps_program, frpc_program):
            check_log(program)


def check_log(program: Program) -> None:
    assert "Traceback" not in program.text
    assert "internal error" not in program.text


REQUEST = b"GET / HTTP/1.1\r\nHost: bad.test\r\nConnection: close\r\n\r\n"


async def send(port: int, data: bytes, *, then: bytes = b"", tls: ssl.SSLContext | None = None) -> bytes:
    """Send ``data`` to 127.0.0.1:``port`` and finish; what came back until the end, which must come."""
    async with asyncio.timeout(PATIENCE):
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=tls)
        answer = b""
        with contextlib.suppress(ConnectionError):
            for part in (data, then):
                writer.write(part)
                await writer.drain()
            if writer.can_write_eof():
                writer.write_eof()
            answer = await reader.read(-1)
        writer.close()
        with contextlib.suppress(ConnectionError, ssl.SSLError):
            await writer.wait_closed()
        return answer


async def all_of(attacks: Sequence[Callable[[], Awaitable[object]]]) -> None:
    """Run them, eight at a time."""
    for at in range(0, len(attacks), 8):
        await asyncio.gather(*(attack() for attack in attacks[at : at + 8]))


HEAD = b"HTTP/1.1 200 OK\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
LENGTHS = [
    HEAD + b"Content-Length: " + DIGITS + b"\r\n\r\nx",
    HEAD + b"Content-Length: 0" + b"0" * 5000 + b"9" * 5000 + b"\r\n\r\nx",
    HEAD + b"Content-Length: " + DIGITS + b"\r\nContent-Length: " + DIGITS + b"\r\n\r\nx",
    HEAD + b"Content-Length: " + b"0" * 5000 + b"1\r\n\r\nx",
    HEAD + b"Content-Length: -1\r\n\r\nx",
    HEAD + b"Content-Length: \xb2\xb3\r\n\r\nx",
    HEAD + b"Content-Length: \xd9\xa1\r\n\r\nx",
    b"HTTP/1.0 200 OK\r\ncontent-length:" + DIGITS + b"\n\n",
    b"HTTP/1.1 100 Continue\r\nContent-Length: " + DIGITS + b"\r\n\r\n" + GOOD,
]
ANSWERS = [
    *(
        CHUNKED + size + b"\r\nabc\r\n0\r\n\r\n"
        for size in (DIGITS, b"f" * 16, b"-3", b"+3", b"0x3", b" 3", b"\xb3", b"3;" + b"x" * 9000, b"", b"\0")
    ),
    CHUNKED + b"3\r\nabcdef\r\n0\r\n\r\n",
    CHUNKED + b"3\r\nabc\r\n0\r\nContent-Length: " + DIGITS + b"\r\n\r\n",
    CHUNKED + b"3\r\nabc\r\n0\r\n\xff\xfe: \xff\r\n\r\n",
    b"HTTP/1.1 " + DIGITS + b" OK\r\n\r\n",
    b"HTTP/1.1 \xb2\xb2\xb2 OK\r\n\r\n",
    b"HTTP/" + DIGITS + b".1 200 OK\r\n\r\n",
    b"\xff" * 70_000,
    HEAD + b"\xff\xff: \xff\xfe\r\n\xc3(: x\r\nContent-Length: 1\r\n\r\nx",
    HEAD + b"Date: \xff\r\nConnection: \xff, \xfe\r\nSet-Cookie: \x80\r\nContent-Length: 1\r\n\r\nx",
    b"HTTP/1.1 101 \xff\r\nUpgrade: \xff\r\nConnection: upgrade\r\n\r\n\xff",
    (b"HTTP/1.1 103 x\r\nLink: \xff\r\n\r\n") * 50 + b"HTTP/1.1 999 \xff\r\n\r\n",
    b"PROXY TCP4 999.0.0.1 256.1.1.1 99999999 -1\r\n" + GOOD,
    b"\r\n\r\n\0\r\nQUIT\n\x21\x11\xff\xff" + b"\xff" * 20,
    b"",
]


@pytest.mark.parametrize("answers", [LENGTHS, ANSWERS], ids=["lengths", "chunks, statuses and text"])
async def test_a_service_that_answers_nonsense(answers: list[bytes], tmp_path: Path) -> None:
    async with tunnel(tmp_path) as place:
        for place.answer in answers:
            for request in (
                REQUEST,
                b"POST / HTTP/1.1\r\nHost: bad.test\r\nContent-Length: 3\r\n\r\nabc",
                b"GET / HTTP/1.1\r\nHost: bad.test\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n",
            ):
                await send(place.http, request)
            await send(place.tcpmux, b"CONNECT bad.test:80 HTTP/1.1\r\nHost: bad.test\r\n\r\n", then=b"x")


def head(line: bytes, *fields: bytes) -> bytes:
    return b"\r\n".join((line, b"Host: bad.test", *fields, b"", b""))


HEADS = [
    head(b"POST / HTTP/1.1", b"Content-Length: " + DIGITS),
    head(b"POST / HTTP/1.1", b"Transfer-Encoding: chunked") + DIGITS + b"\r\n",
    head(b"POST / HTTP/1.1", b"Transfer-Encoding: chunked") + b"\xff\r\n",
    head(b"GET /\xff\xfe%ff%zz HTTP/1.1"),
    head(b"GET /%ff%fe%00%c3%28 HTTP/1.1"),
    head(b"GET http://[::1/ HTTP/1.1"),
    head(b"GET http://bad.test:" + DIGITS + b"/ HTTP/1.1"),
    head(b"GET / HTTP/" + DIGITS),
    head(b"\xff\xff / HTTP/1.1"),
    head(b"GET / HTTP/1.1", b"Authorization: Basic \xff\xfe"),
    head(b"GET / HTTP/1.1", b"Authorization: Basic ////"),
    head(b"GET / HTTP/1.1", b"Proxy-Authorization: Basic " + b"=" * 400),
    head(b"GET / HTTP/1.1", b"X-Forwarded-For: \xff", b"Cookie: \xff", b"\xff: x"),
    head(b"GET / HTTP/1.1", b"Expect: \xff", b"Upgrade: \xff", b"Connection: upgrade, \xff"),
    b"GET / HTTP/1.1\r\nHost: b\xffd.test\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: xn--\x80.test\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: [::1%\xff]:" + DIGITS + b"\r\n\r\n",
    *(
        b"CONNECT " + target + b" HTTP/1.1\r\nHost: " + target + b"\r\n\r\n"
        for target in (
            b"bad.test:" + DIGITS,
            b"bad.test:-1",
            b"bad.test",
            b":",
            b"[:]:1",
            b"\xff:1",
            b"bad.test\0:1",
            b"a" * 60_000 + b":1",
        )
    ),
    b"CONNECT bad.test:1 HTTP/1.1\r\nHost: bad.test\r\nProxy-Authorization: Basic \xff\r\n\r\n",
    b"CONNECT bad.test:1 HTTP/1.1\r\n" + b"\xff" * 70_000,
    b"PROXY TCP4 999.1.1.1 1.1.1.1 -1 " + DIGITS + b"\r\n" + REQUEST,
    b"\r\n\r\n\0\r\nQUIT\n\x21\x11\xff\xff" + b"\xff" * 40,
    b"\x05\x02\x00\x02\x05\x01\x00\x03\xff" + b"\xff" * 255 + b"\xff\xff",
    b"\x04\x01\xff\xff\0\0\0\x01\xff\0\xff\0",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\xff" * 200,
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0"
    + b"\0\0\x05\x01\x05\0\0\0\x01\xff\xff\xff\xff\xff",
]


async def test_visitors_that_say_nonsense_on_every_vhost(tmp_path: Path) -> None:
    async with tunnel(tmp_path) as place:
        ports = (place.http, place.https, place.tcpmux)
        await all_of([partial(send, p, d) for d in HEADS for p in ports])


def client_hello() -> bytes:
    """What a TLS client says first."""
    context = ssl.create_default_context()
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = context.wrap_bio(incoming, outgoing, server_hostname="bad.test")
    with contextlib.suppress(ssl.SSLWantReadError):
        client.do_handshake()
    return outgoing.read()


async def test_broken_client_hellos(tmp_path: Path) -> None:
    hello, dice = client_hello(), random.Random(3)
    at = hello.index(b"bad.test")
    broken = [hello[:cut] for cut in range(1, len(hello), 37)]
    broken += [
        hello[:at] + name + hello[at + 8 :] for name in (b"\xff" * 8, b"b\0d.test", b"........", b"bad.tes.")
    ]
    for _ in range(60):
        changed = bytearray(hello)
        for _ in range(dice.randrange(1, 6)):
            changed[dice.randrange(5, len(changed))] = dice.choice((0, 1, 0x7F, 0x80, 0xFF))
        broken.append(bytes(changed))
    broken.append(b"".join(b"\x16\x03\x01\0\x01" + hello[n : n + 1] for n in range(5, len(hello))))
    broken.append(b"\x16\x03\x01\xff\xff" + bytes(100))
    async with tunnel(tmp_path) as place:
        await all_of([partial(send, p, d) for d in broken for p in (place.https, place.bind)])


def message(kind: bytes, body: bytes) -> bytes:
    return kind + len(body).to_bytes(8, "big") + body


BODIES = [
    b'{"timestamp":' + DIGITS + b"}",
    b'{"timestamp":1e999,"pool_count":1e999}',
    b'{"pool_count":-9223372036854775808}',
    b'{"timestamp":NaN}',
    b'{"metas":' + b"[" * 5000 + b"]" * 5000 + b"}",
    b'{"a":' * 1600 + b"1" + b"}" * 1600,
    b'{"run_id":"\xff\xfe\xc3("}',
    b'{"run_id":"\\ud800","user":"\\udfff\\u0000"}',
    b"\xff\xfe{\0}\0",
    b"[]",
    b"null",
    b"",
    DIGITS,
]


async def test_strangers_that_say_nonsense_on_the_port_of_frps(tmp_path: Path) -> None:
    """In either version of the wire protocol, plain, behind TLS and inside yamux."""
    insecure = ssl.create_default_context()
    insecure.check_hostname, insecure.verify_mode = False, ssl.CERT_NONE
    spoken = [message(kind, body) for kind in (b"o", b"w", b"v", b"h") for body in BODIES]
    spoken += [
        MAGIC + b"\0\x10\0\0" + (len(body) + 2).to_bytes(4, "big") + b"\0\x01" + body for body in BODIES
    ]
    spoken += [MAGIC + b"\0\x01\0\0" + len(body).to_bytes(4, "big") + body for body in BODIES]
    spoken += [
        MAGIC + b"\xff" * 30,
        b"o" + b"\xff" * 40,
        b"GET /~!frp HTTP/1.1\r\nOrigin: \xff\r\nHost: \xff\r\n\r\n",
    ]

    def in_yamux(data: bytes) -> bytes:
        opened = b"\0\x01\0\x01\0\0\0\x01\0\0\0\0"
        return opened + b"\0\0\0\0\0\0\0\x01" + len(data).to_bytes(4, "big") + data

    async with tunnel(tmp_path) as place:
        await all_of(
            [
                *(partial(say, place.bind, d) for d in spoken),
                *(partial(say, place.bind, in_yamux(d)) for d in spoken),
                *(partial(say, place.bind, in_yamux(d), insecure) for d in spoken),
            ]
        )


async def test_logins_that_hang_up(tmp_path: Path) -> None:
    """At once with a reset: nothing may be asked of their sockets any more."""
    login = message(b"o", b'{"version":"0.70.1","timestamp":1,"pool_count":5}')
    opened = b"\0\x01\0\x01\0\0\0\x01\0\0\0\0" + b"\0\0\0\0\0\0\0\x01" + len(login).to_bytes(4, "big")
    works = message(b"w", b'{"run_id":"0123456789abcdef"}')
    loop = asyncio.get_running_loop()
    async with tunnel(tmp_path) as place:
        ports = (place.bind, place.http, place.https, place.tcpmux, place.download)
        for number in range(600):
            sock = socket.socket()
            sock.setblocking(False)
            with sock:
                await loop.sock_connect(sock, ("127.0.0.1", ports[number % len(ports)]))
                with contextlib.suppress(ConnectionError):
                    await loop.sock_sendall(
                        sock, (opened + login, login, works, REQUEST, b"")[number // 5 % 5]
                    )
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


async def say(port: int, data: bytes, tls: ssl.SSLContext | None = None) -> None:
    """Send ``data``, see some answer or a moment of silence, and hang up."""
    async with asyncio.timeout(PATIENCE):
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=tls)
        with contextlib.suppress(ConnectionError, TimeoutError):
            writer.write(data)
            await writer.drain()
            async with asyncio.timeout(0.05):
                await reader.read(1)
        writer.transport.abort()
        with contextlib.suppress(ConnectionError, ssl.SSLError):
            await writer.wait_closed()
