"""The corpora of requests that two readers could take in two ways, in front of each HTTP plugin.

The services behind a plugin get what h11 finds in the user's bytes, in this order, and nothing else. The cases are
those of the vhosts: :mod:`tests.e2e.test_smuggling` and :mod:`tests.e2e.test_smuggling_http2`.
"""

from __future__ import annotations

import asyncio
import itertools
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any

import h11
import pytest

from aiofrp.errors import ConnectFailed
from aiofrp.stream.base import Stream
from aiofrp.transport.net import dial
from aiofrp.wire.dial.environment import EnvironmentProxies
from tests.e2e import test_smuggling as corpus1
from tests.e2e import test_smuggling_http2 as corpus2
from tests.support.httpplugins import Plugin, running
from tests.support.rawuser2 import RawUser
from tests.support.tunnel import Handler, local_service
from tests.support.web import Request, Service, ok

HIDDEN = corpus1.HIDDEN
END = corpus1.END


@dataclass(frozen=True, slots=True)
class Seen:
    """A request, as far as two readers have to agree on it, and the service that got it."""

    host: bytes
    method: bytes
    path: bytes
    body: bytes


@cache
def found_by_h11(data: bytes) -> tuple[Seen, ...]:
    """All requests that h11 finds in a user's bytes before it finds something wrong."""
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
                    return tuple(found)
        except h11.RemoteProtocolError:
            break
        assert request is not None
        host, path = _of(request)
        if path != b"*":  # that is about the plugin itself
            found.append(Seen(host, request.method, path, body))
        if repr(peer.their_state) not in ("DONE", "MIGHT_SWITCH_PROTOCOL"):
            break
        data = peer.trailing_data[0]
    return tuple(found)


def _of(request: h11.Request) -> tuple[bytes, bytes]:
    """The host a request is for, and its path as it is sent on, without the query (RFC 3986 §3)."""
    host, target = dict(request.headers).get(b"host", b""), request.target
    if request.method == b"CONNECT":
        return target, target
    if b"://" in target:
        authority, target = _SPLIT.fullmatch(target.partition(b"://")[2]).groups()  # type: ignore[union-attr]
        host = authority.rpartition(b"@")[2]
        target = target if target.startswith(b"/") else b"/" + target
    path = target.partition(b"?")[0]
    for illegal in b'"<>#':
        path = path.replace(bytes([illegal]), b"%%%02X" % illegal)
    return host.lower(), path


#: The authority of a URL after its scheme, and what follows.
_SPLIT = re.compile(rb"([^/?#]*)(.*)")


class Services:
    """The services behind a plugin, which note what they get in one list."""

    def __init__(self) -> None:
        self.got: list[Seen] = []
        self.made: list[Service] = []

    def one(self, host: bytes = b"") -> Service:
        """A service; with ``host`` it is asked for this host alone."""

        def answer(request: Request) -> bytes:
            named = request.values(b"host")
            right = len(named) == 1 and (not host or _name(named[0]) == host)
            path = request.target.partition(b"?")[0]
            found = named[0].lower() if right else b"another"
            self.got.append(Seen(found, request.method, path, request.body))
            return ok(b"an answer")

        made = Service(answer)
        self.made.append(made)
        return made

    async def check_bytes(self) -> None:
        """Every byte belongs to a request that h11 understands; the last of a connection may be broken off."""
        for service in self.made:
            await corpus1._check_what_services_received([*service.received])


#: Lines that only the plugins accept, and what the service gets of them: bytes above ASCII are percent-encoded.
ONLY_HERE = {b"GET /fi\xc3\xa4rst HTTP/1.1": Seen(b"open.test", b"GET", b"/fi%C3%A4rst", b"")}
#: The engine of all is the same, so that each gets a share of the cases; together they get most of them.
CASES = {
    "http2http": corpus1.CASES[::3],
    "http2https": corpus1.CASES[1::8],
    "https2http": corpus1.CASES[3::8],
    "https2https": corpus1.CASES[5::8],
}


@pytest.mark.parametrize("plugin", CASES)
async def test_the_service_gets_what_the_user_sent_and_nothing_else(plugin: str) -> None:
    services = Services()
    wrong: list[str] = []
    agreed = 0
    async with running(plugin, services.one()) as running_plugin:
        for case in CASES[plugin]:
            services.got.clear()
            if b"\r\n\r\n" not in case:
                case += b"\r\n\r\n"
            await running_plugin.ask(case + HIDDEN + END)
            line = case.split(b"\r\n")[0]
            theirs = [*found_by_h11(case + HIDDEN + END)]
            if line in ONLY_HERE:
                theirs = [ONLY_HERE[line], *found_by_h11(HIDDEN + END)]
            agreed += services.got == theirs
            if services.got != theirs[: len(services.got)]:
                wrong.append(f"{case!r}\n   it let pass {services.got}\n   h11 finds   {theirs}")
        assert not wrong, f"{len(wrong)} cases:\n" + "\n".join(wrong)
        assert agreed > len(CASES[plugin]) / 3
        await services.check_bytes()


#: What ends a request in HTTP/2 before it is answered.
ENDS2 = [steps for steps in corpus2.ENDS if corpus2.Answered() not in steps]


def cases_in_frames() -> list[corpus2.Case]:
    """Heads to be refused with some ends, the others with all."""
    return [
        corpus2.Case(head, steps, early=False)
        for number, head in enumerate(corpus2.HEADS)
        for steps in (ENDS2[number % 4 :: 6] if head.announces == corpus2.BAD else ENDS2)
    ]


@pytest.mark.parametrize(
    ("plugin", "part"), [("https2http", slice(0, None, 2)), ("https2https", slice(1, None, 4))]
)
async def test_a_request_in_frames_is_whole_or_nobody_takes_it_for_whole(plugin: str, part: slice) -> None:
    """A connection carries the cases one after another until it is given up for one of them."""
    services = Services()
    cases = cases_in_frames()[part]
    whole = 0
    async with running(plugin, services.one(), "h2") as running_plugin:
        left = iter(enumerate(cases))
        while pair := next(left, None):
            async with running_plugin.user() as user:
                raw = RawUser(user._reader, user.writer)
                for stream in itertools.count(1, 2):
                    services.got.clear()
                    number, case = pair
                    path = b"/read/%d" % number
                    await corpus2.ask(raw, stream, path, case, split=bool(number % 3))
                    if corpus2.Reset() not in case.steps:
                        await raw.over(stream)
                    await raw.pong()
                    if case.body is None:
                        assert services.got == [], case
                        assert raw.status.get(stream) != b"200", case
                    elif corpus2.Reset() not in case.steps:
                        whole += 1
                        assert services.got == [Seen(b"web.test", b"POST", path, case.body)], case
                    if raw.closed or (pair := next(left, None)) is None:
                        break
        assert whole > 5
        await services.check_bytes()


@asynccontextmanager
async def proxying(
    at_open: Handler, at_safe: Handler, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Plugin]:
    """http_proxy, for which open.test and safe.test are services of this machine, and nothing else is there."""
    ports: dict[str, int] = {}

    async def dial_here(host: str, port: int, **options: Any) -> Stream:
        found = ports.get(host.lower())
        if found is None:
            raise ConnectFailed(f"dial tcp: lookup {host}: no such host")
        return await dial("127.0.0.1", found, **options)

    targets = "aiofrp.plugin.common.targets"
    monkeypatch.setattr(f"{targets}.dial", dial_here)
    monkeypatch.setattr(f"{targets}.EnvironmentProxies", lambda environment: EnvironmentProxies({}))
    async with (
        local_service(at_open) as open_,
        local_service(at_safe) as safe,
        running("http_proxy") as plugin,
    ):
        ports |= {"open.test": open_, "safe.test": safe}
        yield plugin


def _name(host: bytes) -> bytes:
    """A host without its port."""
    return host.lower().partition(b":")[0]


def absolute(case: bytes) -> bytes:
    """The request with its target as a proxy gets it."""
    return case.replace(b" /", b" http://open.test/", 1)


async def test_a_proxy_sends_each_request_to_its_host_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """The last two requests are for another host each; a target without a host is for nobody."""
    after = b"".join(
        request.replace(b" /", b" http://%b/" % host, 1)
        for request, host in ((HIDDEN, b"safe.test"), (END, b"open.test"))
    )
    cases = [absolute(case) for case in corpus1.CASES[::3]] + [
        corpus1.post(line=line) for line in corpus1.LINES
    ]
    cases = [case for case in cases if not case.startswith(b"CONNECT ")]
    services = Services()
    wrong: list[str] = []
    agreed = 0
    async with proxying(services.one(b"open.test"), services.one(b"safe.test"), monkeypatch) as plugin:
        for case in cases:
            services.got.clear()
            await plugin.ask(case + after)
            theirs = [*found_by_h11(case + after)]
            if theirs and b"http://" not in case and b" * " not in case:
                del theirs[0]
            theirs = [seen for seen in theirs if _name(seen.host) in (b"open.test", b"safe.test")]
            if case.split(b"\r\n")[0] in ONLY_HERE:
                theirs = [*found_by_h11(after)]  # a target without a host, like those above
            agreed += services.got == theirs
            if services.got != theirs[: len(services.got)]:
                wrong.append(f"{case!r}\n   it let pass {services.got}\n   h11 finds   {theirs}")
        assert not wrong, f"{len(wrong)} cases:\n" + "\n".join(wrong)
        assert agreed > len(cases) / 3
        await services.check_bytes()


async def test_what_follows_connect_is_for_its_target_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every byte after the head of a CONNECT passes as it is, or the request is refused and nothing passes."""
    fields = corpus1.LENGTHS + corpus1.CODINGS + corpus1.FIELDS
    bodies = itertools.cycle(corpus1.BODIES)
    lines = [b"CONNECT open.test:80 HTTP/1.%d" % minor for minor in (1, 0)]
    cases = [(corpus1.post(each, line=lines[0]), next(bodies)) for each in fields]
    cases += [(corpus1.post(line=line), HIDDEN) for line in (*lines, b"CONNECT http://open.test:80 HTTP/1.1")]
    received: dict[str, list[bytes]] = {}

    def sink(name: str) -> Handler:
        async def read_all(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            received.setdefault(name, []).append(await reader.read(-1))

        return read_all

    tunnels = 0
    async with proxying(sink("open"), sink("safe"), monkeypatch) as plugin:
        for head, body in cases:
            received.clear()
            answer = await plugin.ask(head + body + HIDDEN)
            if answer in (b"HTTP/1.1 200 OK\r\n\r\n", b"HTTP/1.0 200 OK\r\n\r\n"):
                tunnels += 1
                assert received == {"open": [body + HIDDEN]}, head
            else:
                assert received == {}, head
                assert answer.startswith((b"HTTP/1.1 400 ", b"HTTP/1.1 431 ", b"HTTP/1.1 501 ")), head
        assert 20 < tunnels < len(cases) - 20
