"""Numbers of JSON that keep how they were written, as Go's ``json.Number`` does."""

from __future__ import annotations


class JsonFloat(float):
    """A number with a point or an exponent in a JSON file: not a whole number there, whatever its value."""

    __slots__ = ("text",)

    def __new__(cls, text: str) -> JsonFloat:
        number = super().__new__(cls, text)
        number.text = text
        return number

    text: str


def number_text(value: float) -> str:
    """The text of a number in JSON: as it was written there, if it was read from JSON."""
    if isinstance(value, JsonFloat):
        return value.text
    return str(value) if isinstance(value, int) else repr(value).replace("e-0", "e-")
