"""Which connection a packet goes to."""

from __future__ import annotations

from aiofrp.vnet.routes import MOST_FLOWS, TAKEOVER_AFTER, Routes
from tests.support.ippackets import packed, pair

HERE, THERE, OTHER = "100.86.0.1", "100.86.0.2", "192.168.5.5"


def test_a_visitor_has_its_destination_alone() -> None:
    routes: Routes[str] = Routes()
    routes.add(packed(THERE), "visitor")
    assert routes.find(pair(HERE, THERE)) == "visitor"
    assert routes.find(pair(THERE, HERE)) is None
    assert routes.find(pair("fd00::1", "fd00::2")) is None
    routes.remove(packed(THERE), "visitor")
    assert routes.find(pair(HERE, THERE)) is None


def test_of_two_visitors_with_one_destination_the_last_is_used_until_it_ends() -> None:
    routes: Routes[str] = Routes()
    routes.add(packed(THERE), "first")
    routes.add(packed(THERE), "second")
    assert routes.find(pair(HERE, THERE)) == "second"
    routes.remove(packed(THERE), "second")
    assert routes.find(pair(HERE, THERE)) == "first"


def test_visitors_come_before_what_was_learned() -> None:
    routes: Routes[str] = Routes()
    assert routes.learn(pair(THERE, HERE), "learned", 0.0)
    assert routes.find(pair(HERE, THERE)) == "learned"
    routes.add(packed(THERE), "visitor")
    assert routes.find(pair(HERE, THERE)) == "visitor"


def test_nothing_is_known_before_a_packet_came_nor_after_the_end() -> None:
    routes: Routes[str] = Routes()
    assert routes.find(pair(HERE, THERE)) is None
    assert routes.learn(pair(THERE, HERE), "a", 0.0)
    assert routes.learn(pair("fd00::2", "fd00::1"), "a", 0.0)
    assert routes.find(pair(OTHER, THERE)) == "a"
    assert routes.find(pair("fd00::1", "fd00::2")) == "a"
    routes.forget("a")
    routes.forget("a")
    for source, destination in ((HERE, THERE), (OTHER, THERE), ("fd00::1", "fd00::2")):
        assert routes.find(pair(source, destination)) is None


def test_answers_go_back_the_way_the_packets_came() -> None:
    """A machine with two visitors sends to each its own destination: answers are expected from no other."""
    routes: Routes[str] = Routes()
    assert routes.learn(pair(THERE, HERE), "a", 0.0)
    assert routes.learn(pair(THERE, OTHER), "b", 0.0)
    assert routes.find(pair(HERE, THERE)) == "a"
    assert routes.find(pair(OTHER, THERE)) == "b"
    assert routes.find(pair("10.9.9.9", THERE)) == "b"  # the last that came
    routes.forget("b")
    assert routes.find(pair("10.9.9.9", THERE)) == "a"


def test_nobody_takes_over_addresses_that_are_in_use() -> None:
    routes: Routes[str] = Routes()
    assert routes.learn(pair(THERE, HERE), "a", 0.0)
    assert not routes.learn(pair(THERE, HERE), "b", 1.0)
    assert routes.find(pair(HERE, THERE)) == "a"
    assert routes.learn(pair(THERE, HERE), "a", 5.0)
    assert not routes.learn(pair(THERE, HERE), "b", 5.0 + TAKEOVER_AFTER - 1)
    assert routes.learn(pair(THERE, HERE), "b", 5.0 + TAKEOVER_AFTER)
    assert routes.find(pair(HERE, THERE)) == "b"
    assert not routes.learn(pair(THERE, HERE), "a", 6.0 + TAKEOVER_AFTER)
    routes.forget("a")
    assert routes.find(pair(HERE, THERE)) == "b"


def test_many_sources_of_one_connection_cost_the_others_nothing() -> None:
    routes: Routes[str] = Routes()
    assert routes.learn(pair(THERE, HERE), "a", 0.0)
    for number in range(5 * MOST_FLOWS):
        assert routes.learn(pair(f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}", HERE), "b", 1.0)
    assert routes.find(pair(HERE, THERE)) == "a"
    assert routes.find(pair(HERE, "10.0.0.0")) is None  # the oldest was forgotten
    assert routes.find(pair(HERE, "10.0.19.255")) == "b"
    assert len(routes._flows) == MOST_FLOWS + 1
    routes.forget("b")
    routes.forget("a")
    assert not routes._flows
    assert not routes._owned
    assert not routes._sources._found
