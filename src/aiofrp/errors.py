"""The error tree.

Everything aiofrp raises on purpose descends from :class:`FrpError`. Operating-system and TLS errors are mapped to
it where they enter (``stream/`` and ``transport/``), so callers get no foreign exceptions.
"""

from __future__ import annotations


class FrpError(Exception):
    """Root of all errors that this package raises on purpose; the text is for users."""


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
