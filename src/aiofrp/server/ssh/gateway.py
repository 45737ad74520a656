"""The SSH server of frps: the one file that imports asyncssh.

asyncssh exchanges keys and checks credentials (RFC 4253, RFC 4252). Packets are cut, opened and sealed here, and what
follows a login is :mod:`aiofrp.server.ssh.protocol`'s: asyncssh copies its buffer for every packet, sends two for one,
puts no limit on what waits, and starts a task for most requests. So inner parts of it are used, of one minor release.
"""

from __future__ import annotations

import asyncio
import functools
import inspect
import os
import time
from typing import Any, Protocol

import asyncssh
from asyncssh.connection import SSHServerConnection, SSHServerConnectionOptions
from asyncssh.encryption import ChachaEncryption, GCMEncryption
from asyncssh.kex import get_kex_algs
from asyncssh.packet import PacketDecodeError, SSHPacket
from cryptography.exceptions import InvalidTag

from aiofrp import faults, logs
from aiofrp.errors import ConfigError, RemoteProtocolError
from aiofrp.server.ssh.algorithms import CIPHERS, FAST_CIPHERS, KEX, MACS, SIGNATURES, VERSION
from aiofrp.server.ssh.ciphers import TAG, ChaChaPackets, GcmPackets
from aiofrp.server.ssh.keys import AuthorizedKeys
from aiofrp.server.ssh.limits import PendingLogin
from aiofrp.server.ssh.protocol.channels import MAX_PACKET
from aiofrp.server.ssh.protocol.connection import SshConnection
from aiofrp.server.ssh.protocol.fields import GLOBAL_REQUEST, Fields, uint32
from aiofrp.server.ssh.tunnel import Identity
from aiofrp.stream.base import Buffer, Stream

#: Bytes of the longest packet before and after the login, and packets before it.
MAX_FIRST_PACKET, MAX_LATER_PACKET, MAX_FIRST_PACKETS = 48 * 1024, MAX_PACKET + 64 * 1024, 200
#: Refused credentials of one connection.
MAX_TRIES = 6
#: Packets and bytes of one client that are handled before others take their turn.
PACKETS_IN_TURN, BYTES_IN_TURN = 128, 512 * 1024
#: Bytes of packets that are written together.
WRITE_SIZE = 128 * 1024
#: Bytes that are kept while asyncssh handles a packet in a task.
MAX_KEPT = 64 * 1024

#: Random bytes for paddings that are fetched at once: each fetch is a system call.
_NOISE = 4096
_LENGTH_BYTES = [bytes((length,)) for length in range(256)]

_KEXINIT, _KEX_FIRST, _KEX_LAST, _USERAUTH_FIRST, _USERAUTH_LAST = 20, 30, 49, 60, 79

_log = logs.get(__name__)
#: For lines that anyone who connects can cause.
_refused = _log.limited(logs.ANYONE)


class Logins(Protocol):
    """Who decides about logins, and gets those that succeed."""

    @property
    def keys(self) -> AuthorizedKeys | None:
        """The keys that may log in; ``None`` lets everybody in."""

    def logged_in(self, transport: SshTransport, identity: Identity) -> None:
        """An SSH login is done; the client has no right yet but what ``identity`` gives it."""

    def lost(self, transport: SshTransport, exc: Exception | None) -> None:
        """A connection has ended, for ``exc`` or orderly; called once."""


class _Owner(asyncssh.SSHServer):
    """What asyncssh asks about a login."""

    def __init__(self, logins: Logins) -> None:
        self._logins = logins
        self._identity = Identity()
        self._transport: SshTransport | None = None

    def connection_made(self, conn: SSHServerConnection) -> None:
        assert isinstance(conn, SshTransport)
        self._transport = conn

    def begin_auth(self, username: str) -> bool:
        return self._logins.keys is not None

    def public_key_auth_supported(self) -> bool:
        return True

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        keys = self._logins.keys
        try:
            user = None if keys is None else keys.user_of(key.public_data)
        except ConfigError as exc:
            _refused.error("SSH clients cannot log in: %s", exc)
            return False
        if user is None:
            return False
        self._identity = Identity(user, key.get_fingerprint())
        return True

    def auth_completed(self) -> None:
        assert self._transport is not None
        self._logins.logged_in(self._transport, self._identity)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._transport is not None:
            self._logins.lost(self._transport, exc)


class SshTransport(SSHServerConnection):
    """The transport of one client; see :class:`aiofrp.server.ssh.protocol.connection.Packets`."""

    def __init__(self, options: SSHServerConnectionOptions, stream: Stream) -> None:
        super().__init__(asyncio.get_running_loop(), options)
        self.stream = stream
        self.session: SshConnection | None = None  #: after the login
        self.pending: PendingLogin | None = None
        self.tries = 0  #: refused credentials
        self._at = 0  # of the next packet in _inpbuf
        self._in_turn = 0  # bytes handled in this turn
        self._first_packets = 0
        self._held_back = False  # reading is paused
        self._client_ciphers: list[str] | None = None
        self._guessed_wrong = False  # the next message of a key exchange is to be ignored
        self._write_paused = False
        self._rekey_due = False  # the next message begins a key exchange
        self._out: list[bytes] = []  # packets of this turn; WRITE_SIZE
        self._out_size = 0
        self._noise, self._noise_at = b"", 0  # random bytes, used up to the index

    # Packets, for the connection protocol above

    @property
    def full(self) -> bool:
        """Whether what was sent waits: the socket takes no more, or keys are being exchanged."""
        return self._write_paused or not self._kex_complete

    def send_message(self, *parts: Buffer) -> None:
        """Send one message, whose first byte is its number. During a key exchange asyncssh keeps it."""
        if self._rekey_due or not self._kex_complete:
            head, *rest = map(bytes, parts)
            self.send_packet(head[0], head[1:], *rest)
            return
        size = len(parts[0]) if len(parts) == 1 else sum(map(len, parts))
        padding = -(self._send_enchdrlen + size) % self._send_blocksize
        if padding < 4:
            padding += self._send_blocksize
        start = self._noise_at
        self._noise_at = end = start + padding
        if end > len(self._noise):
            self._noise = os.urandom(_NOISE)
            start, end = 0, padding
            self._noise_at = end
        packet = b"".join((_LENGTH_BYTES[padding], *parts, self._noise[start:end]))
        length, seq, out = len(packet), self._send_seq, self._out
        assert self._send_encryption is not None
        if not out:
            self._loop.call_soon(self._flush)
        out += self._send_encryption.encrypt_packet(seq, length.to_bytes(4, "big"), packet)
        self._send_seq = (seq + 1) & 0xFFFFFFFF
        self._rekey_bytes_sent += length
        self._out_size += length
        if self._out_size >= WRITE_SIZE:
            self._flush()

    def _flush(self) -> None:
        """Write the packets of this turn of the loop: what several channels send costs one call of the kernel."""
        if self._out:
            out, self._out, self._out_size = self._out, [], 0
            if self._transport is not None:
                self.stream.write(b"".join(out))
            if self._rekey_bytes_sent >= self._rekey_bytes or time.monotonic() >= self._rekey_time:
                self._rekey_due = True

    def _send(self, data: bytes) -> None:
        """In the place of asyncssh's: packets stay in order."""
        self._flush()
        super()._send(data)

    def end(self, reason: str) -> None:
        """Give the client ``reason`` and close the connection, after what was sent."""
        if self._transport is not None:
            self._send_disconnect(asyncssh.DISC_BY_APPLICATION, reason, "en-US")
            self._force_close(None)

    def info(self, key: str) -> Any:
        """A fact about the connection."""
        return self.stream.info(key)

    # Called by the event loop

    def data_received(self, data: bytes, datatype: Any = None) -> None:
        self._inpbuf = self._inpbuf + data if self._inpbuf else data
        if self.session is not None:
            self.session.bytes_came()
        self._in_turn = 0
        self._recv_data()

    def pause_writing(self) -> None:
        self._write_paused = True

    def resume_writing(self) -> None:
        self._write_paused = False
        if self.session is not None:
            self.session.writable()

    # In the place of asyncssh's: receiving

    def _recv_data(self) -> None:
        try:
            while self._inpbuf and self._transport is not None and self._recv_handler():
                pass
        except asyncssh.DisconnectError as exc:
            self._send_disconnect(exc.code, exc.reason, exc.lang)
            self._force_close(exc)
        except InvalidTag as exc:
            self._send_disconnect(asyncssh.DISC_MAC_ERROR, "MAC verification failed", "en-US")
            self._force_close(exc)
        except RemoteProtocolError as exc:
            self._send_disconnect(asyncssh.DISC_PROTOCOL_ERROR, str(exc), "en-US")
            self._force_close(exc)
        except Exception:  # noqa: BLE001 - whatever a client sends ends its own connection
            self.internal_error()
        self._hold_back()

    def _hold_back(self) -> None:
        """Pause reading while more waits than is needed, for asyncssh's task or for the next turn."""
        waits = len(self._inpbuf) > MAX_KEPT
        if waits != self._held_back and self._transport is not None:
            self._held_back = waits
            (self._transport.pause_reading if waits else self._transport.resume_reading)()

    def _recv_pkthdr(self) -> bool:
        """Handle the packets that have come, so many as are one client's turn."""
        count = 0
        while (
            self._at < len(self._inpbuf) and self._recv_handler is not _wait and self._transport is not None
        ):
            cipher: Any = self._recv_encryption
            most = MAX_FIRST_PACKET if self.session is None else MAX_LATER_PACKET
            if cipher.__class__ is GcmPackets or cipher.__class__ is ChaChaPackets:
                plain: bytes | None = cipher.cut(self._inpbuf, self._at, self._recv_seq, most)
                if plain is None:
                    break
                size = 4 + len(plain) + TAG
                self._at += size
            else:  # before the first key exchange, and with old clients
                before = self._at
                plain = self._open_slowly(most)
                if plain is None:
                    break
                size = self._at - before
            count += 1
            self._in_turn += size
            self._take_packet(plain)
            if count >= PACKETS_IN_TURN or self._in_turn >= BYTES_IN_TURN:
                self._in_turn = 0
                self._loop.call_soon(self._recv_data)
                break
        if self._at:
            self._inpbuf, self._at = self._inpbuf[self._at :], 0
        return False

    def _open_slowly(self, most: int) -> bytes | None:
        """The next packet, of at most ``most`` bytes, without a cipher of ours: its first block is opened once, and
        kept. ``None`` while the packet is not complete."""
        buffer, cipher, first = self._inpbuf, self._recv_encryption, self._recv_blocksize
        if not self._packet:
            if len(buffer) - self._at < first:
                return None
            block = buffer[self._at : self._at + first]
            header = block[:4]
            if cipher:
                block, header = cipher.decrypt_header(self._recv_seq, block, 4)
            self._packet, self._pktlen = block, int.from_bytes(header, "big")
            if not 5 <= self._pktlen <= most:
                raise asyncssh.ProtocolError(f"a packet of {self._pktlen} bytes, {most} are allowed")
            self._at += first
        rest = 4 + self._pktlen - first
        end = self._at + rest + self._recv_macsize
        if rest < 0 or len(buffer) < end:
            if rest < 0:
                raise asyncssh.ProtocolError("Packet too short")
            return None
        body, mac = buffer[self._at : self._at + rest], buffer[self._at + rest : end]
        block, self._packet = self._packet, b""
        plain: bytes | None = block[4:] + body
        if cipher:
            plain = cipher.decrypt_packet(self._recv_seq, block, body, 4, mac)
        if not plain:
            raise asyncssh.MACError("MAC verification failed")
        self._at = end
        return plain

    def _take_packet(self, plain: bytes) -> None:
        """Hand on what a packet holds."""
        end, kind, seq = len(plain) - plain[0], plain[1], self._recv_seq
        if end < 2:
            raise asyncssh.ProtocolError("a packet without a message")
        session = self.session
        if session is not None and kind >= GLOBAL_REQUEST:
            self._auth_final = True
            self._recv_seq = (seq + 1) & 0xFFFFFFFF
            if not session.packet(plain, end):
                self.send_packet(asyncssh.constants.MSG_UNIMPLEMENTED, uint32(seq))
            return
        self._first_packets += session is None
        if self._first_packets > MAX_FIRST_PACKETS:
            raise asyncssh.ProtocolError("too many packets before a login")
        self._take_other(kind, plain[1:end], seq)

    def _take_other(self, kind: int, payload: bytes, seq: int) -> None:
        """A message of the transport or of a login: asyncssh handles it."""
        handler = self._handler_of(kind)
        packet = SSHPacket(payload)
        packet.get_byte()
        result: Any = True
        if kind == _KEXINIT:
            self._read_kexinit(payload)
        if handler is not None:
            try:
                result = handler.process_packet(kind, seq, packet)
            except PacketDecodeError as exc:
                raise asyncssh.ProtocolError(str(exc)) from None
        if inspect.isawaitable(result):
            self._recv_handler = _wait
            start = self.create_task  # asyncssh owns its tasks, and ends the connection when one fails
            task = start(result)
            task.add_done_callback(functools.partial(self._finish_recv_packet, kind, seq, is_async=True))
            return
        if not result:
            if self._strict_kex and not self._recv_encryption:
                raise asyncssh.ProtocolError(f"Strict key exchange violation: packet type {kind}")
            self.send_packet(asyncssh.constants.MSG_UNIMPLEMENTED, uint32(seq))
        self._finish_recv_packet(kind, seq)

    def _handler_of(self, kind: int) -> Any:
        """The object of asyncssh that handles a message; ``None`` where it is to be ignored."""
        if _KEX_FIRST <= kind <= _KEX_LAST:
            if self._kex is None:
                raise asyncssh.ProtocolError("Key exchange not in progress")
            ignored, self._ignore_first_kex = self._guessed_wrong or self._ignore_first_kex, False
            self._guessed_wrong = False
            return None if ignored else self._kex
        if self._strict_kex and not self._recv_encryption and 2 <= kind <= 4:
            raise asyncssh.ProtocolError(f"Strict key exchange violation: packet type {kind}")
        if kind > _KEX_LAST and not self._recv_encryption:
            raise asyncssh.ProtocolError("Invalid request before key exchange was complete")
        if kind > _USERAUTH_LAST:
            raise asyncssh.ProtocolError("Invalid request before authentication was complete")
        if kind >= _USERAUTH_FIRST:
            if self._auth is None:
                raise asyncssh.ProtocolError("Authentication not in progress")
            return self._auth
        return self

    def _finish_recv_packet(self, pkttype: int, seq: int, _task: Any = None, is_async: bool = False) -> None:
        super()._finish_recv_packet(pkttype, seq, _task, is_async)
        if is_async:
            self._hold_back()

    # In the place of asyncssh's: sending, and the end

    def _send_kexinit(self) -> None:
        """OpenSSH prefers ciphers that cost three times as much here. It sends its list first without waiting for ours,
        so ours waits for it."""
        if self._client_ciphers is None and self._client_version.startswith(b"SSH-2.0-OpenSSH"):
            return
        if any(name in FAST_CIPHERS for name in self._client_ciphers or ()):
            self._enc_algs = [name.encode() for name in FAST_CIPHERS]
        super()._send_kexinit()
        self._rekey_due = False

    def _read_kexinit(self, kexinit: bytes) -> None:
        """Note what the first list of a client says: its ciphers, and whether it sends the first message of a key
        exchange that is not the one to be used, because it prefers another exchange or host key than we do (RFC 4253
        §7.1; asyncssh compares with what is chosen)."""
        fields = Fields(kexinit, 17)
        lists = [fields.string(len(kexinit)).decode("ascii", "replace").split(",") for _ in range(10)]
        ours = [self._kex_algs[0], (self._server_host_key_algs or [b""])[0]]
        self._guessed_wrong = fields.boolean() and [lists[0][0].encode(), lists[1][0].encode()] != ours
        first, self._client_ciphers = self._client_ciphers is None, lists[2]
        if first and not self._server_kexinit:
            self._send_kexinit()

    def send_newkeys(self, k: bytes, h: bytes) -> None:
        super().send_newkeys(k, h)
        self._send_encryption = _faster(self._send_encryption)
        self._next_recv_encryption = _faster(self._next_recv_encryption)
        if self.session is not None:
            self.session.writable()

    def send_userauth_failure(self, partial_success: bool) -> None:
        self.tries += 1
        if self.tries > MAX_TRIES:
            raise asyncssh.DisconnectError(
                asyncssh.DISC_NO_MORE_AUTH_METHODS_AVAILABLE, "too many keys were refused"
            )
        super().send_userauth_failure(partial_success)

    async def reload_config(self) -> None:
        """There is no configuration of asyncssh."""

    def send_server_host_keys(self) -> None:
        """Nothing: the answer would cost a signature for each key whenever a client asks."""

    def internal_error(self, exc_info: Any = None, error_logger: Any = None) -> None:
        exc = exc_info[1] if exc_info else None
        super().internal_error(exc_info, error_logger)
        if exc is not None and not isinstance(exc, ValueError | asyncssh.Error):
            faults.report("an SSH connection failed", exc)

    def _force_close(self, exc: Exception | None) -> None:
        """Close after what was sent, so that the client gets the reason."""
        self._flush()
        transport, self._transport = self._transport, None
        if transport is not None:
            self._loop.call_soon(transport.close)
            self._loop.call_soon(self._cleanup, exc)


def _wait() -> bool:
    """The receive handler while a task of asyncssh handles a packet."""
    return False


def _faster(cipher: Any) -> Any:
    """Our cipher in the place of one of asyncssh's, from its next packet on; others stay as they are."""
    if isinstance(cipher, GCMEncryption):
        return GcmPackets(cipher._cipher._key, cipher._cipher._iv)
    if isinstance(cipher, ChachaEncryption):
        return ChaChaPackets(cipher._cipher._key, cipher._cipher._adkey)
    return cipher


def make_options(logins: Logins, files: list[tuple[str, bytes]]) -> SSHServerConnectionOptions:
    """What all connections share. ``files``: names and contents of the host keys. Raises
    :class:`~aiofrp.errors.ConfigError`."""
    known = {name.decode() for name in get_kex_algs()}
    options = SSHServerConnectionOptions(
        server_factory=lambda: _Owner(logins),
        server_version=VERSION,
        server_host_keys=[_import(path, content) for path, content in files],
        config=None,
        kex_algs=[name for name in KEX if name in known],
        encryption_algs=CIPHERS,
        mac_algs=MACS,
        compression_algs=["none"],
        signature_algs=SIGNATURES,
        host_based_auth=False,
        kbdint_auth=False,
        password_auth=False,
        gss_host=None,
        x509_trusted_certs=None,
        login_timeout=0,
        keepalive_interval=0,
    )
    for name in [name for name in options.server_host_keys if name.decode() not in SIGNATURES]:
        del options.server_host_keys[name]  # signatures with SHA-1 and other old ones
    return options


def _import(path: str, content: bytes) -> asyncssh.SSHKey:
    try:
        return asyncssh.import_private_key(content)
    except (asyncssh.KeyImportError, asyncssh.KeyEncryptionError, ValueError) as exc:
        raise ConfigError(f"SSH host key {path}: {exc}") from exc
