"""The recorded exchanges replayed in both roles of frpc: frps and the peer say what they said then.

The addresses of the recordings are not sent to: sockets of the test say that they are there (:class:`Wan`).
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import msgspec
import pytest

from aiofrp import logs
from aiofrp.config.load.decode import decode_proxy, decode_visitor
from aiofrp.errors import ProxyError
from aiofrp.host.contexts import ClientContext, DirectOptions, VisitorContext
from aiofrp.host.messages import Messages
from aiofrp.nat.discover import Discovered
from aiofrp.nat.punch import driver
from aiofrp.nat.punch.plan import Plan, plan
from aiofrp.nat.tunnel import DirectTunnel
from aiofrp.proxy.direct import client as clientside
from aiofrp.proxy.direct import exchange
from aiofrp.proxy.direct import visitor as visitorside
from aiofrp.proxy.direct.client import DirectClient
from aiofrp.proxy.direct.visitor import DirectVisitor
from aiofrp.stream.base import Stream
from aiofrp.stream.memory import memory_pair
from aiofrp.stream.splice import Splices
from aiofrp.wire.frp.codec import V1
from aiofrp.wire.frp.messages import (
    Message,
    NatHoleClient,
    NatHoleReport,
    NatHoleResp,
    NatHoleSid,
    NatHoleVisitor,
    StartWorkConn,
)
from aiofrp.wire.nathole.endpoint import parse_endpoint
from tests.support.ends import PATIENCE, End, until
from tests.wire.nathole.vectors import load

SECRET = "rigsecret"
VISITOR, CLIENT = "visitor", "client(proxy side)"
HOSTS = {VISITOR: "198.51.100.20", CLIENT: "198.51.100.10"}
#: The recordings, and whether what was kept of each has the datagram that made the hole, for visitor and client.
RECORDINGS = {
    "xtcp-easy-easy-kcp": (True, True),
    "xtcp-easy-easy-quic": (True, True),
    "xtcp-hard-easy-mode2": (False, False),
    "xtcp-hard-hard-fail": (False, False),
    "xtcp-regular-easy-mode1": (False, False),
    "xtcp-regular-hard-mode4": (False, False),
    "xtcp-regular-regular-mode3": (False, False),
}
CASES = [(name, role) for name in RECORDINGS for role in (VISITOR, CLIENT)]
DEFAULT_TTL = 64


class Recording:
    """The first attempt of a recording, as one role saw it."""

    def __init__(self, name: str, role: str) -> None:
        self.role = role
        events = load(name)["events"]
        self.said: list[Message] = []  # by the role about holes, in order
        self.answers: list[NatHoleResp] = []
        self.sid = b""  # what came on the work connection
        for event in events:
            kind = event.get("message", "")
            if kind == "NatHoleSid" and not self.sid:
                self.sid = bytes.fromhex(event["wire_hex"])
            if kind.startswith("NatHole") and event["channel"].startswith("control"):
                (message,) = V1.decoder().receive_data(bytes.fromhex(event["plaintext_hex"]))
                if event["from"] == role:
                    self.said.append(message)
                elif event["to"] == role and isinstance(message, NatHoleResp):
                    self.answers.append(message)
        self.request = next(
            message
            for message in self.said
            if isinstance(message, NatHoleClient | NatHoleVisitor) and message.mapped_addrs
        )
        datagrams = [
            event
            for event in events
            if event["channel"] == "udp" and (event["kind"] == "tunnel packet" or self._of_attempt(event))
        ]
        self.ours = [event for event in datagrams if event["from"].startswith(HOSTS[role])]
        self.theirs = [event for event in datagrams if not event["from"].startswith(HOSTS[role])]

    def _of_attempt(self, event: Any) -> bool:
        (message,) = V1.decoder().receive_data(self.sid)
        assert isinstance(message, NatHoleSid)
        return bool(event.get("fields", {}).get("sid") == message.sid)

    def detections(self, events: list[Any]) -> list[Any]:
        """Those of ``events`` that are SID datagrams."""
        return [event for event in events if event["kind"] == "SID detect message"]


class Wan(socket.socket):
    """A UDP socket in the recorded network: whatever it sends goes to ``peer`` on 127.0.0.1, and is noted."""

    def __init__(self, peer: tuple[str, int], log: list[tuple[tuple[str, int], int]]) -> None:
        super().__init__(socket.AF_INET, socket.SOCK_DGRAM)
        self.setblocking(False)
        self.bind(("127.0.0.1", 0))
        self.peer, self.log = peer, log

    def sendto(self, data: Any, address: Any) -> int:  # type: ignore[override]
        self.log.append((address, self.getsockopt(socket.IPPROTO_IP, socket.IP_TTL)))
        return super().sendto(data, self.peer)

    def recvfrom(self, size: int, flags: int = 0) -> tuple[bytes, Any]:
        data, _ = super().recvfrom(size, flags)
        return data, self.far

    def connect(self, address: Any) -> None:
        assert address == self.far
        super().connect(self.peer)

    far: tuple[str, int] = ("", 0)  # where what comes next says that it comes from


class Rig:
    """One role, with a server and a peer that replay a recording."""

    def __init__(self, name: str, role: str, monkeypatch: pytest.MonkeyPatch) -> None:
        self.recording = Recording(name, role)
        self.lost = name == "xtcp-hard-hard-fail"
        self.met = RECORDINGS[name][role == CLIENT]
        self.said: list[Message] = []
        self.sent: list[tuple[tuple[str, int], int]] = []
        self.plan: Plan | None = None
        self.peer = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.peer.setblocking(False)
        self.peer.bind(("127.0.0.1", 0))
        self.wan = Wan(self.peer.getsockname(), self.sent)
        self.messages = Messages(self._from_frpc)
        self._answers = iter(self.recording.answers)
        self.opened: list[str] = []  # protocols of tunnels
        monkeypatch.setattr(exchange, "discover", self._discover)
        monkeypatch.setattr(exchange, "plan", self._plan)
        monkeypatch.setattr(driver, "_more_sockets", self._more)
        monkeypatch.setattr(driver, "_NONCE", 0)
        self.context = SimpleNamespace(
            messages=self.messages,
            direct=DirectOptions("192.0.2.1:3478"),
            log=logs.get("aiofrp.test"),
            codec=V1,
            udp_packet_size=1500,
            limit=None,
            network=None,
            connections=Splices(),
            lasting=lambda kind, make: make(),
        )

    async def _discover(self, servers: Any, *, assisted: bool) -> Discovered:
        request = self.recording.request
        assert isinstance(request, NatHoleClient | NatHoleVisitor)
        return Discovered(self.wan, request.mapped_addrs, request.assisted_addrs, "127.0.0.1:0")

    def _plan(self, answer: NatHoleResp) -> Plan:
        """The true plan, without its delays; the peer begins to send."""
        self.plan = replace(
            plan(answer),
            delay=0.0,
            wait=PATIENCE if self.met else 0.2,
            random_ports=min(20, plan(answer).random_ports),
        )
        asyncio.get_running_loop().call_later(0.05, self.peer_sends)
        return self.plan

    def _more(self, count: int) -> list[Wan]:
        return [Wan(self.peer.getsockname(), self.sent) for _ in range(min(count, 3))]

    def peer_sends(self) -> None:
        """The recorded SID datagrams of the peer; those that no NAT let through are left out."""
        if self.lost:
            return
        for event in self.recording.detections(self.recording.theirs):
            self.wan.far = parse_endpoint(event["from"])
            self.peer.sendto(bytes.fromhex(event["payload_hex"]), self.wan.getsockname())

    def _from_frpc(self, message: Message) -> None:
        self.said.append(message)
        if isinstance(message, NatHoleReport):
            return
        answer = next(self._answers)
        assert isinstance(message, NatHoleClient | NatHoleVisitor)
        answer = msgspec.structs.replace(answer, transaction_id=message.transaction_id)
        handle = self.messages.find(answer)
        assert handle is not None
        asyncio.get_running_loop().call_soon(handle, answer)

    def visitor(self, protocol: str) -> DirectVisitor:
        """The visitor of the recording."""
        config = decode_visitor(
            {
                "name": "v",
                "type": "xtcp",
                "serverName": "p2p",
                "secretKey": SECRET,
                "bindPort": -1,
                "protocol": protocol,
            }
        )
        return DirectVisitor(cast("VisitorContext", self.context), cast("Any", config), "p2p")

    def client(self, users: list[Stream]) -> DirectClient:
        """The client of the recorded proxy; ``users`` gets the streams of its tunnels."""
        config = decode_proxy({"name": "p2p", "type": "xtcp", "localPort": 22, "secretKey": SECRET})

        async def close() -> None:
            pass

        half = SimpleNamespace(on_work_connection=lambda stream, start: users.append(stream), close=close)
        return DirectClient(
            cast("ClientContext", self.context), cast("Any", config), lambda *_: cast("Any", half)
        )

    def work_connection(self, client: DirectClient) -> End:
        """Give the client the recorded session id."""
        near, far = memory_pair()
        end = End(far).attach()
        end.write(self.recording.sid)
        client.on_work_connection(near, StartWorkConn(proxy_name="p2p"))
        return end

    def close(self) -> None:
        self.peer.close()
        self.wan.close()


@pytest.fixture
def rigs(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    made: list[Rig] = []

    def make(name: str, role: str) -> Rig:
        made.append(Rig(name, role, monkeypatch))
        return made[-1]

    yield make
    for rig in made:
        rig.close()


def check_said(rig: Rig) -> None:
    """Every message has the recorded bytes, but for ids and times of its own."""
    recorded = {type(message): message for message in reversed(rig.recording.said)}
    for message in rig.said:
        then = rig.recording.request if getattr(message, "mapped_addrs", ()) else recorded[type(message)]
        if isinstance(message, NatHoleVisitor) and message.pre_check:
            then = rig.recording.said[0]
        own = {
            key: getattr(message, key)
            for key in ("transaction_id", "timestamp", "sign_key")
            if getattr(message, key, None)
        }
        if isinstance(message, NatHoleReport) and not message.success:
            then = msgspec.structs.replace(then, success=False)
        assert V1.encode(message) == V1.encode(msgspec.structs.replace(then, **own))


def check_sent(rig: Rig) -> None:
    """SID datagrams go where the recorded ones went, with their TTL, and to no host that the answer does not name."""
    answer = rig.recording.answers[-1] if rig.recording.role == CLIENT else rig.recording.answers[1]
    named = {parse_endpoint(text)[0] for text in (*answer.candidate_addrs, *answer.assisted_addrs)}
    assert rig.sent
    assert {address[0] for address, _ in rig.sent} <= named
    random_ports = answer.detect_behavior.send_random_ports
    for event in rig.recording.detections(rig.recording.ours):
        address, ttl = parse_endpoint(event["to"]), event["ip_ttl_seen_on_wan"] + 1
        sent = {(host, ttl) for (host, _), ttl in rig.sent} if random_ports else set(rig.sent)
        assert ((address[0], ttl) if random_ports else (address, ttl)) in sent, event["to"]


@pytest.mark.parametrize(("name", "role"), CASES)
async def test_a_recorded_exchange(name: str, role: str, rigs: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    rig: Rig = rigs(name, role)

    async def opened(hole: Any, protocol: str, *rest: Any) -> DirectTunnel:
        rig.opened.append(protocol)
        hole.socket.close()
        return cast("DirectTunnel", SimpleNamespace(close=lambda: None))

    monkeypatch.setattr(visitorside, "dial_tunnel", opened)
    monkeypatch.setattr(clientside, "accept_tunnel", opened)
    if role == VISITOR:
        visitor = rig.visitor(getattr(rig.recording.request, "protocol", ""))
        if rig.met:
            await visitor._make_tunnel(lambda exc: None)
        else:
            with pytest.raises(ProxyError, match="make hole error"):
                await visitor._make_tunnel(lambda exc: None)
    else:
        client = rig.client([])
        end = rig.work_connection(client)
        await until(lambda: any(isinstance(message, NatHoleReport) for message in rig.said))
        await client.close()
        await until(lambda: end.lost)
        report = rig.said[-1]
        assert isinstance(report, NatHoleReport)
        assert report.success is rig.met
    assert bool(rig.opened) is rig.met
    check_said(rig)
    check_sent(rig)


async def test_recorded_tunnel_over_kcp_from_the_proxys_side(rigs: Any) -> None:
    """The recorded visitor's datagrams, byte for byte, bring its user to the service, and the answer leaves."""
    rig: Rig = rigs("xtcp-easy-easy-kcp", CLIENT)
    users: list[Stream] = []
    client = rig.client(users)
    end = rig.work_connection(client)
    tunnels = cast("Any", client)._tunnels
    await until(lambda: len(tunnels) == 1 and tunnels._open and None not in tunnels._open.values())
    for event in rig.recording.theirs[2:]:
        rig.peer.sendto(bytes.fromhex(event["payload_hex"]), rig.wan.getsockname())
    await until(lambda: bool(users))
    user = End(users[0]).attach()
    await until(lambda: user.data == b"hello")
    drain(rig.peer)
    user.write(b"E:hello")
    await until(lambda: b"E:hello" in drain(rig.peer))
    user.close()
    await client.close()
    await tunnels.close()
    await until(lambda: end.lost and user.lost)


async def test_recorded_tunnel_over_kcp_from_the_visitors_side(rigs: Any) -> None:
    """The recorded proxy side's datagrams, byte for byte, are the answer for a user."""
    rig: Rig = rigs("xtcp-easy-easy-kcp", VISITOR)
    visitor = rig.visitor("kcp")
    tunnel = await visitor._make_tunnel(lambda exc: None)
    opened: list[Stream] = []
    tunnel.open(opened.append, lambda exc: None)
    user = End(opened[0]).attach()
    drain(rig.peer)
    user.write(b"hello")
    await until(lambda: b"hello" in drain(rig.peer))
    for event in rig.recording.theirs[1:]:
        rig.peer.sendto(bytes.fromhex(event["payload_hex"]), rig.wan.getsockname())
    await until(lambda: user.data == b"E:hello")
    tunnel.close()
    await until(lambda: user.lost)


def drain(sock: socket.socket) -> bytes:
    """All that has come to ``sock``."""
    came = b""
    while True:
        try:
            came += sock.recv(2048)
        except BlockingIOError:
            return came
