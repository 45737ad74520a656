"""The table of messages and their defaults."""

from __future__ import annotations

import pytest

from aiofrp.wire.frp.messages import BY_MESSAGE_ID, BY_TYPE_BYTE, Message, NewProxy
from tests.wire.vectors import load

TABLE = {
    (vector["v1_hex"][:2], vector["v2_frame_hex"][16:20], vector["name"])
    for vector in load("messages")["vectors"]
}


def test_numbers_are_those_of_the_reference() -> None:
    ours = {(cls.type_byte.hex(), f"{cls.message_id:04x}", cls.__name__) for cls in BY_TYPE_BYTE.values()}
    assert ours == TABLE
    assert len(ours) == 18


def test_tables_agree() -> None:
    assert sorted(BY_MESSAGE_ID) == list(range(1, 19))
    assert set(BY_TYPE_BYTE.values()) == set(BY_MESSAGE_ID.values())


@pytest.mark.parametrize("cls", BY_TYPE_BYTE.values(), ids=lambda cls: cls.__name__)
def test_messages_are_values(cls: type[Message]) -> None:
    assert cls() == cls()
    with pytest.raises(AttributeError):
        cls().error = "changed"  # type: ignore[attr-defined]


def test_maps_are_not_shared() -> None:
    assert NewProxy().metas is not NewProxy().metas
