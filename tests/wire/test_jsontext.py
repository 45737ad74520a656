"""JSON of values that are no Unicode text in some place."""

from __future__ import annotations

import json

import msgspec
import pytest

from aiofrp.wire.jsontext import json_text


class Item(msgspec.Struct, omit_defaults=True):
    name: str = ""
    labels: dict[str, str] = {}
    others: list[str] = []


@pytest.mark.parametrize("bad", [chr(0xD800), chr(0xDCFF), chr(0xDFFF)])
def test_what_is_no_text_is_replaced(bad: str) -> None:
    item = Item(f"x{bad}", {bad: bad, "b": "c"}, ["远程", bad])
    wanted = {"name": "x\ufffd", "labels": {"\ufffd": "\ufffd", "b": "c"}, "others": ["远程", "\ufffd"]}
    assert json.loads(json_text(item)) == wanted
    assert json.loads(json_text([item, 1, None, 1.5, (bad,)])) == [wanted, 1, None, 1.5, ["\ufffd"]]


def test_good_text_stays_and_keys_are_sorted_when_asked() -> None:
    assert json_text({"b": "远程🖥", "a": 1}, sort=True) == '{"a":1,"b":"远程🖥"}'.encode()
    assert json_text(Item()) == b"{}"
