"""The error tree.

All errors that aiofrp raises are subclasses of :class:`FrpError`. Operating-system and TLS errors are mapped to
it where they enter (``stream/`` and ``transport/``), so callers get no foreign exceptions.
"""

from __future__ import annotations

from typing import Final

from aiofrp.hints.entry import Hint

#: Bytes of a peer that are kept as evidence of what it is, where an exchange with it failed.
SEEN: Final = 256


class FrpError(Exception):
    """Root of all errors that this package raises on purpose; the text is for users."""

    seen: bytes = b""
    """What a peer sent first that cannot be understood, at most :data:`SEEN` bytes; empty where that is no reason."""
    hint: Hint | None = None
    """Cause and next step, where the catalogue has them; the last line of the error's text."""

    def __str__(self) -> str:
        return self.text if self.hint is None else f"{self.text}\n{self.hint}"

    @property
    def text(self) -> str:
        """The error without its hint."""
        return super().__str__()


class ConfigError(FrpError):
    """A configuration is wrong.

    ``path`` names the place (``transport.tls.certFile``), or is empty when the text names it.
    """

    def __init__(self, message: str, path: str = "") -> None:
        super().__init__(message)
        self.path = path


class AuthError(FrpError):
    """A token or another credential was refused, by this program or by its peer."""


class LoginFailed(FrpError):
    """The first login of a client failed and ``loginFailExit`` is on."""


class ProxyError(FrpError):
    """A proxy or visitor cannot be started or serve; the text is shown to the peer's user."""


class Taken(ProxyError):
    """Another proxy has what is asked for; ``holder`` is its name."""

    def __init__(self, message: str, holder: str) -> None:
        super().__init__(message)
        self.holder = holder


class TransportError(FrpError):
    """A connection could not be made or was lost."""


class ConnectFailed(TransportError):
    """The connection could not be established; no byte was exchanged."""


class Closed(TransportError):
    """The connection ended before the exchange on it was complete."""


class TimedOut(TransportError):
    """The peer did not answer in time."""


class ProtocolError(FrpError):
    """The rules of a protocol were broken."""


class LocalProtocolError(ProtocolError):
    """We tried to do what the protocol forbids: a bug on this side."""


class RemoteProtocolError(ProtocolError):
    """The peer sent what the protocol forbids."""
