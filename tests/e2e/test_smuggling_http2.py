"""Requests in HTTP/2 frames whose length two readers could take in two ways, in front of services of HTTP/1.1.

After each, a neighbour asks for something else: it gets its own answer. A service takes for whole what RFC 9113 takes
for whole, with the very body, and nothing reaches what needs a password. The frames are made in three ways: by hand;
by hand with padding, priorities and heads in pieces; and by the library h2 with its checks off.
"""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from aiofrp.http.v2.head import request_of
from aiofrp.wire.http.forward import NO_CHANGES, about_user, encode_request
from tests.e2e import test_smuggling
from tests.support.ports import free_port
from tests.support.rawuser2 import Fields, LibraryUser, RawUser, raw_user
from tests.support.realservices import needs
from tests.support.tunnel import client_config, running_client, running_server, server_config
from tests.support.web import User, http_proxy, user_of
from tests.support.webservices import Heard, Maker, WebService, aiohttp_service, nginx_service, node_service

SERVICES = [
    pytest.param(aiohttp_service, id="aiohttp"),
    pytest.param(nginx_service, id="nginx", marks=needs("nginx")),
    pytest.param(node_service, id="node", marks=needs("node")),
]
SHAPES = [
    pytest.param(RawUser, False, id="by-hand"),
    pytest.param(RawUser, True, id="in-pieces"),
    pytest.param(LibraryUser, False, id="library"),
]
BAD: Final = -1


@dataclass(frozen=True, slots=True)
class Site:
    """A service behind frps, all of it open but ``/admin``."""

    port: int
    service: WebService


@asynccontextmanager
async def site_of(make: Maker, folder: Path, *, locked: bool = True) -> AsyncIterator[Site]:
    """A service; with ``locked``, its ``/admin`` has a password."""
    port = free_port()
    async with (
        make(folder) as service,
        running_server(server_config(f"vhostHTTPPort = {port}")) as frps,
    ):
        domain = 'customDomains = ["web.test"]'
        lock = ('locations = ["/admin"]', 'httpUser = "u"', 'httpPassword = "p"')
        text = http_proxy("open", service.port, domain)
        if locked:
            text += http_proxy("safe", service.port, domain, *lock)
        async with running_client(client_config(frps.address[1], text)):
            yield Site(port, service)


@dataclass(frozen=True, slots=True)
class Head:
    """Fields of a request, and the length they announce: ``None`` for none, ``BAD`` for a head to be refused."""

    fields: Fields
    announces: int | None


def length(*values: bytes) -> list[tuple[bytes, bytes]]:
    return [(b"content-length", value) for value in values]


HEADS = [
    Head([], None),
    Head(length(b"5"), 5),
    Head(length(b"0"), 0),
    Head(length(b"05"), 5),
    Head(length(b"6"), 6),
    Head(length(b"300"), 300),
    Head([*length(b"5"), (b"expect", b"100-continue")], 5),
    Head([*length(b"5"), (b"x", b"y" * 5000)], 5),
    Head([*length(b"5"), (b"content_length", b"0")], 5),
    Head(length(b"5", b"5"), BAD),
    Head(length(b"5", b"6"), BAD),
    Head(length(b"0", b"5"), BAD),
    Head(length(b"+5"), BAD),
    Head(length(b"-5"), BAD),
    Head(length(b"5_0"), BAD),
    Head(length(b"5,5"), BAD),
    Head(length(b""), BAD),
    Head(length(b"0x5"), BAD),
    Head(length(b"18446744073709551621"), BAD),
    Head(length(b"5" * 5000), BAD),
    Head(length(b"5\r\nx: y"), BAD),
    Head([*length(b"5"), (b"transfer-encoding", b"chunked")], BAD),
    Head([(b"transfer-encoding", b"chunked")], BAD),
    Head([(b"transfer-encoding", b"identity")], BAD),
    Head([(b"connection", b"content-length"), *length(b"5")], BAD),
    Head([(b"upgrade", b"h2c"), *length(b"5")], BAD),
    Head([(b"Content-Length", b"0"), *length(b"5")], BAD),
    Head([(b"content-length ", b"0"), *length(b"5")], BAD),
    Head([(b"content-length: 5\r\nx", b"y")], BAD),
    Head([(b"x", b"y\r\ncontent-length: 5")], BAD),
    Head([(b"x", b"y\ntransfer-encoding: chunked")], BAD),
    Head([(b"host", b"safe.test"), *length(b"5")], BAD),
    Head([*length(b"5"), (b":path", b"/admin")], BAD),
    Head([(b"x:content-length", b"0"), *length(b"5")], BAD),
]


@dataclass(frozen=True, slots=True)
class Data:
    data: bytes
    end: bool = False


@dataclass(frozen=True, slots=True)
class Trailers:
    fields: Fields
    end: bool = True


@dataclass(frozen=True, slots=True)
class Reset:
    """The user takes the stream back."""


@dataclass(frozen=True, slots=True)
class Answered:
    """The user waits for the response to the whole request or to what has come of it."""


Step = Data | Trailers | Reset | Answered
ENDS: list[list[Step]] = [
    [],
    [Data(b"hello", end=True)],
    [Data(b"hel"), Data(b"lo"), Data(b"", end=True)],
    [Data(b"hello"), Trailers([(b"x-sum", b"1")])],
    [Data(b"hello"), Trailers([(b"x-real-ip", b"6.6.6.6"), (b"content-length", b"0")])],
    [Data(b"hel", end=True)],
    [Data(b"hel"), Data(b"", end=True)],
    [Data(b"", end=True)],
    [Data(b"hel"), Trailers([(b"x-sum", b"1")])],
    [Trailers([(b"x-sum", b"1")])],
    [Data(b"hel"), Trailers([(b"x", b"y\r\n\r\nGET /admin HTTP/1.1\r\nHost: web.test\r\n\r\n")])],
    [Data(b"hello"), Trailers([(b"x\r\n\r\nGET /admin HTTP/1.1\r\nHost", b"web.test")])],
    [Data(b"hello world", end=True)],
    [Data(b"hello"), Data(b" world", end=True)],
    [Data(b"hello"), Trailers([(b"x-sum", b"1")], end=False), Data(b"", end=True)],
    [Data(b"hel"), Reset()],
    [Reset()],
    [Answered(), Data(b"hel", end=True)],
    [Answered(), Data(b"hel"), Trailers([(b"x-sum", b"1")])],
    [Data(b"hel"), Answered(), Reset()],
    [Data(b"hel"), Answered(), Trailers([(b"x-sum", b"1")])],
]

#: What the library does not do.
BY_HAND_ONLY = [steps for steps in ENDS if any(isinstance(step, Trailers) and not step.end for step in steps)]


@dataclass(frozen=True, slots=True)
class Case:
    """A request; it is for a target that answers early, or for one that reads the body first."""

    head: Head
    steps: Sequence[Step]
    early: bool

    @property
    def body(self) -> bytes | None:
        """The body of the request, ``None`` when it is malformed (RFC 9113 §8.1.1) or taken back in the middle."""
        data = b"".join(step.data for step in self.steps if isinstance(step, Data))
        announced = self.head.announces
        if announced is not None and announced != len(data):
            return None
        for step in self.steps:
            if isinstance(step, Reset) and announced is None:
                return None
            if isinstance(step, Trailers) and (
                not step.end or any(b"\r" in b"".join(f) for f in step.fields)
            ):
                return None
        return data


def corpus(heads: Sequence[Head]) -> list[Case]:
    """Every head with every end, but one to be refused with some. Only services that answer early answer in the
    middle."""
    cases = [
        Case(head, steps, early)
        for head, early in itertools.product(heads, (True, False))
        for steps in (ENDS[:13:3] if head.announces == BAD else ENDS)
    ]
    # A request that announces no body is sent to the service when its stream has ended, so nobody answers it before.
    return [
        case for case in cases if Answered() not in case.steps or (case.early and case.head.announces != 0)
    ]


async def ask(user: RawUser, stream: int, target: bytes, case: Case, *, split: bool) -> None:
    """Send the request, as far as its stream is open."""
    head = [(b":method", b"POST"), (b":scheme", b"http"), (b":authority", b"web.test"), (b":path", target)]
    padding = 5 if split else 0
    frames = [user.headers(stream, [*head, *case.head.fields], end=not case.steps, split=split)]
    for step in case.steps:
        match step:
            case Data():
                frames.append(user.body(stream, step.data, end=step.end, padding=padding))
            case Trailers():
                frames.append(user.headers(stream, step.fields, end=step.end, split=split))
            case Reset():
                frames.append(user.reset(stream))
            case Answered():
                user.send(*frames)
                await user.over(stream)
                frames = []
        if split:
            frames.append(user.priority(stream + 2))
    user.send(*frames)


async def check_neighbour(neighbour: User, number: int) -> None:
    """Somebody else gets its own answer."""
    answer = await neighbour.get("web.test", f"/neighbour/{number}")
    assert (answer.status, answer.body) == (200, b"GET /neighbour/%d 127.0.0.1" % number)


def check_heard(heard: list[Heard], cases: Sequence[Case]) -> None:
    """What was whole for the service is what is whole by the RFC, and nobody got further than that."""
    wrong: list[str] = []
    for request in heard:
        kind, _, number = request.target.removeprefix("/").partition("/")
        if kind not in ("early", "read", "neighbour") or request.method != (
            "GET" if kind == "neighbour" else "POST"
        ):
            wrong.append(f"the service got {request}")
        elif kind == "read" and request.body is not None and request.body != cases[int(number)].body:
            wrong.append(f"{cases[int(number)]}\n   became {request}")
    assert not wrong, "\n".join(wrong)


def test_the_corpus_is_large() -> None:
    cases = corpus(HEADS)
    assert len(cases) >= 500
    assert sum(case.body is not None for case in cases) >= 50


@pytest.mark.timeout(300)
@pytest.mark.parametrize(("kind", "split"), SHAPES)
@pytest.mark.parametrize("make", SERVICES)
async def test_a_request_is_whole_or_nobody_takes_it_for_whole(
    make: Maker, kind: type[RawUser], split: bool, tmp_path: Path
) -> None:
    usual = make is aiohttp_service and kind is RawUser and not split
    cases = corpus(HEADS if usual else HEADS[:9])
    if kind is LibraryUser:
        cases = [case for case in cases if case.steps not in BY_HAND_ONLY]
    async with site_of(make, tmp_path) as site, user_of(site.port) as neighbour:
        for number, case in enumerate(cases):
            target = b"/%b/%d" % (b"early" if case.early else b"read", number)
            async with raw_user(site.port, kind) as user:
                await ask(user, 1, target, case, split=split)
                if Reset() not in case.steps:
                    await user.over(1)
                    if case.body is not None:
                        assert user.status.get(1) == b"200", case
                        assert user.data[1] == b"POST %b 127.0.0.1" % target
                await user.pong()
                await check_neighbour(neighbour, number)
        check_heard(site.service.heard(), cases)


@pytest.mark.parametrize(("kind", "split"), SHAPES)
@pytest.mark.parametrize("make", SERVICES)
async def test_a_short_body_does_not_eat_the_next_head(
    make: Maker, kind: type[RawUser], split: bool, tmp_path: Path
) -> None:
    """The first body announces as much as the next request's head has: its body would be a request then."""
    hidden = b"GET /admin/secret HTTP/1.1\r\nHost: web.test\r\nX-Real-IP: 6.6.6.6\r\n\r\n"
    second = Head(length(b"%d" % len(hidden)), len(hidden))
    carrier = Case(second, [Data(hidden, end=True)], early=True)
    announced = head_size(b"/early/2", second)
    async with site_of(make, tmp_path) as site, user_of(site.port) as neighbour:
        for steps in ENDS:
            if kind is LibraryUser and steps in BY_HAND_ONLY:
                continue
            first = Case(Head(length(b"%d" % announced), announced), steps, early=True)
            async with raw_user(site.port, kind) as user:
                await ask(user, 1, b"/early/1", first, split=split)
                if Reset() not in steps:
                    await user.over(1)
                await user.pong()
                if not user.closed:
                    await ask(user, 3, b"/early/2", carrier, split=split)
                    await user.over(3)
                    assert user.data.get(3, b"") in (b"", b"POST /early/2 127.0.0.1")
            async with raw_user(site.port, kind) as user:
                await ask(user, 1, b"/early/2", carrier, split=split)
                await user.over(1)
                assert user.data[1] == b"POST /early/2 127.0.0.1"
            await check_neighbour(neighbour, 0)
        assert not [request for request in site.service.heard() if "/admin" in request.target]


def head_size(target: bytes, head: Head) -> int:
    """How long the head of a request to ``target`` is for the service."""
    pseudo = [(b":method", b"POST"), (b":scheme", b"http"), (b":authority", b"web.test"), (b":path", target)]
    request = request_of([*pseudo, *head.fields], ended=False)
    return len(encode_request(request, NO_CHANGES, about_user(request, b"127.0.0.1"), b""))


def pairs(lines: bytes) -> list[tuple[bytes, bytes]]:
    """Fields of HTTP/1 as fields of HTTP/2; what was malformed there stays in the name or the value."""
    found = []
    for line in lines.removesuffix(b"\r\n").split(b"\r\n"):
        name, _, value = line.partition(b":")
        found.append((name.lower(), value.strip(b" ")))
    return found


def heads_of_http_1() -> list[tuple[bytes, bytes, Fields]]:
    """The method, the target and the fields of each case of the corpus of HTTP/1."""
    found: list[tuple[bytes, bytes, Fields]] = []
    for line in test_smuggling.LINES:
        method, _, rest = line.partition(b" ")
        found.append((method, rest.rpartition(b" ")[0], []))
        found.append((method, rest, []))
        found.append((line + b"\r\nHost: web.test\r\n\r\nGET", b"/admin", []))
    every = test_smuggling.LENGTHS + test_smuggling.CODINGS + test_smuggling.FIELDS
    found += [(b"POST", b"/first", pairs(lines)) for lines in every]
    found += [(b"POST", b"/first", [(lines.lower().replace(b":", b"", 1).strip(), b"x")]) for lines in every]
    found += [(b"POST", b"/first", [(b"x", b"y\r\n" + lines.strip())]) for lines in every]
    found += [(b"POST", b"/first HTTP/1.1\r\n" + lines + b"x", []) for lines in every]
    for path in (
        b"/..;/admin",
        b"/x/..;y=z/admin",
        b"/;/admin",
        b"/%2e%2e/admin",
        b"/x/..%3b/admin",
        b"//admin",
    ):
        found.append((b"GET", path + b"/x", []))
    return found


@pytest.mark.timeout(120)
@pytest.mark.parametrize("body", [b"hello", b"0\r\n\r\nGET /admin HTTP/1.1\r\nHost: web.test\r\n\r\n"])
@pytest.mark.parametrize("make", SERVICES)
async def test_heads_of_the_corpus_of_http_1_in_frames(make: Maker, body: bytes, tmp_path: Path) -> None:
    heads = heads_of_http_1()
    assert len(heads) > 400
    answered = 0
    async with site_of(make, tmp_path) as site, user_of(site.port) as neighbour:
        for number, (method, path, fields) in enumerate(heads):
            head = [
                (b":method", method),
                (b":scheme", b"http"),
                (b":authority", b"web.test"),
                (b":path", path),
            ]
            async with raw_user(site.port) as user:
                user.send(user.headers(1, [*head, *fields], end=not body))
                if body:
                    user.send(user.body(1, body, end=True))
                await user.over(1)
                answered += user.status.get(1) == b"200"
                assert b"admin" not in user.data.get(1, b""), (method, path, fields)
            if number % 5 == 0:
                await check_neighbour(neighbour, number)
        await check_neighbour(neighbour, len(heads))
        assert answered > 30
        for request in site.service.heard():
            assert "admin" not in request.target
            assert request.method == "GET" if "neighbour" in request.target else request.body in (body, None)
