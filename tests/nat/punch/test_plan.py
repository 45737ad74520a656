"""What one side of a hole sends, by the server's answer: the recorded exchanges, and answers that ask for too much."""

from __future__ import annotations

from typing import Any

import pytest

from aiofrp.errors import RemoteProtocolError
from aiofrp.nat.punch.plan import MOST_DATAGRAMS, Plan, Send, plan
from aiofrp.wire.frp.codec import Decoder
from aiofrp.wire.frp.messages import CandidatePortsRange, NatHoleDetectBehavior, NatHoleResp
from tests.wire.nathole.vectors import datagrams, exchange

EXCHANGES = [
    "easy-easy-quic",
    "easy-easy-kcp",
    "regular-easy-mode1",
    "hard-easy-mode2",
    "regular-regular-mode3",
    "regular-hard-mode4",
    "hard-hard-fail",
]


def answers(name: str) -> list[tuple[str, NatHoleResp]]:
    """Each recorded answer of a server with a hole to punch, and who got it."""
    found = []
    for event in exchange(name)["events"]:
        if event.get("message") == "NatHoleResp" and event["fields"].get("candidate_addrs"):
            [message] = Decoder().receive_data(bytes.fromhex(event["plaintext_hex"]))
            assert isinstance(message, NatHoleResp)
            found.append((event["to"], message))
    assert len(found) >= 2
    return found


def sent(made: Plan) -> list[Send]:
    """All datagrams of a plan; random ports count up from 1024."""
    port = iter(range(1024, 65535))
    return [*made.first(made.sockets), *made.guesses(lambda low, high: next(port))]


@pytest.mark.parametrize("name", EXCHANGES)
def test_every_recorded_datagram_is_in_the_plan(name: str) -> None:
    """To which address, and with which TTL: those of the public segment, where the recording was made."""
    plans: dict[str, list[Plan]] = {who: [] for who, _ in answers(name)}
    for who, answer in answers(name):
        plans[who].append(plan(answer))
    seen = [event for event in datagrams(exchange(name)) if event["kind"] == "SID detect message"]
    for event in seen:
        assert any(explains(made, event) for each in plans.values() for made in each), event
    assert all(len(sent(made)) <= MOST_DATAGRAMS for each in plans.values() for made in each)


def explains(made: Plan, event: Any) -> bool:
    """Whether a recorded datagram is one of the plan, or the reply to one."""
    if event["fields"]["sid"] != made.sid:
        return False
    host, _, port = event["to"].rpartition(":")
    if event["fields"].get("response"):
        return host in made.peers and event["ip_ttl_seen_on_wan"] == 63
    ttl = (made.ttl or 64) - 1
    to = (host, int(port))
    guessed = bool(made.random_ports) and host in made.random_hosts
    return event["ip_ttl_seen_on_wan"] == ttl and (to in made.targets or to in made.window or guessed)


def answer(
    role: str = "sender", candidates: tuple[str, ...] = ("192.0.2.1:4000",), **more: Any
) -> NatHoleResp:
    """An answer of a server."""
    assisted = more.pop("assisted", ())
    return NatHoleResp(
        sid="s",
        candidate_addrs=candidates,
        assisted_addrs=assisted,
        detect_behavior=NatHoleDetectBehavior(role=role, **more),
    )


def window(start: int, end: int) -> tuple[CandidatePortsRange, ...]:
    """One range of ports."""
    return (CandidatePortsRange(start=start, end=end),)


def test_a_sender_tries_inside_addresses_first() -> None:
    made = plan(
        answer(assisted=("10.0.0.7:4000", "10.0.0.8:4000"), send_delay_ms=3000, read_timeout_ms=35000)
    )
    assert made.sender
    assert (made.delay, made.wait, made.ttl, made.sockets) == (3.0, 35.0, 0, 1)
    assert [send.address[0] for send in sent(made)] == ["10.0.0.7", "10.0.0.8", "192.0.2.1"]
    assert made.peers == {"10.0.0.7", "10.0.0.8", "192.0.2.1"}


def test_a_receiver_never_tries_inside_addresses_and_has_no_delay() -> None:
    made = plan(answer("receiver", assisted=("10.0.0.7:4000",), ttl=7, send_delay_ms=3000))
    assert sent(made) == [Send(0, ("192.0.2.1", 4000), 0.0)]
    assert (made.delay, made.ttl, made.wait) == (0.0, 7, 5.0)


def test_a_receiver_with_a_window_tries_its_ports_only() -> None:
    made = plan(answer("receiver", candidate_ports=window(3999, 4001)))
    assert sent(made) == [Send(0, ("192.0.2.1", port), 0.002) for port in (3999, 4000, 4001)]


def test_a_sender_with_a_window_tries_the_known_address_too() -> None:
    made = plan(answer(candidate_ports=window(3999, 4000)))
    assert [send.address[1] for send in sent(made)] == [4000, 3999, 4000]


def test_all_sockets_of_a_receiver_send() -> None:
    made = plan(answer("receiver", ("192.0.2.1:4000", "192.0.2.1:4001"), listen_random_ports=256, ttl=4))
    every = sent(made)
    assert made.sockets == 257
    assert len(every) == 514
    assert {send.socket for send in every} == set(range(257))
    assert every[0].address == every[256].address  # first one address from all sockets, then the other


def test_fewer_sockets_where_files_are_scarce() -> None:
    made = plan(answer("receiver", listen_random_ports=256))
    assert len(list(made.first(3))) == 3


def test_random_ports_of_both_hosts() -> None:
    made = plan(answer(candidates=("192.0.2.1:4000", "192.0.2.2:4001"), send_random_ports=3))
    numbers = iter([5000, 5000, 5001, 5000, 6000])  # repetitions are not sent
    guesses = list(made.guesses(lambda low, high: next(numbers)))
    assert [send.address for send in guesses] == [
        (host, port) for port in (5000, 5001, 6000) for host in ("192.0.2.1", "192.0.2.2")
    ]
    assert {send.pause for send in guesses} == {0.015}


@pytest.mark.parametrize("seed", range(3))
def test_random_ports_are_in_the_range_of_the_reference(seed: int) -> None:
    limits = set()
    made = plan(answer(send_random_ports=5))
    counter = iter(range(2000 + seed, 9000))

    def number(low: int, high: int) -> int:
        limits.add((low, high))
        return next(counter)

    assert len(list(made.guesses(number))) == 5
    assert limits == {(1024, 65534)}


def test_repeated_and_unusable_addresses_are_left_out() -> None:
    made = plan(
        answer(
            candidates=("192.0.2.1:4000", "192.0.2.1:4000"),
            assisted=("[::1]:4000", "printer:631", "224.0.0.1:4000", "10.0.0.7:0", "10.0.0.7:4000"),
        )
    )
    assert [send.address for send in sent(made)] == [("10.0.0.7", 4000), ("192.0.2.1", 4000)]


@pytest.mark.parametrize("candidates", [(), ("somewhere.example:4000",), ("255.255.255.255:9",)])
def test_an_answer_without_a_usable_address(candidates: tuple[str, ...]) -> None:
    with pytest.raises(RemoteProtocolError, match="empty candidate addresses"):
        plan(answer(candidates=candidates))


@pytest.mark.parametrize(
    ("asked", "problem"),
    [
        ({"send_delay_ms": 86_400_000}, "a delay of 86400000 ms .* and 10000 is the most"),
        ({"read_timeout_ms": 86_400_000}, "waiting 86400000 ms .* and 38000 is the most"),
        ({"candidate_ports": window(1, 65535)}, "65535 candidate ports, and 21 is the most"),
        ({"candidate_ports": window(1, 2**62)}, "candidate ports, and 21 is the most"),
        ({"candidate_ports": window(5, 5) * 10_000}, "10000 candidate ports, and 21 is the most"),
        ({"candidate_ports": window(0, 3)}, "not in 1..65535"),
        ({"candidate_ports": window(65530, 65540)}, "not in 1..65535"),
        ({"send_random_ports": 1001}, "1001 random ports, and 1000 is the most"),
        ({"role": "receiver", "listen_random_ports": 257}, "257 additional sockets, and 256 is the most"),
        (
            {"role": "receiver", "listen_random_ports": 256, "candidate_ports": window(1, 6)},
            "6 candidate ports, and 5 is the most",
        ),
        ({"role": "receiver", "listen_random_ports": 2, "send_random_ports": 2}, "from additional sockets"),
        ({"ttl": 256}, "a TTL of 256"),
        ({"candidates": tuple(f"192.0.2.{n}:4000" for n in range(1, 4))}, "3 outside addresses"),
        ({"assisted": tuple(f"10.0.0.{n}:4000" for n in range(1, 12))}, "11 inside addresses"),
    ],
)
def test_an_answer_that_asks_for_too_much(asked: dict[str, Any], problem: str) -> None:
    with pytest.raises(RemoteProtocolError, match=problem):
        plan(answer(**asked))


def test_negative_numbers_mean_nothing() -> None:
    made = plan(
        answer(send_delay_ms=-5, read_timeout_ms=-5, send_random_ports=-5, listen_random_ports=-5, ttl=-1)
    )
    assert (made.delay, made.wait, made.ttl, made.sockets, len(sent(made))) == (0.0, 5.0, 0, 1, 1)


def test_the_longest_plan() -> None:
    """Mode 4 towards a peer with two addresses."""
    made = plan(
        answer(
            "receiver",
            ("192.0.2.1:4000", "192.0.2.2:4000"),
            listen_random_ports=256,
            candidate_ports=window(3998, 4002),
        )
    )
    assert len(sent(made)) == MOST_DATAGRAMS == 2570
