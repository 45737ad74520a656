"""Heads of responses as values, read as browsers and Go read them (RFC 9112).

Old and small servers write what no standard allows. What is unambiguous is taken; what leaves open where the body ends
is refused.
"""

from __future__ import annotations

import re

from aiofrp.wire.http.head import (
    CHUNKED,
    LENGTH,
    TOKEN,
    UNTIL_EOF,
    Field,
    HeadError,
    ResponseHead,
    connection_options,
    keeps_alive,
    sort_fields,
    whole_number,
)

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
#: What services write that are no model, and what Go, curl and browsers take: an empty line before, ``ICY`` of radio
#: servers, other versions, several blanks.
_ODD_STATUS_LINE = re.compile(
    rb"\r?\n?(?:(?i:http)/(?P<major>[0-9])(?:\.(?P<minor>[0-9]))?|ICY)[ \t]+(?P<status>[1-9][0-9]{2})"
    rb"(?:[ \t]+(?P<reason>[^\x00\r\n]*))?\r?\n"
)
# A + after a token makes it possessive: no second try at what was read once.
_FIELDS = re.compile(rb"(?:%b+:[^\x00-\x08\x0a-\x1f\x7f]*+\r\n)*+\r\n" % TOKEN)
_FIELD = re.compile(rb"(%b+):[ \t]*+([^\x00-\x08\x0a-\x1f\x7f]*+)\r\n" % TOKEN)
_FOLD = re.compile(rb"\r?\n[ \t]+")
_MALFORMED = "malformed HTTP response"
#: Names that say how a body is framed: where one of them is spelt in a way that some readers take for it and some do
#: not, the response is refused.
_FRAMING = re.compile(rb"(?i)[^0-9a-z]*(?:content[-_ ]length|transfer[-_ ]encoding)(?![-_0-9a-z])")
_CONTROL = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
_NAME = re.compile(TOKEN)


def parse_response(head: bytes) -> ResponseHead:
    """A response's head, its empty line included, as a value.

    It is read as browsers and Go read it, since old and small servers write what no standard allows: lines may be
    folded and end in a bare LF, blanks may stand before a colon, and a line that is no field is left out. What leaves
    open where the body ends is refused. Raises :class:`HeadError`; the text names the service's fault.
    """
    response = ResponseHead()
    start = _read_status_line(head, response)
    response.fields, response.noted = sort_fields(_response_fields(head, start), _RESPONSE_FIELDS)
    response.connection = connection_options(response.noted)
    response.keep_alive = keeps_alive(response.minor, response.connection) and _is_framed_once(response)
    response.body_size = _response_body_size(response)
    return response


def _read_status_line(head: bytes, response: ResponseHead) -> int:
    """Put version, status and reason into ``response``; returns where the fields begin."""
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
    """What a service sent, for a message."""
    return repr(text[:60].decode("latin-1"))


# Private: fields


def _response_fields(head: bytes, start: int) -> list[Field]:
    """The fields from ``start`` on.

    Fast path: one expression for well-formed fields. Anything else is read line by line; the head is written anew, so
    that no user gets its form.
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
    """The Content-Length of a response, which is noted once afterwards. Some services say the same length twice, in two
    fields or in one (RFC 9110 §8.6)."""
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
    """Whether it is certain where the body ends; if not, its connection serves nothing else (RFC 9112 §6.1, §6.3)."""
    noted = response.noted
    return b"transfer-encoding" not in noted or (response.minor == 1 and b"content-length" not in noted)
