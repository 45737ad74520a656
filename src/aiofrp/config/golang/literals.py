"""Numbers and strings as Go writes and reads them.

They are what Go's ``strconv`` makes of them: ``010`` is octal eight, ``1_000`` a thousand,
``"\\xff"`` one byte. This module has that grammar only; no file format is described here.

Text is ``str`` throughout; bytes that are not UTF-8 travel inside it as surrogate escapes (:pep:`383`), so
that lengths and slices counted in bytes come out as Go counts them.
"""

from __future__ import annotations

import math
import re
import struct
from typing import Final

SPACE: Final = (
    "\t\n\v\f\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000"
)
"""What ``unicode.IsSpace`` calls white space; ``str.strip`` without arguments strips four characters more."""

INT64_MIN: Final = -(1 << 63)
INT64_MAX: Final = (1 << 63) - 1
UINT64_MAX: Final = (1 << 64) - 1

_MAX_DIGITS = 64  # the longest number that can fit 64 bits is written in base 2

_DIGITS = "[0-9](?:_?[0-9])*+"  # possessive: a literal may be megabytes long
_HEX = "[0-9a-fA-F](?:_?[0-9a-fA-F])*+"
# Compiled when they are used: every start loads this module.
_DECIMAL = r"[+-]?[0-9]+"
_PREFIXED = rf"[+-]?(?:0[xX]_?{_HEX}|0[bB](?:_?[01])++|0[oO](?:_?[0-7])++|0(?:_?[0-7])*+|[1-9](?:_?[0-9])*+)"
_FLOAT = (
    rf"[+-]?(?:(?:{_DIGITS}(?:\.(?:{_DIGITS})?)?|\.{_DIGITS})(?:[eE][+-]?{_DIGITS})?"
    r"|[iI][nN][fF](?:[iI][nN][iI][tT][yY])?)|[nN][aA][nN]"
)
_HEX_FLOAT = rf"[+-]?0[xX](?:_?{_HEX}(?:\.(?:{_HEX})?)?|\.{_HEX})[pP][+-]?{_DIGITS}"


def to_bytes(text: str) -> bytes:
    """The bytes Go holds. Raises :exc:`UnicodeEncodeError` for surrogates that escape no byte."""
    return text.encode("utf-8", "surrogateescape")


def from_bytes(data: bytes) -> str:
    """The opposite of :func:`to_bytes`; never fails."""
    return data.decode("utf-8", "surrogateescape")


# Numbers


def parse_int(text: str, base: int = 0) -> int:
    """Read a signed 64-bit integer as ``strconv.ParseInt(text, base, 64)`` does.

    ``base`` is 10, or 0 for Go's literal syntax (``0x10 0b11 0o17 017 1_000``). Raises :exc:`ValueError`
    with Go's words.
    """
    if not re.fullmatch(_DECIMAL if base == 10 else _PREFIXED, text):
        raise ValueError(f"strconv.ParseInt: parsing {quote(text)}: invalid syntax")
    value = _integer(text.replace("_", ""), base)
    if value is None or not INT64_MIN <= value <= INT64_MAX:
        raise ValueError(f"strconv.ParseInt: parsing {quote(text)}: value out of range")
    return value


def parse_uint(text: str) -> int:
    """Read an unsigned 64-bit integer in Go's literal syntax (``strconv.ParseUint(text, 0, 64)``)."""
    if not re.fullmatch(_PREFIXED, text) or text[0] in "+-":
        raise ValueError(f"strconv.ParseUint: parsing {quote(text)}: invalid syntax")
    value = _integer(text.replace("_", ""), 0)
    if value is None or value > UINT64_MAX:
        raise ValueError(f"strconv.ParseUint: parsing {quote(text)}: value out of range")
    return value


def _integer(text: str, base: int) -> int | None:
    """The number of any size written by the well-formed ``text``; ``None`` if it is absurdly long."""
    digits = text.lstrip("+-")
    if base == 0 and digits[:1] == "0":
        prefix = digits[:2].lower()
        base = {"0x": 16, "0b": 2, "0o": 8}.get(prefix, 8)
        digits = digits[2:] if prefix in ("0x", "0b", "0o") else digits
    digits = digits.lstrip("0") or "0"
    if len(digits) > _MAX_DIGITS:
        return None
    value = int(digits, base or 10)
    return -value if text[0] == "-" else value


def parse_float(text: str) -> float:
    """Read a number as ``strconv.ParseFloat(text, 64)`` does.

    Raises :exc:`ValueError` with Go's words.
    """
    plain = text.replace("_", "")
    if re.fullmatch(_HEX_FLOAT, text):
        value = _hex_float(plain)
    elif re.fullmatch(_FLOAT, text):
        value = float(plain)
    else:
        raise ValueError(f"strconv.ParseFloat: parsing {quote(text)}: invalid syntax")
    if math.isinf(value) and "n" not in plain.lower():
        raise ValueError(f"strconv.ParseFloat: parsing {quote(text)}: value out of range")
    return value


def _hex_float(text: str) -> float:
    try:
        return float.fromhex(text)
    except OverflowError:
        return math.inf


def format_float(value: float, *, single: bool = False) -> str:
    """Write a number as ``%v`` does: the fewest digits that read back the same, ``1e+06`` from a million.

    ``single`` counts the digits of a 32-bit number, as Go does for numbers that are map keys.
    """
    if single:
        value = _narrowed(value)
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    places, exponent = _shortest(value, single)
    if -4 <= exponent < 6:
        return f"{value:.{max(places - 1 - exponent, 0)}f}"
    return f"{value:.{places - 1}e}"


def _shortest(value: float, single: bool) -> tuple[int, int]:
    """The number of significant digits that identify ``value``, and its decimal exponent."""
    text = f"{value:.16e}"
    for places in range(17):
        text = f"{value:.{places}e}"
        if (_narrowed(float(text)) if single else float(text)) == value:
            break
    digits, _, exponent = text.partition("e")
    return len(digits.lstrip("-").replace(".", "")), int(exponent)


def _narrowed(value: float) -> float:
    """The 32-bit number nearest to ``value``."""
    try:
        (narrow,) = struct.unpack("f", struct.pack("f", value))
    except OverflowError:
        return math.copysign(math.inf, value)
    return float(narrow)


# Strings

_ESCAPES: Final = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", "\\": "\\"}
_NAMED: Final = {char: "\\" + letter for letter, char in _ESCAPES.items()}
_PIECE = (  # compiled when it is used, like those of numbers
    r"\\(?:(?P<named>[abfnrtv\\\"'])|x(?P<x>[0-9a-fA-F]{2})|(?P<o>[0-7]{3})"
    r"|u(?P<u>[0-9a-fA-F]{4})|U(?P<U>[0-9a-fA-F]{8}))|(?P<plain>[^\\\n]+)"
)
_RAW_BYTE = re.compile("[\udc80-\udcff]")


def quote(text: str) -> str:
    """Write ``text`` as a Go string literal, as ``%q`` does."""
    if text.isprintable() and '"' not in text and "\\" not in text:
        return f'"{text}"'
    return '"' + "".join(_quoted_char(char, '"') for char in text) + '"'


def _quoted_char(char: str, mark: str) -> str:
    if char == mark:
        return "\\" + char
    if char in _NAMED:
        return _NAMED[char]
    code = ord(char)
    if char.isprintable():
        return char
    if 0xDC80 <= code <= 0xDCFF:  # a surrogate escape: one byte that is not UTF-8
        return f"\\x{code - 0xDC00:02x}"
    if code < 0x20 or code == 0x7F:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def unquote(literal: str) -> str:
    """The text of a Go literal, given with its double quotes or back-ticks (``strconv.Unquote``).

    Raises :exc:`ValueError` (``invalid syntax``).
    """
    mark, inner = literal[:1], literal[1:-1]
    if len(literal) < 2 or literal[-1] != mark or mark not in ('"', "`") or mark in _unescaped(inner, mark):
        raise ValueError("invalid syntax")
    if mark == "`":
        return inner.replace("\r", "")
    return from_bytes(_unescape(inner, mark))


def unquote_char(literal: str) -> int:
    """The code point of a character constant, marks included. Raises :exc:`ValueError`."""
    piece = re.compile(_PIECE).match(literal, 1)
    if piece is None or literal[1:2] == "'":
        raise ValueError("invalid syntax")
    end = 2 if piece.lastgroup == "plain" else piece.end()
    if literal[end:] != "'":
        raise ValueError(f"malformed character constant: {literal}")
    if piece.lastgroup in ("x", "o"):
        return _unescape(literal[1:end], "'")[0]
    return ord(_unescape(literal[1:end], "'").decode())


def _unescaped(inner: str, mark: str) -> str:
    """``inner`` without its escape sequences, where another mark would end the literal too early."""
    return inner if mark == "`" else re.sub(r"\\.", "", inner, flags=re.DOTALL)


def _unescape(inner: str, mark: str) -> bytes:
    out, piece_at = bytearray(), re.compile(_PIECE).match
    position = 0
    while position < len(inner):
        piece = piece_at(inner, position)
        if piece is None:
            raise ValueError("invalid syntax")
        out += _piece_bytes(piece, mark)
        position = piece.end()
    return bytes(out)


def _piece_bytes(piece: re.Match[str], mark: str) -> bytes:
    kind = piece.lastgroup or ""
    text = piece[kind]
    if kind == "plain":
        return _RAW_BYTE.sub("\ufffd", text).encode()
    if kind == "named":
        if text in "\"'" and text != mark:
            raise ValueError("invalid syntax")
        return _ESCAPES.get(text, text).encode()
    code = int(text, 8 if kind == "o" else 16)
    if kind in "xo":
        if code > 0xFF:
            raise ValueError("invalid syntax")
        return bytes([code])
    if code > 0x10FFFF or 0xD800 <= code <= 0xDFFF:
        raise ValueError("invalid syntax")
    return chr(code).encode()
