"""Questions to the server, and attempts at a hole."""

from __future__ import annotations

import asyncio
import logging
import re
import socket
from typing import Any

import pytest

from aiofrp import logs
from aiofrp.errors import ProxyError, TimedOut
from aiofrp.host.contexts import DirectOptions
from aiofrp.host.messages import Messages
from aiofrp.nat.discover import Discovered
from aiofrp.proxy.direct.exchange import Punching, ask, peer_nat
from aiofrp.proxy.xtcp import XtcpConfig
from aiofrp.wire.frp.messages import Message, NatHoleDetectBehavior, NatHoleResp, NatHoleVisitor
from aiofrp.wire.nathole.sid import new_id
from tests.support import stunserver

OPTIONS = DirectOptions()


def punching(options: DirectOptions = OPTIONS, **config: Any) -> Punching:
    """The attempts of a proxy."""
    return Punching(options, XtcpConfig(**config), logs.get("tests"))


def test_an_id_has_seconds_and_random_digits() -> None:
    assert re.fullmatch(r"\d{10}[0-9a-f]{16}", new_id())
    assert new_id() != new_id()


async def test_an_answer_is_led_by_its_transaction() -> None:
    sent: list[Message] = []
    messages = Messages(sent.append)
    asking = asyncio.gather(*(ask(messages, NatHoleVisitor(transaction_id=name), 20) for name in "ab"))
    await asyncio.sleep(0)
    assert len(sent) == 2
    for name in "cbab":  # a late one and one for nobody are dropped
        answer = NatHoleResp(transaction_id=name, sid=name)
        if (handle := messages.find(answer)) is not None:
            handle(answer)
    assert [answer.sid for answer in await asking] == ["a", "b"]
    assert messages.find(NatHoleResp(transaction_id="a")) is None


async def test_a_refusal_and_no_answer() -> None:
    messages = Messages(lambda message: None)
    with pytest.raises(TimedOut, match=r"no answer of the server within 0\.01 s"):
        await ask(messages, NatHoleVisitor(transaction_id="a"), 0.01)

    def refuse(message: Message) -> None:
        answer = NatHoleResp(transaction_id="b", error="no such proxy")
        handle = messages.find(answer)
        assert handle is not None
        handle(answer)

    messages.send = refuse
    with pytest.raises(ProxyError, match="natHoleRespMsg get error info: no such proxy"):
        await ask(messages, NatHoleVisitor(transaction_id="b"), 20)


async def test_addresses_are_found_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    with stunserver.running() as address:
        found = await punching(DirectOptions(address)).prepare()
    found.socket.close()
    assert len(found.mapped) == 2
    assert "nathole prepare success, nat type: EasyNAT, behavior: BehaviorNoChange" in caplog.text


async def test_no_stun_server() -> None:
    with pytest.raises(ProxyError, match="nathole prepare error: discover error: no STUN server"):
        await punching().prepare()


def found() -> Discovered:
    """A socket, and what STUN would say of it."""
    sock = socket.socket(type=socket.SOCK_DGRAM)
    sock.setblocking(False)
    sock.bind(("127.0.0.1", 0))
    return Discovered(sock, ("192.0.2.1:4000", "192.0.2.1:4000"), (), "127.0.0.1:4000")


async def test_a_failure_names_all_modes_since_the_last_success() -> None:
    attempts = punching()
    for mode, shown in ((0, "mode 0"), (1, "mode 0, 1")):
        answer = NatHoleResp(
            candidate_addrs=("127.0.0.1:9",),
            detect_behavior=NatHoleDetectBehavior(role="receiver", mode=mode, read_timeout_ms=1),
        )
        with pytest.raises(ProxyError, match=f"make hole error: .*tried without success: {shown}\\."):
            await attempts.hole(found(), answer)


async def test_instructions_that_no_table_has() -> None:
    """The socket is closed, and nothing is sent."""
    prepared = found()
    behavior = NatHoleDetectBehavior(role="sender", send_delay_ms=86_400_000)
    with pytest.raises(ProxyError, match=r"make hole error: .* a delay of 86400000 ms"):
        await punching().hole(
            prepared, NatHoleResp(candidate_addrs=("127.0.0.1:9",), detect_behavior=behavior)
        )
    assert prepared.socket.fileno() == -1


@pytest.mark.parametrize(
    ("candidates", "kind"),
    [
        (("192.0.2.1:4000",), "EasyNAT"),
        (("192.0.2.1:4000", "192.0.2.1:4001"), "HardNAT"),
        (("nonsense",), None),
        ((), None),
    ],
)
def test_the_nat_of_the_peer(candidates: tuple[str, ...], kind: str | None) -> None:
    nat = peer_nat(NatHoleResp(candidate_addrs=candidates))
    assert (nat and nat.type) == kind
