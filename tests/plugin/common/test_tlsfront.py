"""The TLS front of plugins: certificates, what users agree on, and handshakes that fail, are late or too many."""

from __future__ import annotations

import gc
import logging
import ssl
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
from cryptography.hazmat.primitives import serialization

from aiofrp import logs
from aiofrp.errors import ConfigError
from aiofrp.host.contexts import ClientContext
from aiofrp.plugin.common import tlsfront
from aiofrp.plugin.common.tlsfront import TlsFront
from aiofrp.stream.base import Buffer, Stream
from aiofrp.stream.memory import memory_pair
from aiofrp.stream.splice import Splices
from aiofrp.stream.tls.failures import TlsFailed
from aiofrp.stream.tls.stream import TlsStream
from aiofrp.transport.tls import fresh
from aiofrp.transport.tls.contexts import UserTls
from tests.support.certs import NAME, authority
from tests.support.ends import End, until

VERSIONS = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]


@dataclass
class Options:
    """The options of a plugin."""

    crt_path: str = ""
    key_path: str = ""


class Rig:
    """A front, and users of it."""

    def __init__(self, options: Options | None = None, protocols: tuple[str, ...] = ()) -> None:
        self.connections = Splices()
        context = SimpleNamespace(log=logs.get("tests.front"), connections=self.connections)
        self.front = TlsFront(cast(ClientContext, context), options or Options(), protocols)
        self.ready: list[TlsStream] = []

    def connect(self) -> Stream:
        """The user's end of a new connection."""
        user, work = memory_pair()
        self.front.accept(work, self.ready.append)
        return user

    async def enter(self, context: ssl.SSLContext | None = None, name: str | None = None) -> TlsStream:
        """A user whose handshake is done; his end of the stream."""
        before = len(self.ready)
        context = context or trusting()
        stream = TlsStream(self.connect(), context, server_side=False, server_hostname=name)
        await until(lambda: len(self.ready) > before and stream.ready)
        return stream


def trusting(version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3) -> ssl.SSLContext:
    """A user's context that takes every certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.maximum_version = version
    return context


def shown(stream: TlsStream) -> bytes:
    """The certificate the user got, DER."""
    found = stream.info("ssl_object").getpeercert(binary_form=True)
    assert isinstance(found, bytes)
    return found


def write_pair(folder: Path, name: str = "tests") -> Options:
    made = Options(str(folder / "tls.crt"), str(folder / "tls.key"))
    Path(made.crt_path).write_bytes(authority(name).certificate)
    Path(made.key_path).write_bytes(authority(name).key)
    return made


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    with caplog.at_level(logging.INFO):
        yield caplog


@pytest.mark.parametrize("version", VERSIONS)
async def test_users_and_what_they_asked_for(tmp_path: Path, version: ssl.TLSVersion) -> None:
    rig = Rig(write_pair(tmp_path), ("h2", "http/1.1"))
    context = authority().client_context()
    context.maximum_version = version
    context.set_alpn_protocols(["http/1.1", "h2"])
    user = await rig.enter(context, NAME)
    tls = rig.ready[0].info("ssl_object")
    assert isinstance(tls, UserTls)
    assert (tls.server_name, tls.selected_alpn_protocol(), tls.version()) == (
        NAME,
        "h2",
        version.name.replace("_", "."),
    )
    assert not len(rig.connections)
    near, far = End(user).attach(), End(rig.ready[0]).attach()
    near.write(b"request")
    await until(lambda: far.data == b"request")
    far.write(b"response")
    far.close()
    await until(lambda: near.lost)
    assert near.data == b"response"
    assert near.error is None


async def test_a_user_without_a_name_and_without_protocols() -> None:
    rig = Rig()
    await rig.enter()
    tls = rig.ready[0].info("ssl_object")
    assert (tls.server_name, tls.selected_alpn_protocol()) == ("", None)


async def test_what_comes_with_the_handshake_waits_for_the_plugin() -> None:
    rig = Rig()
    user, work = memory_pair()
    stream = TlsStream(user, trusting(), server_side=False)
    stream.write(b"early")
    rig.front.accept(work, rig.ready.append)
    await until(lambda: rig.ready)
    far = End(rig.ready[0]).attach()
    await until(lambda: far.data == b"early")
    stream.abort()
    await until(lambda: far.lost)


@pytest.mark.parametrize("version", VERSIONS)
async def test_sessions_are_resumed(version: ssl.TLSVersion) -> None:
    rig = Rig()
    context = trusting(version)
    first = await rig.enter(context)
    far = End(rig.ready[0]).attach()
    near = End(first).attach()
    far.write(b"the ticket comes before this")
    await until(lambda: near.data)
    session = first.info("ssl_object").session
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()

    def feed(data: Buffer) -> None:
        incoming.write(data)

    tls = context.wrap_bio(incoming, outgoing, session=session)
    user = rig.connect()
    end = End(user).attach()
    end.on_data = feed
    answered = 0

    def moved() -> bool:
        return end.chunks > answered or len(rig.ready) > 1

    while len(rig.ready) < 2:
        with suppress(ssl.SSLWantReadError):
            tls.do_handshake()
        answered = end.chunks
        user.write(outgoing.read())
        await until(moved)
    assert tls.session_reused
    assert rig.ready[1].info("ssl_object").session_reused


async def test_the_self_signed_certificate_is_one_for_all_and_of_a_curve(tmp_path: Path) -> None:
    half = Options(crt_path=write_pair(tmp_path).crt_path)
    certificates = {shown(await rig.enter()) for rig in (Rig(), Rig(), Rig(half))}
    assert len(certificates) == 1
    context = trusting(ssl.TLSVersion.TLSv1_2)
    context.set_ciphers("ECDHE-RSA-AES128-GCM-SHA256")
    rig = Rig()
    end = End(TlsStream(rig.connect(), context, server_side=False)).attach()
    await until(lambda: end.lost)
    assert not rig.ready


async def test_a_certificate_that_changes(
    tmp_path: Path, log: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tlsfront, "SERVER_CHECKS_EVERY", 0.0)
    options = write_pair(tmp_path)
    rig = Rig(options)
    first = shown(await rig.enter())
    Path(options.crt_path).write_text("broken")
    for _ in range(3):
        assert shown(await rig.enter()) == first
    complaints = [record for record in log.records if record.name == fresh.__name__]
    assert [record.levelname for record in complaints] == ["WARNING"]
    assert options.crt_path in complaints[0].getMessage()
    write_pair(tmp_path, "another")
    assert shown(await rig.enter()) != first


def encrypted() -> bytes:
    key = serialization.load_pem_private_key(authority().key, None)
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"secret"),
    )


@pytest.mark.parametrize("broken", ["absent", "empty", "foreign", "encrypted", "folder"])
def test_a_certificate_that_cannot_be_read_at_the_start(tmp_path: Path, broken: str) -> None:
    options = write_pair(tmp_path)
    key = Path(options.key_path)
    content = {"empty": b"", "foreign": authority("another").key, "encrypted": encrypted()}
    if broken in content:
        key.write_bytes(content[broken])
    else:
        key.unlink()
        if broken == "folder":
            key.mkdir()
    with pytest.raises(ConfigError, match=r"tls\.key"):
        Rig(options)


@pytest.mark.parametrize(
    "data",
    [b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", b"\x16\x03\x01\x40\x01" + bytes(5000), bytes(5), b""],
    ids=["http", "long record", "zeros", "end"],
)
async def test_what_is_no_tls_ends_that_user(log: pytest.LogCaptureFixture, data: bytes) -> None:
    rig = Rig()
    end = End(rig.connect()).attach()
    end.write(data)
    end.write_eof()
    await until(lambda: end.lost)
    assert [record.getMessage().partition(":")[0] for record in log.records] == ["tls handshake error"]
    assert "transport.tls" not in log.text, "a setting between frps and frpc is not the cause"
    assert not rig.ready
    assert not len(rig.connections)
    await rig.enter()


async def test_a_user_that_trusts_somebody_else(log: pytest.LogCaptureFixture) -> None:
    rig = Rig()
    end = End(
        TlsStream(rig.connect(), authority().client_context(), server_side=False, server_hostname=NAME)
    ).attach()
    await until(lambda: end.lost)
    assert isinstance(end.error, TlsFailed)
    await until(lambda: log.records)
    assert not rig.ready


@pytest.mark.parametrize("data", [b"", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc"], ids=["silent", "slow"])
async def test_a_late_handshake_is_aborted(
    log: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, data: bytes
) -> None:
    monkeypatch.setattr(tlsfront, "HANDSHAKE_TIMEOUT", 0.01)
    rig = Rig()
    ends = [End(rig.connect()).attach() for _ in range(3)]
    for end in ends:
        end.write(data)
    await until(lambda: all(end.lost for end in ends))
    assert not len(rig.connections)
    assert log.records[0].getMessage() == "tls handshake error: it was not done within 0.01 s"
    end = End(rig.connect()).attach()
    await until(lambda: end.lost)


async def test_of_too_many_handshakes_the_oldest_is_aborted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tlsfront, "MAX_HANDSHAKES", 2)
    rig = Rig()
    oldest, other = End(rig.connect()).attach(), End(rig.connect()).attach()
    await rig.enter()
    await until(lambda: oldest.lost)
    await rig.enter()
    assert not other.lost
    other.abort()
    await until(lambda: not len(rig.connections))


async def test_handshakes_are_aborted_when_frpc_stops() -> None:
    rig = Rig()
    end = End(rig.connect()).attach()
    await rig.connections.drain(0)
    await until(lambda: end.lost)


async def test_a_plugin_that_fails_on_a_user_ends_him_alone(log: pytest.LogCaptureFixture) -> None:
    def fail(stream: TlsStream) -> None:
        raise RuntimeError("mistake")

    rig = Rig()
    user, work = memory_pair()
    rig.front.accept(work, fail)
    end = End(TlsStream(user, trusting(), server_side=False)).attach()
    await until(lambda: end.lost)
    assert end.error is not None
    assert "mistake" in log.text
    await rig.enter()


def tls_streams() -> list[TlsStream]:
    """Those that exist, garbage too."""
    return [thing for thing in gc.get_objects() if isinstance(thing, TlsStream)]


async def test_a_handshake_that_fails_leaves_nothing_for_the_garbage_collector() -> None:
    """Each holds some 40 KiB, and whoever sends nonsense may do so thousands of times between two collections."""
    rig = Rig()
    gc.collect()
    before = {id(thing) for thing in tls_streams()}
    gc.disable()
    try:
        users = [End(rig.connect()).attach() for _ in range(2)]
        for user, data in zip(users, (b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\x00\xff\x01"), strict=True):
            user.stream.write(data)
            user.stream.write_eof()
        await until(lambda: all(user.lost for user in users))
        await until(lambda: not rig.connections)
        await until(lambda: not [thing for thing in tls_streams() if id(thing) not in before])
    finally:
        gc.enable()
