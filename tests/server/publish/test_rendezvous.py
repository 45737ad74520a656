"""The rendezvous of xtcp: the recorded exchanges with both sides, and what each side may not do."""

from __future__ import annotations

import asyncio
import tracemalloc
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from aiofrp import logs
from aiofrp.errors import Closed, FrpError
from aiofrp.host.contexts import HoleOwner
from aiofrp.host.messages import Messages
from aiofrp.server.publish import rendezvous
from aiofrp.server.publish.rendezvous import Member, Rendezvous
from aiofrp.wire.frp.auth import sign_key
from aiofrp.wire.frp.codec import V1, Decoder
from aiofrp.wire.frp.messages import Message, NatHoleClient, NatHoleReport, NatHoleResp, NatHoleVisitor
from tests.support.ends import until
from tests.wire.nathole.vectors import load

RECORDINGS = [
    "xtcp-easy-easy-kcp",
    "xtcp-easy-easy-quic",
    "xtcp-hard-easy-mode2",
    "xtcp-hard-hard-fail",
    "xtcp-regular-easy-mode1",
    "xtcp-regular-hard-mode4",
    "xtcp-regular-regular-mode3",
]
ADDRS = ("192.0.2.1:5", "192.0.2.1:5")


class Session:
    """One session of a client: what frps sends it."""

    def __init__(self, holes: Rendezvous, user: str = "", host: str = "192.0.2.9") -> None:
        self.got: list[Any] = []
        self.messages = Messages(self.got.append)
        holes.serve(Member(self.messages, user, host, logs.get("test")))

    def says(self, message: Message) -> None:
        callback = self.messages.find(message)
        assert callback is not None
        assert callback(message) is None

    def asks(self, name: str = "p2p", key: str = "secret", **values: Any) -> NatHoleResp | None:
        """Ask for a hole; the answer, if it has come at once."""
        before = len(self.got)
        values = {"mapped_addrs": ADDRS, "timestamp": 7, "sign_key": sign_key(key, 7), **values}
        self.says(NatHoleVisitor(transaction_id="v", proxy_name=name, **values))
        return self.got[-1] if len(self.got) > before else None


class Rig:
    """A rendezvous, a client with the proxy ``p2p``, and a visitor."""

    def __init__(self) -> None:
        self.holes = Rendezvous(3600.0)
        self.client, self.visitor = Session(self.holes), Session(self.holes)
        self.asked: list[str] = []
        self.failures: list[Callable[[FrpError], None]] = []  # of them: to be called when it cannot be asked

    def ask(self, sid: str, failed: Callable[[FrpError], None]) -> None:
        """What the proxy does to ask its client."""
        self.asked.append(sid)
        self.failures.append(failed)

    async def publish(self, secret: str = "secret", users: tuple[str, ...] = ("",)) -> None:
        owner = HoleOwner(secret, users, self.client.messages, self.ask)
        self.lease = await self.holes.claim("p2p", owner)

    def announce(self, sid: str, addrs: tuple[str, ...] = ADDRS, session: Session | None = None) -> None:
        message = NatHoleClient(transaction_id="c", proxy_name="p2p", sid=sid, mapped_addrs=addrs)
        (session or self.client).says(message)

    async def answered(self, count: int) -> None:
        """Wait until both together have ``count`` answers."""
        await until(lambda: len(self.client.got) + len(self.visitor.got) == count)


@pytest.fixture
async def rig(monkeypatch: pytest.MonkeyPatch) -> Rig:
    """With a proxy that the user without a name may reach; the sender is not made to wait."""
    monkeypatch.setattr(rendezvous, "SENDER_DELAY", 0.0)
    made = Rig()
    await made.publish()
    return made


def recorded(name: str) -> list[tuple[str, Message, bytes]]:
    """The messages about holes on the control connections: from whom, decoded, encoded."""
    found = []
    for event in load(name)["events"]:
        if event["channel"].startswith("control") and event["message"].startswith("NatHole"):
            raw = bytes.fromhex(event["plaintext_hex"])
            (message,) = Decoder().receive_data(raw)
            found.append((event["from"] if event["from"] != "server" else event["to"], message, raw))
    return found


def of_side(messages: list[tuple[str, Message, bytes]], side: str) -> list[bytes]:
    """The answers that ``side`` got."""
    return [raw for who, message, raw in messages if who == side and isinstance(message, NatHoleResp)]


@pytest.mark.parametrize("name", RECORDINGS)
async def test_a_recorded_exchange(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rendezvous, "SENDER_DELAY", 0.0)
    rig, messages = Rig(), recorded(name)
    await rig.publish("rigsecret")
    sids: dict[str, str] = {}  # the recorded ones → ours
    client, visitor = "client(proxy side)", "visitor"
    for who, message, _ in messages:
        if isinstance(message, NatHoleVisitor):
            rig.visitor.says(message)
        elif isinstance(message, NatHoleClient):
            sids[message.sid] = rig.asked[-1]
            answers = len(rig.client.got) + len(rig.visitor.got) + 2
            rig.client.says(msgspec.structs.replace(message, sid=rig.asked[-1]))
            await rig.answered(answers)
        elif isinstance(message, NatHoleReport):
            assert who == client
            rig.client.says(msgspec.structs.replace(message, sid=sids[message.sid]))
    theirs = {ours: recorded_sid for recorded_sid, ours in sids.items()}
    for side, session in ((client, rig.client), (visitor, rig.visitor)):
        ours = [
            V1.encode(msgspec.structs.replace(got, sid=theirs.get(got.sid, got.sid))) for got in session.got
        ]
        expected = of_side(messages, side)
        assert ours[: len(expected)] == expected
        assert len(expected) >= 1


async def test_the_receiver_is_answered_before_the_sender(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rendezvous, "SENDER_DELAY", 0.05)
    rig = Rig()
    await rig.publish()
    rig.visitor.asks()
    rig.announce(rig.asked[0])
    assert rig.visitor.got[0].detect_behavior.role == "receiver"
    assert rig.client.got == []
    await until(lambda: bool(rig.client.got))
    assert rig.client.got[0].detect_behavior.role == "sender"


async def test_a_pre_check_names_what_is_wrong(rig: Rig) -> None:
    stranger = Session(rig.holes, "eve")
    for name, error in (
        ("none", "xtcp server for [none] doesn't exist"),
        ("p2p", "xtcp visitor user [eve] not allowed for [p2p]"),
    ):
        answer = stranger.asks(name, pre_check=True)
        assert answer == NatHoleResp(transaction_id="v", error=error)
    assert rig.visitor.asks(pre_check=True) == NatHoleResp(transaction_id="v")


async def test_a_request_is_judged_again(rig: Rig) -> None:
    for session, name, key, error in (
        (rig.visitor, "none", "secret", "xtcp server for [none] doesn't exist"),
        (rig.visitor, "p2p", "wrong", "xtcp connection of [p2p] auth failed"),
        (Session(rig.holes, "eve"), "p2p", "secret", "xtcp visitor user [eve] not allowed for [p2p]"),
    ):
        answer = session.asks(name, key)
        assert answer is not None
        assert answer.error == error
    assert rig.asked == []
    assert len(rig.holes) == 0


async def test_a_proxy_that_has_ended_is_asked_no_more(rig: Rig) -> None:
    rig.lease.end()
    answer = rig.visitor.asks()
    assert answer is not None
    assert answer.error == "xtcp server for [p2p] doesn't exist"


async def test_nobody_else_answers_for_the_client(rig: Rig) -> None:
    rig.visitor.asks()
    rig.announce(rig.asked[0], session=Session(rig.holes))
    rig.announce("unknown")
    assert rig.visitor.got == []
    rig.announce(rig.asked[0])
    await until(lambda: bool(rig.visitor.got and rig.client.got))
    rig.announce(rig.asked[0])  # once more: it has no effect
    await asyncio.sleep(0.01)
    assert len(rig.visitor.got) == len(rig.client.got) == 1


async def test_addresses_that_cannot_be_used_end_the_attempt_for_both(rig: Rig) -> None:
    rig.visitor.asks(mapped_addrs=("192.0.2.1:5", "nonsense"))
    rig.announce(rig.asked[0])
    assert rig.visitor.got[0].error == rig.client.got[0].error
    assert rig.visitor.got[0].error.startswith("classify visitor nat feature error: ")
    assert (rig.visitor.got[0].transaction_id, rig.client.got[0].transaction_id) == ("v", "c")
    assert len(rig.holes) == 0


async def test_a_success_is_tried_first_again(rig: Rig) -> None:
    roles = []
    for success in (False, True, True):
        rig.visitor.asks()
        rig.announce(rig.asked[-1])
        await until(lambda: len(rig.visitor.got) == len(rig.client.got) == len(rig.asked))
        behavior = rig.client.got[-1].detect_behavior
        roles.append((behavior.role, behavior.ttl))
        stranger = Session(rig.holes)
        stranger.says(NatHoleReport(sid=rig.asked[-1], success=True))  # it is none of its business
        rig.client.says(NatHoleReport(sid=rig.asked[-1], success=success))
    assert roles == [("sender", 0), ("receiver", 7), ("receiver", 7)]
    assert len(rig.holes) == 0


async def test_the_visitor_of_a_client_that_says_nothing_is_told(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rendezvous, "CLIENT_TIMEOUT", 0.01)
    rig.visitor.asks()
    assert len(rig.holes) == 1
    await until(lambda: len(rig.holes) == 0)
    error = "xtcp proxy [p2p]: its frpc announced no addresses within 0.01 s; its log may say why"
    assert rig.visitor.got == [NatHoleResp(transaction_id="v", error=error)]
    rig.failures[0](Closed("too late for it"))
    rig.announce(rig.asked[0])
    rig.visitor.asks()
    rig.lease.end()
    await until(lambda: len(rig.holes) == 0)
    assert rig.visitor.got[1].error == "xtcp proxy [p2p]: the proxy has ended meanwhile"
    assert len(rig.visitor.got) == 2
    assert rig.client.got == []


async def test_the_visitor_of_a_client_that_cannot_be_asked_is_told_at_once(rig: Rig) -> None:
    rig.visitor.asks()
    rig.failures[0](Closed("the session is over"))
    error = "xtcp proxy [p2p]: its frpc could not be asked for its addresses: the session is over"
    assert rig.visitor.got == [NatHoleResp(transaction_id="v", error=error)]
    assert len(rig.holes) == 0


async def test_many_sessions_leave_attempts_for_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of one address, and of several: whose attempt gives way is told."""
    monkeypatch.setattr(rendezvous, "MAX_ATTEMPTS", 64)
    monkeypatch.setattr(rendezvous, "MAX_OF_ADDRESS", 20)
    rig = Rig()
    await rig.publish()
    visitors = [Session(rig.holes, host=f"192.0.2.{number % 4}") for number in range(40)]
    for visitor in visitors:
        for _ in range(50):
            visitor.asks()
    assert len(rig.holes) == 64
    before = [len(visitor.got) for visitor in visitors]
    sids = len(rig.asked)
    for host in ("192.0.2.1", "192.0.2.77", "192.0.2.78"):
        assert Session(rig.holes, host=host).asks() is None, host
    assert len(rig.asked) == sids + 3
    assert len(rig.holes) == 64
    notices = [
        visitor.got[-1] for visitor, count in zip(visitors, before, strict=True) if len(visitor.got) > count
    ]
    assert 1 <= len(notices) <= 3
    assert {notice.error for notice in notices} == {
        "too many attempts to punch a hole are under way, try again in a minute"
    }


async def test_one_visitor_has_a_limit_and_others_have_not_his(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rendezvous, "SENDER_DELAY", 0.0)
    monkeypatch.setattr(rendezvous, "MAX_OF_SESSION", 3)
    rig = Rig()
    await rig.publish()
    assert [rig.visitor.asks() for _ in range(3)] == [None] * 3
    answer = rig.visitor.asks()
    assert answer is not None
    assert answer.error.startswith("too many attempts to punch a hole are under way")
    other = Session(rig.holes)
    assert other.asks() is None
    for sid in rig.asked:
        rig.announce(sid)
    await until(lambda: len(rig.client.got) == 4)
    for sid in rig.asked:
        rig.client.says(NatHoleReport(sid=sid))
    assert rig.visitor.asks() is None


async def test_a_protocol_that_nobody_knows_is_not_passed_on(rig: Rig) -> None:
    rig.visitor.asks(protocol="x" * 1000)
    rig.announce(rig.asked[0])
    assert rig.visitor.got[0].protocol == "quic"


@pytest.mark.parametrize(
    "long",
    [
        {"mapped_addrs": tuple(f"{n:03x}" for n in range(10_000))},
        {"assisted_addrs": tuple(f"{n:03x}" for n in range(10_000))},
        {"protocol": "x" * 60_000},
    ],
    ids=lambda long: str(*long),
)
async def test_little_is_kept_of_a_long_request(rig: Rig, long: dict[str, Any]) -> None:
    values = {"timestamp": 7, "sign_key": sign_key("secret", 7), "mapped_addrs": ADDRS, **long}
    body = msgspec.json.encode(NatHoleVisitor(transaction_id="v", proxy_name="p2p", **values))
    del long, values
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        for _ in range(8):
            rig.visitor.says(msgspec.json.decode(body, type=NatHoleVisitor))
        assert tracemalloc.get_traced_memory()[0] - before < 8 * 4096
    finally:
        tracemalloc.stop()
    assert len(rig.holes) == 8


async def test_a_transaction_id_is_short(rig: Rig) -> None:
    rig.visitor.says(
        NatHoleVisitor(
            transaction_id="v" * 257, proxy_name="p2p", sign_key=sign_key("secret", 7), timestamp=7
        )
    )
    assert rig.visitor.got[0].error == "the transaction id has more than 256 characters"
    assert len(rig.holes) == 0
    rig.visitor.asks()
    rig.client.says(NatHoleClient(transaction_id="c" * 257, sid=rig.asked[0], mapped_addrs=ADDRS))
    await asyncio.sleep(0.01)
    assert not rig.client.got
    rig.announce(rig.asked[0])
    await until(lambda: len(rig.client.got) == 1)
