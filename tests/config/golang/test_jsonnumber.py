"""Numbers of JSON as they are written."""

from __future__ import annotations

from aiofrp.config.golang.jsonnumber import JsonFloat, number_text


def test_number_text_is_json() -> None:
    assert [number_text(value) for value in (7, 7.5, 1e30, 1e-7, JsonFloat("7e3"))] == [
        "7", "7.5", "1e+30", "1e-7", "7e3",
    ]  # fmt: skip


def test_a_number_keeps_its_text_and_is_a_float() -> None:
    number = JsonFloat("7.0")
    assert (number, number.text) == (7.0, "7.0")
