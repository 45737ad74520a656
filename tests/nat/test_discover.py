"""Discovery against a small STUN server: what is asked, in which order, and each error by its cause."""

from __future__ import annotations

import asyncio
import socket
from contextlib import AsyncExitStack
from itertools import count

import pytest

from aiofrp.errors import ConnectFailed, RemoteProtocolError, TimedOut, TransportError
from aiofrp.nat import discover as module
from aiofrp.nat.discover import Discovered, TooFewAddresses, discover, servers_of
from aiofrp.transport.net import ListenFailed
from tests.support.stun import ERROR, attribute, response, stun_server, stun_socket


async def discovered(*servers: str, listen: str = "127.0.0.1:0", assisted: bool = True) -> Discovered:
    """What was found; its socket is closed."""
    found = await discover(servers, listen=listen, assisted=assisted)
    found.socket.close()
    return found


@pytest.fixture
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    """Servers that do not answer cost little time."""
    monkeypatch.setattr(module, "TIMEOUT", 0.1)
    monkeypatch.setattr(module, "RETRANSMIT_AFTER", 0.02)


def test_a_list_of_servers() -> None:
    assert servers_of("a:1") == ("a:1",)
    assert servers_of(" a:1 ,b,, c:2,") == ("a:1", "b", "c:2")
    assert servers_of("") == ()


async def test_one_server_with_two_addresses() -> None:
    async with stun_server() as (first, second):
        found = await discover([first.name], listen="127.0.0.1:0")
        with found.socket:
            assert found.socket.getsockname() == ("127.0.0.1", int(found.local.rpartition(":")[2]))
            assert not found.socket.getblocking()
            assert found.mapped == (found.local, found.local)
            assert [len(first.requests), len(second.requests)] == [1, 1]
            assert first.requests[0][:8] == bytes.fromhex("000100002112a442")
            assert first.requests[0] != second.requests[0]
            port = found.local.rpartition(":")[2]
            assert all(address.endswith(f":{port}") for address in found.assisted)


async def test_without_own_addresses_and_on_any_address() -> None:
    async with stun_server() as (first, _):
        found = await discovered(first.name, listen="", assisted=False)
        assert found.assisted == ()
        assert found.local.startswith("0.0.0.0:")
        assert found.mapped[0].startswith("127.0.0.1:")


async def test_a_hard_nat() -> None:
    ports = count(40_000)
    async with stun_server() as (first, second):
        first.seen_as = second.seen_as = lambda source: ("198.51.100.9", next(ports))
        assert (await discovered(first.name)).mapped == ("198.51.100.9:40000", "198.51.100.9:40001")


async def test_lost_requests_are_sent_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RETRANSMIT_AFTER", 0.1)
    async with stun_server() as (first, second):
        first.ignored, second.ignored = 2, 1
        await discovered(first.name)
        assert len(first.requests) >= 3
        assert len(second.requests) >= 2
        assert len(set(first.requests)) == 1


async def test_a_name_is_looked_up() -> None:
    async with stun_server() as (first, _):
        assert (await discovered(f"localhost:{first.address[1]}", listen="localhost:0")).mapped


@pytest.mark.usefixtures("fast")
async def test_no_answer() -> None:
    async with stun_socket() as silent:
        silent.ignored = 1000
        with pytest.raises(TimedOut, match=r"^wait response from stun server timeout$"):
            await discovered(silent.name)
        assert 1 <= len(silent.requests) <= 3


async def test_one_address_only() -> None:
    async with stun_socket() as server:
        with pytest.raises(TooFewAddresses, match=r"^not enough addresses$") as caught:
            await discovered(server.name)
        assert len(caught.value.mapped) == 1


async def test_a_server_that_names_itself() -> None:
    async with stun_socket() as server:
        server.other = server.address
        assert len((await discovered(server.name)).mapped) == 2
        assert len(server.requests) == 2


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (lambda id_: response(id_) + b"\0", "malformed STUN response: packet is 21 bytes"),
        (lambda id_: response(id_), "^no external address found$"),
        (
            lambda id_: response(id_, attribute(ERROR, b"\0\0\4\x14no"), kind=0x0111),
            "^STUN binding error 420: no$",
        ),
    ],
)
async def test_bad_answers(answer: object, error: str) -> None:
    async with stun_socket() as server:
        server.answer = answer  # type: ignore[assignment]
        with pytest.raises(RemoteProtocolError, match=error):
            await discovered(server.name)


async def test_answers_that_are_none_are_skipped() -> None:
    async with stun_server() as (first, _), stun_socket() as other:
        good = first.datagram_received

        def answer(data: bytes, addr: tuple[str, int]) -> None:
            for noise in (b"", b"\x01", response(bytes(12)), data, bytes(2000)):
                first.transport.sendto(noise, addr)
            other.transport.sendto(response(data[8:20]) + b"malformed, from elsewhere", addr)
            asyncio.get_running_loop().call_later(0.05, good, data, addr)

        first.datagram_received = answer  # type: ignore[method-assign]
        assert len((await discovered(first.name)).mapped) == 2


@pytest.mark.parametrize(
    "seen", [("0.0.0.0", 1), ("224.0.0.1", 5), ("2001:db8::1", 5), ("255.255.255.255", 5), ("10.0.0.1", 0)]
)
async def test_an_outside_address_that_cannot_be(seen: tuple[str, int]) -> None:
    async with stun_server() as (first, _):
        first.seen_as = lambda source: seen
        with pytest.raises(RemoteProtocolError, match=r"^address "):
            await discovered(first.name)


async def test_a_second_address_that_cannot_be() -> None:
    async with stun_socket() as server:
        server.other = ("239.1.2.3", 9)
        with pytest.raises(RemoteProtocolError, match="is not the address of one host"):
            await discovered(server.name)


async def test_the_second_server_is_asked_when_the_first_has_one_address() -> None:
    async with stun_socket() as first, stun_socket() as second, stun_socket() as third:
        found = await discovered(first.name, first.name, second.name, third.name)
        assert len(found.mapped) == 2
        assert [len(server.requests) for server in (first, second, third)] == [1, 1, 0]


async def test_the_second_server_is_asked_when_the_first_fails() -> None:
    async with stun_server() as (second, _):
        assert (await discovered("no-such-name.invalid:3478", second.name)).mapped


async def test_the_second_server_is_asked_beside_a_silent_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "NEXT_SERVER_AFTER", 0.02)
    monkeypatch.setattr(module, "TIMEOUT", 1000.0)
    async with stun_socket() as silent, stun_server() as (second, _):
        silent.ignored = 1000
        assert (await discovered(silent.name, second.name)).mapped


@pytest.mark.usefixtures("fast")
async def test_all_servers_fail() -> None:
    async with stun_socket() as first, stun_socket() as silent:
        silent.ignored = 1000
        port = first.address[1]
        with pytest.raises(TooFewAddresses) as caught:
            await discovered(first.name, silent.name, f"localhost:{port}", "127.0.0.1:bad")
        assert str(caught.value) == (
            f"not enough addresses ({first.name}: it names no second address; {silent.name}: wait response"
            f" from stun server timeout; localhost:{port}: {first.name} is asked already; 127.0.0.1:bad: address"
            " 127.0.0.1:bad: invalid port)"
        )
        assert len(caught.value.mapped) == 1


async def test_many_servers_are_cut() -> None:
    async with AsyncExitStack() as stack:
        servers = [await stack.enter_async_context(stun_socket()) for _ in range(module.MOST_SERVERS + 1)]
        for server in servers[:-1]:
            server.answer = response
        with pytest.raises(TooFewAddresses):
            await discovered(*(server.name for server in servers))
        assert [len(server.requests) for server in servers] == [1] * module.MOST_SERVERS + [0]


async def test_nothing_to_ask() -> None:
    with pytest.raises(ConnectFailed, match=r"no STUN server is configured"):
        await discovered()
    with pytest.raises(ConnectFailed, match=r"lookup no-such-name.invalid: no such host"):
        await discovered("no-such-name.invalid:3478")
    with pytest.raises(ConnectFailed, match=r"lookup ::1: no IPv4 address"):
        await discovered("[::1]:3478")
    with pytest.raises(ConnectFailed, match=r"write udp 255.255.255.255:3478: permission denied"):
        await discovered("255.255.255.255:3478")


@pytest.mark.parametrize(
    ("listen", "error"),
    [
        ("127.0.0.1", "^address 127.0.0.1: missing port in address$"),
        ("127.0.0.1:x", "^address 127.0.0.1:x: invalid port$"),
        ("127.0.0.1:65536", "^address 127.0.0.1:65536: invalid port$"),
        pytest.param("127.0.0.1:" + "9" * 5000, "invalid port$", id="digits"),
        ("no-such-name.invalid:1", "lookup no-such-name.invalid"),
    ],
)
async def test_where_to_listen(listen: str, error: str) -> None:
    with pytest.raises(TransportError, match=error):
        await discovered("127.0.0.1:1", listen=listen)


async def test_a_port_in_use() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        where = "{}:{}".format(*taken.getsockname())
        with pytest.raises(ListenFailed, match=f"^listen udp4 {where}: bind: address already in use$"):
            await discovered("127.0.0.1:1", listen=where)


async def test_giving_up_leaves_nothing() -> None:
    async with stun_socket() as silent:
        silent.ignored = 1000
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await discovered(silent.name)
