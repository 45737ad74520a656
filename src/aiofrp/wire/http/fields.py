"""Fields of HTTP/1 heads: which pass and which are acted on, and the options of a connection (RFC 9110 §5, §7.6.1)."""

from __future__ import annotations

Field = tuple[bytes, bytes]
"""A field's name as it was sent, and its value without the blanks around it."""


NO_OPTIONS: frozenset[bytes] = frozenset()
#: Connection options that name no field to be removed.
_PLAIN_OPTIONS = frozenset((b"", b"close", b"keep-alive", b"upgrade", b"te"))
_USUAL_OPTIONS = {
    value: frozenset((value.lower(),)) for value in (b"keep-alive", b"Keep-Alive", b"close", b"Close")
}


def sort_fields(pairs: list[Field], known: dict[bytes, bool]) -> tuple[list[Field], dict[bytes, list[bytes]]]:
    """Separate parsed fields: those that pass in their order, and the values of those to note by lower-case name.

    ``known``: the names to note in lower case; the value says whether the field passes too.
    """
    passing: list[Field] = []
    noted: dict[bytes, list[bytes]] = {}
    for pair in pairs:
        name = pair[0].lower()
        passes = known.get(name)
        if passes is None:
            passing.append(pair)
            continue
        noted.setdefault(name, []).append(pair[1].rstrip(b" \t"))
        if passes:
            passing.append(pair)
    return passing, noted


def without_named(fields: list[Field], options: frozenset[bytes]) -> list[Field]:
    """``fields`` without those that the Connection ``options`` name; the same list when they name none."""
    named = options - _PLAIN_OPTIONS
    return [field for field in fields if field[0].lower() not in named] if named else fields


def passing_text(fields: list[Field], options: frozenset[bytes]) -> bytes:
    """The lines of ``fields``, without those that the Connection ``options`` name."""
    return b"".join([b"%b: %b\r\n" % field for field in without_named(fields, options)])


def connection_options(noted: dict[bytes, list[bytes]]) -> frozenset[bytes]:
    """The options of all Connection fields in ``noted``, in lower case."""
    values = noted.get(b"connection")
    if values is None:
        return NO_OPTIONS
    usual = _USUAL_OPTIONS.get(values[0]) if len(values) == 1 else None
    return usual or frozenset(
        option.strip(b" \t").lower() for value in values for option in value.split(b",")
    )


def keeps_alive(minor: int, options: frozenset[bytes]) -> bool:
    """Whether the connection persists, by the version HTTP/1.``minor`` and the Connection options of a message."""
    return b"close" not in options and (minor == 1 or b"keep-alive" in options)
