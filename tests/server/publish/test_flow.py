"""What open connections have moved: rates between samples, and each byte counted once."""

from __future__ import annotations

from aiofrp.server.publish.flow import Flow, LiveConnection


class Moving:
    """A connection whose counts the test sets."""

    source = ("192.0.2.1", 9)

    def __init__(self) -> None:
        self.bytes_in = self.bytes_out = 0

    def abort(self) -> None:
        raise AssertionError("nothing is aborted in these tests")


def test_samples_give_rates_and_count_each_byte_once() -> None:
    flow, moving = Flow(), Moving()
    live = LiveConnection(moving)
    live.since = 100.0
    moving.bytes_in, moving.bytes_out = 1000, 50
    assert live.rates(110.0) == (100, 5)  # since the beginning, while there is no sample
    live.sample(105.0, flow)
    assert (live.rates(105.0), flow.bytes_in, flow.bytes_out) == ((200, 10), 1000, 50)
    moving.bytes_in = 1500
    live.sample(110.0, flow)
    assert (live.rates(111.0), flow.bytes_in, flow.bytes_out) == ((100, 0), 1500, 50)
    moving.bytes_out = 51
    live.finish(flow)
    assert (flow.bytes_in, flow.bytes_out) == (1500, 51)


def test_a_connection_that_was_never_sampled_counts_at_its_end() -> None:
    flow, moving = Flow(), Moving()
    live = LiveConnection(moving)
    moving.bytes_in = 7
    live.finish(flow)
    assert (flow.bytes_in, flow.bytes_out) == (7, 0)


def test_a_clock_that_is_set_back_gives_no_negative_rate() -> None:
    flow, moving = Flow(), Moving()
    live = LiveConnection(moving)
    live.since = 100.0
    moving.bytes_in = 10
    live.sample(50.0, flow)
    assert live.rates(50.0) == (10, 0)


def test_ids_are_unique() -> None:
    assert len({LiveConnection(Moving()).id for _ in range(10)}) == 10
