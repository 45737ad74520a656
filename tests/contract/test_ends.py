"""How a stream ends: half-close, close, abort, a peer that vanishes."""

from __future__ import annotations

import pytest

from aiofrp.errors import FrpError
from aiofrp.stream.base import Pause
from tests.contract.stacks import Pair
from tests.contract.test_flow import MESSAGE, fill, noise
from tests.support.ends import End, settle, until

pytestmark = pytest.mark.both_loops


async def test_half_close_leaves_the_other_direction_open(a: End, b: End) -> None:
    a.write(MESSAGE)
    a.write_eof()
    await until(lambda: b.eofs)
    assert bytes(b.data) == MESSAGE
    b.write(MESSAGE * 3)
    await until(lambda: len(a.data) == 3 * len(MESSAGE))
    await settle(lambda: (a.lost, b.lost))
    assert not a.lost
    assert not b.lost
    assert not a.eofs


async def test_both_half_closes_end_the_stream(a: End, b: End) -> None:
    a.write_eof()
    await until(lambda: b.eofs)
    b.write(MESSAGE)
    b.write_eof()
    await until(lambda: a.lost and b.lost)
    assert (a.error, b.error) == (None, None)
    assert bytes(a.data) == MESSAGE
    assert a.eofs == 1


async def test_both_half_close_at_once(a: End, b: End) -> None:
    a.write(MESSAGE)
    b.write(MESSAGE)
    a.write_eof()
    b.write_eof()
    await until(lambda: a.lost and b.lost)
    assert (a.error, b.error) == (None, None)
    assert (a.eofs, b.eofs) == (1, 1)
    assert a.data == b.data == MESSAGE


async def test_an_answer_to_eof_within_its_delivery(a: End, b: End) -> None:
    def answer() -> None:
        b.write(MESSAGE)
        b.write_eof()

    b.on_eof = answer
    a.write_eof()
    await until(lambda: a.lost and b.lost)
    assert bytes(a.data) == MESSAGE
    assert (a.error, b.error) == (None, None)


async def test_eof_comes_after_all_data_however_long_it_waits(pair: Pair, a: End, b: End) -> None:
    b.pause()
    sent = noise(min(pair.volume, 60_000))
    a.write(sent)
    a.write_eof()
    await settle(lambda: (b.data, b.eofs))
    assert not b.data
    assert not b.eofs
    b.resume()
    await until(lambda: b.eofs)
    assert bytes(b.data) == sent


async def test_half_close_while_the_writer_is_paused(pair: Pair, a: End, b: End) -> None:
    b.pause()
    taken = await fill(a, pair.bound)
    a.write_eof()
    a.write(MESSAGE)
    b.resume()
    await until(lambda: b.eofs)
    assert len(b.data) == taken


async def test_close_sends_everything_first(pair: Pair, a: End, b: End) -> None:
    sent = noise(min(pair.volume, 200_000))
    a.write(sent)
    a.close()
    await until(lambda: b.eofs)
    assert bytes(b.data) == sent
    b.close()
    await until(lambda: a.lost and b.lost)
    assert (a.error, b.error) == (None, None)


async def test_close_while_the_peer_is_paused(pair: Pair, a: End, b: End) -> None:
    b.pause()
    taken = await fill(a, pair.bound)
    a.close()
    await settle(lambda: b.data)
    b.resume()
    await until(lambda: b.eofs)
    assert len(b.data) == taken
    b.close()
    await until(lambda: a.lost and b.lost)


async def test_close_while_paused_drops_what_is_held(a: End, b: End) -> None:
    a.pause()
    b.write(MESSAGE)
    await settle(lambda: None)
    a.close()
    await until(lambda: a.lost)
    assert a.error is None
    assert not a.data
    a.resume()
    await until(lambda: b.eofs or b.lost)


async def test_close_after_the_peer_closed_while_paused(a: End, b: End) -> None:
    """The peer's data and end are held; a close here must not wait for anyone to resume."""
    a.pause()
    b.write(MESSAGE)
    b.close()
    await settle(lambda: b.lost)
    a.write_eof()
    await settle(lambda: a.lost)
    a.close()
    await until(lambda: a.lost and b.lost)
    assert not a.data
    assert a.error is None


async def test_abort_after_the_peer_closed_while_paused(a: End, b: End) -> None:
    a.pause(Pause.RATE)
    b.write(MESSAGE)
    b.write_eof()
    a.write_eof()
    await settle(lambda: (a.lost, b.lost))
    a.abort()
    await until(lambda: a.lost)
    assert not a.data


async def test_nothing_is_delivered_after_close(a: End, b: End) -> None:
    """Not even what arrives in the turn of the close."""
    a.on_data = lambda data: a.close()
    b.write(MESSAGE)
    b.write(MESSAGE)
    b.write_eof()
    await until(lambda: a.lost)
    assert a.chunks == 1
    assert not a.eofs


async def test_abort_is_an_error_for_the_peer(pair: Pair, a: End, b: End) -> None:
    a.write(MESSAGE)
    await until(lambda: b.data)
    a.abort()
    await until(lambda: a.lost and b.lost)
    assert a.error is None
    assert isinstance(b.error, FrpError) is pair.aborts_are_errors
    assert b.eofs == (not pair.aborts_are_errors)


async def test_abort_while_both_are_paused(pair: Pair, a: End, b: End) -> None:
    """The one who aborts hears at once; the peer at the latest when it reads again."""
    a.pause()
    b.pause()
    await fill(a, pair.bound)
    await fill(b, pair.bound)
    a.abort()
    await until(lambda: a.lost)
    b.resume()
    await until(lambda: b.lost)
    assert isinstance(b.error, FrpError)
    assert not a.data


async def test_abort_within_a_delivery(a: End, b: End) -> None:
    a.on_data = lambda data: a.abort()
    b.write(MESSAGE)
    await until(lambda: a.lost and b.lost)
    assert a.chunks == 1


async def test_a_peer_that_is_reset(pair: Pair, a: End, b: End) -> None:
    """The carrier is torn down under the peer: never a clean end."""
    b.write(MESSAGE)
    await until(lambda: a.data)
    pair.carriers[1].abort()
    await until(lambda: a.lost)
    assert isinstance(a.error, FrpError)
    assert not a.eofs


async def test_a_peer_that_vanishes(pair: Pair, a: End, b: End) -> None:
    """The carrier ends in good order but without the layers' farewell."""
    b.write(MESSAGE)
    await until(lambda: len(a.data) == len(MESSAGE))
    pair.carriers[1].close()
    if pair.notices_cut:
        await until(lambda: a.lost)
        assert isinstance(a.error, FrpError)
        assert not a.eofs
    else:
        await until(lambda: a.eofs)


async def test_a_peer_that_vanishes_while_paused(pair: Pair, a: End, b: End) -> None:
    a.pause()
    b.write(MESSAGE)
    await settle(lambda: None)
    pair.carriers[1].abort()
    await settle(lambda: a.lost)
    a.resume()
    await until(lambda: a.lost)
    assert isinstance(a.error, FrpError)


async def test_ending_twice_is_ending_once(a: End, b: End) -> None:
    a.close()
    a.close()
    a.write_eof()
    await until(lambda: a.lost)
    a.close()
    a.abort()
    a.abort()
    b.abort()
    b.close()
    b.abort()
    await until(lambda: b.lost)
    await settle(lambda: (a.losses, b.losses))
    assert (len(a.losses), len(b.losses)) == (1, 1)


async def test_writing_after_the_end_is_dropped(a: End, b: End) -> None:
    a.write(MESSAGE)
    a.write_eof()
    a.write(b"late")
    a.write_eof()
    await until(lambda: b.eofs)
    b.close()
    b.write(b"late")
    b.write_eof()
    await until(lambda: b.lost)
    b.write(b"later")
    b.write_eof()
    a.close()
    await until(lambda: a.lost)
    a.write(b"later")
    a.write_eof()
    for end in (a, b):
        end.pause()
        end.resume()
        end.stream.info("peername")
    assert bytes(b.data) == MESSAGE
    assert not a.data
