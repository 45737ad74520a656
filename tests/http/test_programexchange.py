"""Requests that the program answers itself, through the engine: users are streams in memory."""

from __future__ import annotations

import asyncio

import pytest

from aiofrp.errors import Closed, FrpError
from aiofrp.http.answers import Answer, empty
from aiofrp.http.exchange import Exchange, ExchangeUser, Failure
from aiofrp.http.programexchange import LateAnswer, ProgramExchange
from aiofrp.http.serve import Engine
from aiofrp.http.site import RequestRoute, Site, SiteUser
from aiofrp.stream.memory import memory_pair
from aiofrp.wire.http.head import UNTIL_EOF, RequestHead
from tests.support.ends import End, until

PIECE = b"p" * 65_536
GET = b"GET %b HTTP/1.1\r\nHost: a.test\r\n\r\n"


class Pieces(ProgramExchange):
    """Writes ``left`` pieces as fast as the user takes them, then ends as the path says."""

    def __init__(self, user: ExchangeUser, request: RequestHead, left: int) -> None:
        super().__init__(user, request)
        self.left = left
        self.held = request.path == b"/held"  # the last piece is not there yet
        self.released_times = 0

    def respond(self) -> None:
        sized = self.request.path != b"/unsized"
        self.begin(200, b"OK", [(b"X", b"y")], self.left * len(PIECE) if sized else UNTIL_EOF)
        self.writable()

    def writable(self) -> None:
        while self.left > self.held and not self.paused and not self.over:
            self.left -= 1
            self.write(PIECE)
        if not self.left:
            if self.request.path == b"/breaks":
                self.break_off(Closed("no more"))
            else:
                self.finish()

    def released(self) -> None:
        self.released_times += 1


class Program(Site, RequestRoute):
    """Answers every request with pieces, ``/late`` and ``/later`` with one answer."""

    def __init__(self, pieces: int = 3) -> None:
        self.pieces = pieces
        self.log: list[str] = []
        self.made: list[Pieces] = []

    def judge(self, request: RequestHead, user: SiteUser) -> RequestRoute | Answer:
        return self

    def exchange(self, user: ExchangeUser, request: RequestHead, peer: bytes) -> Exchange:
        if request.path.startswith(b"/late"):
            seconds = 60 if request.path == b"/later" else 0.01
            return LateAnswer(user, request, empty(401, b"Unauthorized"), seconds)
        self.made.append(Pieces(user, request, self.pieces))
        return self.made[-1]

    def failed(self, request: RequestHead, failure: Failure, error: FrpError) -> Answer:
        self.log.append(str(error))
        return empty(502, b"Bad Gateway")

    def broke_off(self, request: RequestHead, error: Exception | None) -> None:
        self.log.append(f"broke off: {error}")


def user_of(engine: Engine) -> End:
    far, near = memory_pair()
    engine.accept(near, ("192.0.2.1", 1))
    return End(far).attach()


async def received(user: End, data: bytes) -> None:
    """Wait until ``data`` is the last that came."""
    await until(lambda: bytes(user.data).endswith(data))


async def served(engine: Engine, user: End, pieces: int) -> None:
    """Wait until ``pieces`` have come in all and the user may ask again."""
    await until(lambda: bytes(user.data).count(PIECE) == pieces and engine.idle)


async def closed(engine: Engine, user: End) -> None:
    engine.close()
    user.stream.close()
    await until(lambda: user.lost)


@pytest.mark.both_loops
@pytest.mark.parametrize("path", [b"/", b"/unsized"])
async def test_a_response_in_pieces_leaves_the_connection_to_the_next_request(path: bytes) -> None:
    site = Program()
    engine = Engine(site)
    user = user_of(engine)
    for number in (1, 2):
        user.stream.write(GET % path)
        await served(engine, user, 3 * number)
    if path == b"/unsized":
        await received(user, b"\r\n0\r\n\r\n")
    framing = b"Content-Length: 196608" if path == b"/" else b"Transfer-Encoding: chunked"
    assert user.data.startswith(b"HTTP/1.1 200 OK\r\nX: y\r\n")
    assert bytes(user.data).count(framing) == 2
    assert bytes(user.data).count(b"\r\n0\r\n\r\n") == (0 if path == b"/" else 2)
    assert [made.released_times for made in site.made] == [1, 1]
    await closed(engine, user)


async def test_head_has_the_length_and_no_body() -> None:
    engine = Engine(Program())
    user = user_of(engine)
    user.stream.write((GET % b"/").replace(b"GET", b"HEAD"))
    await until(lambda: engine.idle and b"\r\n\r\n" in user.data)
    assert b"Content-Length: 196608\r\n" in user.data
    assert user.data.endswith(b"\r\n\r\n")
    await closed(engine, user)


async def test_a_user_that_reads_nothing_holds_a_few_pieces() -> None:
    site = Program(1_000)
    user = user_of(Engine(site))
    user.stream.pause_reading()
    user.stream.write(GET % b"/")
    await until(lambda: site.made and site.made[0].paused)
    assert site.made[0].left > 900
    user.stream.abort()
    await until(lambda: site.made[0].released_times == 1)


async def test_a_user_that_finishes_while_it_is_answered_gets_all_and_the_end() -> None:
    site = Program()
    engine = Engine(site)
    user = user_of(engine)
    user.stream.write(GET % b"/held")
    await until(lambda: bytes(user.data).count(PIECE) == 2)
    user.stream.write_eof()  # the head that was sent says keep-alive
    for _ in range(5):
        await asyncio.sleep(0)
    site.made[0].held = False
    site.made[0].writable()
    await until(lambda: bytes(user.data).count(PIECE) == 3 and (user.eofs or user.lost))
    user.stream.close()
    await until(lambda: user.lost)


async def test_a_response_that_breaks_off_resets_the_connection() -> None:
    site = Program()
    user = user_of(Engine(site))
    user.stream.write(GET % b"/breaks")
    await until(lambda: user.lost)
    assert site.log == ["broke off: no more"]
    assert site.made[0].released_times == 1


async def test_a_late_answer_comes_late_and_holds_nobody_up() -> None:
    engine = Engine(Program())
    slow, late, other = (user_of(engine) for _ in range(3))
    slow.stream.write(GET % b"/later")
    late.stream.write(GET % b"/late")
    other.stream.write(GET % b"/")
    await until(lambda: bytes(other.data).count(PIECE) == 3)
    await until(lambda: b"401 Unauthorized" in late.data)
    assert not slow.data
    slow.stream.abort()
    for user in (late, other):
        user.stream.write(GET % b"/late")
        await received(user, b"Content-Length: 0\r\n\r\n")
    engine.abort()
    await until(lambda: late.lost and other.lost)


async def test_an_upload_that_is_answered_early_is_the_last_request() -> None:
    engine = Engine(Program())
    user = user_of(engine)
    user.stream.write(b"POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 10\r\n\r\nhello")
    await until(lambda: bytes(user.data).count(PIECE) == 3 and user.eofs)
    assert b"Connection: close" in user.data
    user.stream.close()
    await until(lambda: user.lost and not engine.users)
    await asyncio.sleep(0)
