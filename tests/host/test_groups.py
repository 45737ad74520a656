"""Groups: who may join, and whose turn it is."""

from __future__ import annotations

import pytest

from aiofrp.errors import ProxyError
from aiofrp.host.groups import Groups, Turns
from aiofrp.wire.frp.messages import NewProxy


def member(key: str = "k", group: str = "g") -> NewProxy:
    return NewProxy(group=group, group_key=key)


async def test_the_first_member_founds_the_group_and_fixes_it() -> None:
    groups: Groups[str] = Groups()
    assert groups.find(member(), (1, "x")) is None
    groups.add(member(), (1, "x"), "target")
    assert groups.find(member(), (1, "x")) == "target"
    assert groups.find(member(group="other"), (2,)) is None
    with pytest.raises(ProxyError, match=r"^group params invalid$"):
        groups.find(member("wrong"), (2, "x"))
    with pytest.raises(ProxyError, match=r"^another text$"):
        groups.find(member(), (2, "x"), "another text")
    with pytest.raises(ProxyError, match=r"^group auth failed$"):
        groups.find(member("wrong"), (1, "x"))
    groups.remove("g")
    assert len(groups) == 0
    assert groups.find(member("new"), (2,)) is None


def test_members_take_turns_from_the_first_on() -> None:
    turns = Turns("a", "b", "c")
    assert [turns.next() for _ in range(4)] == ["a", "b", "c", "a"]
    turns.add("d")
    assert [turns.next() for _ in range(4)] == ["b", "c", "a", "d"]
    turns.remove("c")
    assert [turns.next() for _ in range(3)] == ["b", "a", "d"]
    assert len(turns) == 3
