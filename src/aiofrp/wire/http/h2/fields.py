"""The check of header fields and trailers of HTTP/2 messages (RFC 9113 §8.2, §8.3).

A malformed message is a stream error (RFC 9113 §8.1.1). h2's own check is off, because it would make it a connection
error, which ends all requests of the connection.
"""

from __future__ import annotations

import re

from aiofrp.errors import RemoteProtocolError
from aiofrp.wire.http.head import Field

#: Names that h2 and Go accept: visible ASCII without upper case and without a colon.
_NAME = re.compile(rb"[\x21-\x39\x3b-\x40\x5b-\x7e]+")
_NOT_IN_VALUES = re.compile(rb"[\x00\r\n]")
#: Connection-specific fields, which only HTTP/1 has (RFC 9113 §8.2.2).
_OF_CONNECTIONS = frozenset(
    (b"connection", b"proxy-connection", b"keep-alive", b"transfer-encoding", b"upgrade")
)
_OF_REQUESTS = frozenset((b":method", b":scheme", b":authority", b":path", b":protocol"))
_OF_RESPONSES = frozenset((b":status",))
_STATUS = re.compile(rb"[1-9][0-9]{2}")


class Malformed(RemoteProtocolError):
    """A malformed message (RFC 9113 §8.1.1); the stream is to be reset with PROTOCOL_ERROR."""


def checked_request(fields: list[Field]) -> list[Field]:
    """The fields of a request in their order, values without blanks around them.

    Pseudo-header fields come first. Raises :class:`Malformed`.
    """
    checked = _checked(fields, _OF_REQUESTS)
    pseudo = {name: value for name, value in checked if name.startswith(b":")}
    if not pseudo.get(b":method"):
        raise Malformed("a request without :method")
    if pseudo[b":method"] != b"CONNECT":
        if not pseudo.get(b":path") or b":scheme" not in pseudo:
            raise Malformed("a request without :path or :scheme")
        if b":protocol" in pseudo:
            raise Malformed(":protocol without CONNECT")
    hosts = [pseudo[b":authority"]] if b":authority" in pseudo else []
    hosts += [value for name, value in checked if name == b"host"]
    if len(set(hosts)) != 1:
        raise Malformed("a request has one host")
    return checked


def checked_response(fields: list[Field]) -> list[Field]:
    """The fields of a response in their order, ``:status`` first, values without blanks around them.

    Raises :class:`Malformed`.
    """
    checked = _checked(fields, _OF_RESPONSES)
    if not checked or checked[0][0] != b":status" or not _STATUS.fullmatch(checked[0][1]):
        raise Malformed("a response without :status")
    return checked


def checked_trailers(fields: list[Field]) -> list[Field]:
    """The fields of trailers in their order, values without blanks around them. Raises :class:`Malformed`."""
    return _checked(fields, frozenset())


def _checked(fields: list[Field], pseudo: frozenset[bytes]) -> list[Field]:
    """``fields`` with trimmed values. ``pseudo``: the allowed pseudo-header fields, each at most once and before the
    others."""
    checked: list[Field] = []
    left = pseudo
    for name, value in fields:
        value = value.strip(b" \t")
        if _NOT_IN_VALUES.search(value):
            raise Malformed(f"a control character in {name[:60]!r}")
        if name.startswith(b":"):
            if name not in left:
                raise Malformed(f"the field {name[:60]!r} may not stand here")
            left -= {name}
        elif not _NAME.fullmatch(name):
            raise Malformed(f"{name[:60]!r} is not the name of a field")
        elif name in _OF_CONNECTIONS or (name == b"te" and value.lower() != b"trailers"):
            raise Malformed(f"the field {name.decode()} is for HTTP/1")
        else:
            left = frozenset()
        checked.append((name, value))
    return checked
