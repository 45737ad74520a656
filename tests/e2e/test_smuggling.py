"""Some hundreds of requests that two readers could take in two ways, on real connections.

After each comes a request for a protected path, without a credential. Whatever the first request makes of it,
no service gets a request that was not judged, and what a service gets is what h11 finds in the user's bytes.
"""

from __future__ import annotations

import contextlib
import itertools
from dataclasses import dataclass

import h11
import pytest

from tests.support.web import Request, Service, Site, http_site, ok, user_of

END = b"GET /end HTTP/1.1\r\nHost: open.test\r\nConnection: close\r\n\r\n"
HIDDEN = b"GET /hidden HTTP/1.1\r\nHost: safe.test\r\n\r\n"


def post(*fields: bytes, body: bytes = b"", line: bytes = b"POST /first HTTP/1.1") -> bytes:
    """A request to open.test; fields as they are, with their ends."""
    return line + b"\r\nHost: open.test\r\n" + b"".join(fields) + b"\r\n" + body


LENGTHS = [
    b"Content-Length: 5\r\n",
    b"Content-Length: 0\r\n",
    b"Content-Length:5\r\n",
    b"Content-Length: 05\r\n",
    b"Content-Length: +5\r\n",
    b"Content-Length: -5\r\n",
    b"Content-Length: 5 \r\n",
    b"Content-Length: 5,5\r\n",
    b"Content-Length: 5, 6\r\n",
    b"Content-Length: 5\r\nContent-Length: 5\r\n",
    b"Content-Length: 5\r\nContent-Length: 60\r\n",
    b"Content-Length: 0\r\ncontent-length: 5\r\n",
    b"Content-Length: 0x5\r\n",
    b"Content-Length: 5_0\r\n",
    b"Content-Length: 5\x0b\r\n",
    b"Content-Length: 5\r\n 0\r\n",
    b"Content-Length\r\n: 5\r\n",
    b"Content-Length : 5\r\n",
    b"Content-Length\t: 5\r\n",
    b"Content_Length: 5\r\n",
    b"Content-Length: \r\n 5\r\n",
    b"X: y\nContent-Length: 5\r\n",
    b"X: y\rContent-Length: 5\r\n",
    b"X: y\r\n\tContent-Length: 5\r\n",
    b"Content-Length: 5;\r\n",
    b'Content-Length: "5"\r\n',
    b"Connection: Content-Length\r\nContent-Length: 5\r\n",
    b"Content-Length: 18446744073709551621\r\n",
    b"\x00Content-Length: 5\r\n",
    b"X\x00: y\r\nContent-Length: 5\r\n",
]
CODINGS = [
    b"Transfer-Encoding: chunked\r\n",
    b"transfer-encoding: CHUNKED\r\n",
    b"Transfer-Encoding:chunked\r\n",
    b"Transfer-Encoding:\tchunked\r\n",
    b"Transfer-Encoding: chunked \r\n",
    b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
    b"Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n",
    b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
    b"Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n",
    b"Transfer-Encoding: gzip, chunked\r\n",
    b"Transfer-Encoding: chunked, gzip\r\n",
    b"Transfer-Encoding: identity\r\n",
    b"Transfer-Encoding: xchunked\r\n",
    b"Transfer-Encoding: chunkedx\r\n",
    b"Transfer-Encoding: ,chunked\r\n",
    b"Transfer-Encoding: chunked,\r\n",
    b'Transfer-Encoding: "chunked"\r\n',
    b"Transfer-Encoding: 'chunked'\r\n",
    b"Transfer-Encoding: \x0bchunked\r\n",
    b"Transfer-Encoding: \xa0chunked\r\n",
    b"Transfer-Encoding: chunked\x00\r\n",
    b"Transfer-Encoding: chunked;q=1\r\n",
    b"Transfer-Encoding : chunked\r\n",
    b"Transfer-Encoding\r\n: chunked\r\n",
    b" Transfer-Encoding: chunked\r\n",
    b"Transfer-Encoding:\r\n chunked\r\n",
    b"X: y\r\n Transfer-Encoding: chunked\r\n",
    b"X: y\nTransfer-Encoding: chunked\r\n",
    b"X: y\rTransfer-Encoding: chunked\r\n",
    b"Transfer_Encoding: chunked\r\n",
    b"Transfer-Encoding\x00: chunked\r\n",
    b"Tr\xc3\xa4nsfer-Encoding: chunked\r\n",
    b"TE: chunked\r\n",
    b"Connection: Transfer-Encoding\r\nTransfer-Encoding: chunked\r\n",
    b"Connection: close, Transfer-Encoding\r\nTransfer-Encoding: chunked\r\n",
]
CHUNKS = [
    b"5\r\nhello\r\n0\r\n\r\n",
    b"0\r\n\r\n",
    b"00\r\n\r\n",
    b"5;x=y\r\nhello\r\n0;z\r\n\r\n",
    b'5;x="\r\n"\r\nhello\r\n0\r\n\r\n',
    b"5;x\nhello\r\n0\r\n\r\n",
    b"5\nhello\n0\n\n",
    b"5\rhello\r0\r\r",
    b"5\r\nhelloX\r\n0\r\n\r\n",
    b"5\r\nhello0\r\n\r\n",
    b"5\r\nhell\r\n0\r\n\r\n",
    b"0x5\r\nhello\r\n0\r\n\r\n",
    b"+5\r\nhello\r\n0\r\n\r\n",
    b"-5\r\nhello\r\n0\r\n\r\n",
    b"5 \r\nhello\r\n0\r\n\r\n",
    b" 5\r\nhello\r\n0\r\n\r\n",
    b"5_0\r\nhello\r\n0\r\n\r\n",
    b"g\r\nhello\r\n0\r\n\r\n",
    b"\r\nhello\r\n0\r\n\r\n",
    b"ffffffffffffffff5\r\nhello\r\n0\r\n\r\n",
    b"5\r\nhello\r\n0\r\nX: y\r\n\r\n",
    b"5\r\nhello\r\n0\r\nContent-Length: 100\r\n\r\n",
    b"5\r\nhello\r\n0\r\nTransfer-Encoding: chunked\r\n\r\n",
    b"5\r\nhello\r\n0\r\nHost: safe.test\r\n\r\n",
    b"5\r\nhello\r\n0\r\n X\r\n\r\n",
    b"5\r\nhello\r\n0\r\nX\r\n\r\n",
    b"5\r\nhello\r\n0\r\n\n",
    b"5\r\nhello\r\n0\n\r\n",
    b"5\r\nhello\r\n0\r\n",
    b"5\r\nhello\r\n",
]
LINES = [
    b"GET /first HTTP/1.1",
    b"GET  /first HTTP/1.1",
    b"GET /first  HTTP/1.1",
    b"GET\t/first HTTP/1.1",
    b"GET /first HTTP/1.1 ",
    b" GET /first HTTP/1.1",
    b"\r\nGET /first HTTP/1.1",
    b"\nGET /first HTTP/1.1",
    b"GET /first HTTP/1.1\x00",
    b"GET /first\x00 HTTP/1.1",
    b"GET /first HTTP/1.0",
    b"GET /first HTTP/0.9",
    b"GET /first HTTP/2.0",
    b"GET /first HTTP/1.10",
    b"GET /first http/1.1",
    b"GET /first",
    b"GET /fi rst HTTP/1.1",
    b"GET /first HTTP/1.1 HTTP/1.1",
    b"GET /first\rHost: safe.test HTTP/1.1",
    b"GET /first#x HTTP/1.1",
    b"GET /first?a#x HTTP/1.1",
    b"GET /first%00 HTTP/1.1",
    b"GET /first%0d%0aX HTTP/1.1",
    b"GET /first%zz HTTP/1.1",
    b"GET /fi\xc3\xa4rst HTTP/1.1",
    b'GET /"first<> HTTP/1.1',
    b"GET //safe.test/first HTTP/1.1",
    b"GET /x/../first HTTP/1.1",
    b"GET \\first HTTP/1.1",
    b"GET first HTTP/1.1",
    b"GET * HTTP/1.1",
    b"OPTIONS * HTTP/1.1",
    b"GET http://open.test/first HTTP/1.1",
    b"GET http://safe.test/first HTTP/1.1",
    b"GET http://open.test@safe.test/first HTTP/1.1",
    b"GET http://safe.test:80/first HTTP/1.1",
    b"GET http://safe.test./first HTTP/1.1",
    b"GET http://SAFE.test/first HTTP/1.1",
    b"GET http://safe.test\\@open.test/first HTTP/1.1",
    b"GET http://safe.test#@open.test/first HTTP/1.1",
    b"GET http://safe.test?@open.test/first HTTP/1.1",
    b"GET http:///first HTTP/1.1",
    b"GET //first HTTP/1.1",
    b"CONNECT safe.test:443 HTTP/1.1",
    b"CONNECT /first HTTP/1.1",
    b"get /first HTTP/1.1",
    b"GE\x00T /first HTTP/1.1",
    b"FOO /first HTTP/1.1",
    b"PRI * HTTP/2.0",
]
FIELDS = [
    b"Host: safe.test\r\n",
    b"host: safe.test\r\n",
    b"Host : safe.test\r\n",
    b" Host: safe.test\r\n",
    b"X: y\r\n Host: safe.test\r\n",
    b"X: y\nHost: safe.test\r\n",
    b"X: y\rHost: safe.test\r\n",
    b"X-Forwarded-Host: safe.test\r\n",
    b"Forwarded: host=safe.test\r\n",
    b"Connection: Host\r\n",
    b"Connection: close\r\n",
    b"Connection: Upgrade\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n",
    b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n",
    b"Connection: Upgrade\r\nUpgrade: websocket\r\n",
    b"Expect: 100-continue\r\n",
    b"Authorization: Basic eDp5\r\n",
    b"X:\r\n",
    b"X: \r\n",
    b"X\r\n",
    b":\r\n",
    b": y\r\n",
    b"X(): y\r\n",
    b"X: \xff\r\n",
    b"X: a\x00b\r\n",
    b"X: a\x7fb\r\n",
    b"X: " + b"y" * 5000 + b"\r\n",
    b"X: y\r\n" * 300,
]
BODIES = [b"hello", b"5\r\nhello\r\n0\r\n\r\n", b"0\r\n\r\n", b""]


def corpus() -> list[bytes]:
    """Every case once."""
    cases = [post(fields, body=body) for fields in LENGTHS + CODINGS for body in BODIES]
    pairs = itertools.product(LENGTHS[:7], CODINGS[:12])
    cases += [post(a, b, body=BODIES[1]) for pair in pairs for a, b in (pair, pair[::-1])]
    cases += [post(CODINGS[0], body=chunks) for chunks in CHUNKS]
    cases += [post(LENGTHS[0], body=chunks) for chunks in CHUNKS[:4]]
    cases += [post(line=line) for line in LINES]
    cases += [post(fields, line=LINES[0]) for fields in FIELDS]
    cases += [post(fields, LENGTHS[0], body=b"hello") for fields in FIELDS]
    cases += [case.replace(b"\r\n", b"\n") for case in (post(), post(LENGTHS[0], body=b"hello"))]
    cases += [case.replace(b"Host: open.test\r\n", b"") for case in (cases[0], post(line=LINES[0]))]
    return list(dict.fromkeys(cases))


CASES = corpus()


@dataclass(frozen=True, slots=True)
class Seen:
    """A request, as far as two readers have to agree on it."""

    method: bytes
    target: bytes
    body: bytes


def found_by_h11(data: bytes) -> list[Seen]:
    """The requests to open.test that h11 finds in a user's bytes before it finds something wrong."""
    found: list[Seen] = []
    while data:
        peer = h11.Connection(h11.SERVER)
        peer.receive_data(data)
        peer.receive_data(b"")
        request, body = None, b""
        try:
            while not isinstance(event := peer.next_event(), h11.EndOfMessage):
                if isinstance(event, h11.Request):
                    request = event
                elif isinstance(event, h11.Data):
                    body += bytes(event.data)
                else:
                    return found
        except h11.RemoteProtocolError:
            return found
        assert request is not None
        if is_for_open(request):
            found.append(Seen(request.method, normal(request.target), body))
        if repr(peer.their_state) not in (
            "DONE",
            "MIGHT_SWITCH_PROTOCOL",
        ):  # the service declines every upgrade
            return found
        data = peer.trailing_data[0]
    return found


def is_for_open(request: h11.Request) -> bool:
    """Whether a service gets the request at all: not those to the protected one, nor those about frps itself."""
    host = dict(request.headers).get(b"host")
    if b"://" in request.target:
        host = request.target.split(b"/")[2].lower()
    return host == b"open.test" and request.target != b"*"


def normal(target: bytes) -> bytes:
    """A target as frps sends it on: h11 keeps the scheme, and bytes that are illegal in a path."""
    target = target.removeprefix(b"http://open.test")
    for illegal in b'"<>#':
        path, mark, query = target.partition(b"?")
        target = path.replace(bytes([illegal]), b"%%%02X" % illegal) + mark + query
    return target


def seen(request: Request) -> Seen:
    return Seen(request.method, request.target.removeprefix(b"http://open.test"), request.body)


#: Lines that only frps accepts, and what the service gets: bytes above ASCII in a path are percent-encoded, and after
#: a CONNECT without credential the connection goes on.
ONLY_FRPS = {
    b"GET /fi\xc3\xa4rst HTTP/1.1": [Seen(b"GET", b"/fi%C3%A4rst", b"")],
    b"CONNECT safe.test:443 HTTP/1.1": [],
}


def test_the_corpus_is_large() -> None:
    assert len(CASES) >= 300


async def ask(site: Site, case: bytes) -> bytes:
    async with user_of(site.port) as user:
        user.send(case + HIDDEN + END)
        user.writer.write_eof()
        with contextlib.suppress(ConnectionResetError):
            return await user.rest()
    return b""


@pytest.mark.timeout(300)
async def test_services_get_what_was_judged_and_nothing_else() -> None:
    open_, safe = Service(lambda request: ok(b"open")), Service(lambda request: ok(b"SECRET"))
    own = {"safe": ('httpUser = "u"', 'httpPassword = "p"')}
    wrong: list[str] = []
    agreed = 0
    async with http_site({"open": open_, "safe": safe}, own=own) as site:
        for case in CASES:
            before = len(open_.requests)
            answer = await ask(site, case)
            got = [seen(request) for request in open_.requests[before:]]
            theirs = found_by_h11(case + HIDDEN + END)
            line = case.split(b"\r\n")[0]
            if line in ONLY_FRPS:
                theirs = [*ONLY_FRPS[line], *found_by_h11(END)]
            agreed += got == theirs
            if got != theirs[: len(got)]:
                wrong.append(f"{case!r}\n   frps let pass {got}\n   h11 finds      {theirs}")
            if b"SECRET" in answer or safe.requests:
                wrong.append(f"{case!r}\n   reached the protected service")
                safe.requests.clear()
        assert not wrong, f"{len(wrong)} cases:\n" + "\n".join(wrong)
        assert agreed > 300  # in the others frps is the stricter of the two
        await _check_what_services_received([*open_.received])


async def _check_what_services_received(connections: list[bytearray]) -> None:
    """Every byte a service got belongs to a request that h11 understands; the last may have been broken off."""
    for received in connections:
        data = bytes(received)
        while data:
            peer = h11.Connection(h11.SERVER)
            peer.receive_data(data)
            while not isinstance(event := peer.next_event(), h11.EndOfMessage):
                if event is h11.NEED_DATA:
                    return
            data = peer.trailing_data[0]
