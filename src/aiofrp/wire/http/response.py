"""The parser of HTTP/1 response heads (RFC 9112), as lenient as browsers and Go.

Old and small servers send heads that the standard forbids. Those with one possible meaning are accepted; those that do
not say clearly where the body ends are refused.
"""

from __future__ import annotations

import re

from aiofrp.wire.http.fields import Field, connection_options, keeps_alive, passing_text, sort_fields
from aiofrp.wire.http.head import (
    CHUNKED,
    LENGTH,
    TOKEN,
    UNTIL_EOF,
    HeadError,
    ResponseHead,
    whole_number,
)
from aiofrp.wire.http.recent import Recent

_RESPONSE_FIELDS = {
    b"connection": False,
    b"proxy-connection": False,
    b"keep-alive": False,
    b"content-length": False,
    b"transfer-encoding": False,
    b"te": False,
    b"trailer": False,
    b"upgrade": False,
    b"date": True,
}
_STATUS_LINE = re.compile(rb"HTTP/1\.([01]) ([1-9][0-9]{2})(?: ([^\x00-\x08\x0a-\x1f\x7f]*))?\r?\n")
#: Status lines outside the standard that Go, curl and browsers accept: an empty line before, ``ICY`` of radio servers,
#: other versions, several blanks.
_ODD_STATUS_LINE = re.compile(
    rb"\r?\n?(?:(?i:http)/(?P<major>[0-9])(?:\.(?P<minor>[0-9]))?|ICY)[ \t]+(?P<status>[1-9][0-9]{2})"
    rb"(?:[ \t]+(?P<reason>[^\x00\r\n]*))?\r?\n"
)
# *+ and ++ are possessive: what they matched is not tried again, so that the time is linear.
_FIELDS = re.compile(rb"(?:%b+:[^\x00-\x08\x0a-\x1f\x7f]*+\r\n)*+\r\n" % TOKEN)
_FIELD = re.compile(rb"(%b+):[ \t]*+([^\x00-\x08\x0a-\x1f\x7f]*+)\r\n" % TOKEN)
_FOLD = re.compile(rb"\r?\n[ \t]+")
_MALFORMED = "malformed HTTP response"
#: The beginning of a malformed line that some parsers would accept as Content-Length or Transfer-Encoding: the response
#: is refused.
_FRAMING = re.compile(rb"(?i)[^0-9a-z]*(?:content[-_ ]length|transfer[-_ ]encoding)(?![-_0-9a-z])")
_CONTROL = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
_NAME = re.compile(TOKEN)


def parse_response(head: bytes) -> ResponseHead:
    """Parse a complete response head, its empty line included. The result may be shared; it must not be changed.

    Lines may be folded and may end in a bare LF, blanks may stand before a colon, and a line that is no field is
    ignored. Raises :class:`~aiofrp.wire.http.head.HeadError` with a text that names the service's fault, also when it
    is unclear where the body ends.
    """
    return _recent.get(head) or _parse(head)


_recent: Recent[ResponseHead] = Recent()


def _parse(head: bytes) -> ResponseHead:
    response = ResponseHead()
    start = _read_status_line(head, response)
    response.fields, response.noted = sort_fields(_response_fields(head, start), _RESPONSE_FIELDS)
    response.connection = connection_options(response.noted)
    response.text = passing_text(response.fields, response.connection)
    response.keep_alive = keeps_alive(response.minor, response.connection) and _is_framed_once(response)
    response.body_size = _response_body_size(response)
    _recent.add(head, response)
    return response


def _read_status_line(head: bytes, response: ResponseHead) -> int:
    """Set version, status and reason of ``response``. Returns the position where the fields begin."""
    line = _STATUS_LINE.match(head)
    if line is not None:
        minor, status, reason = line.groups()
        response.minor, response.status, response.reason = minor[0] - 0x30, int(status), reason or b""
        return line.end()
    line = _ODD_STATUS_LINE.match(head)
    if line is None:
        first, _, _ = head.partition(b"\n")
        raise HeadError(f"{_MALFORMED}: the status line is {_shown(first)}")
    response.minor = int((line["major"] or b"1", line["minor"] or b"0") >= (b"1", b"1"))
    response.status = int(line["status"])
    response.reason = _CONTROL.sub(b" ", line["reason"] or b"").strip()
    return line.end()


def _shown(text: bytes) -> str:
    """At most 60 bytes that a service sent, quoted for an error text."""
    return repr(text[:60].decode("latin-1"))


# Private: fields


def _response_fields(head: bytes, start: int) -> list[Field]:
    """The fields from ``start`` on.

    Fast path: one expression for well-formed fields. Anything else is parsed line by line; the head is encoded anew for
    the user, so that malformed lines never reach it.
    """
    if _FIELDS.fullmatch(head, start):
        return _FIELD.findall(head, start)
    pairs: list[Field] = []
    for line in _FOLD.sub(b" ", head[start:]).split(b"\n"):
        name, colon, value = line.removesuffix(b"\r").partition(b":")
        name = name.rstrip(b" \t")
        if colon and _NAME.fullmatch(name):
            pairs.append((name, _odd_value(name, value)))
        elif _FRAMING.match(name):
            raise HeadError(f"{_MALFORMED}: the line {_shown(line)} may say where the body ends, or not")
    return pairs


def _odd_value(name: bytes, value: bytes) -> bytes:
    if _CONTROL.search(value):
        raise HeadError(f"{_MALFORMED}: a control character in the field {name.decode()}")
    return value.strip(b" \t")


# Private: bodies


def _response_body_size(response: ResponseHead) -> int:
    codings = b",".join(response.noted.get(b"transfer-encoding", ())).lower()
    if response.minor == 0 or codings in (b"", b"identity"):
        return _response_length(response)
    if codings != b"chunked":
        raise HeadError(f"unsupported transfer encoding {_shown(codings)}")
    return CHUNKED


def _response_length(response: ResponseHead) -> int:
    """The Content-Length of a response, or UNTIL_EOF. Some services send the same length twice, in two fields or in one
    (RFC 9110 §8.6); ``noted`` has it once afterwards."""
    values = response.noted.get(b"content-length")
    if values is None:
        return UNTIL_EOF
    lengths = {length.strip(b" \t") for value in values for length in value.split(b",")}
    if len(lengths) != 1:
        raise HeadError(f"{_MALFORMED}: several lengths in Content-Length, {_shown(b', '.join(values))}")
    (length,) = lengths
    if not LENGTH.fullmatch(length):
        raise HeadError(f"{_MALFORMED}: the Content-Length is {_shown(length)}")
    response.noted[b"content-length"] = [length]
    return whole_number(length)


def _is_framed_once(response: ResponseHead) -> bool:
    """Whether only one field frames the body. If not, the connection is not used again (RFC 9112 §6.1, §6.3)."""
    noted = response.noted
    return b"transfer-encoding" not in noted or (response.minor == 1 and b"content-length" not in noted)
