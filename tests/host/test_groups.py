"""Groups: who may join, and whose turn it is."""

from __future__ import annotations

import pytest

from aiofrp.errors import ProxyError
from aiofrp.host.groups import Groups, Turns
from aiofrp.host.route import DIRECT, Origin
from aiofrp.stream.base import Stream
from aiofrp.stream.memory import memory_pair
from aiofrp.wire.frp.messages import NewProxy


def member(key: str = "k", group: str = "g") -> NewProxy:
    return NewProxy(group=group, group_key=key)


async def test_the_first_member_founds_the_group_and_fixes_it() -> None:
    groups = Groups()
    assert groups.find(member(), str, (1, "x")) is None
    groups.add(member(), (1, "x"), "target")
    assert groups.find(member(), str, (1, "x")) == "target"
    assert groups.find(member(group="other"), str, (2,)) is None
    with pytest.raises(ProxyError, match=r"^group params invalid$"):
        groups.find(member("wrong"), str, (2, "x"))
    with pytest.raises(ProxyError, match=r"^another text$"):
        groups.find(member(), str, (2, "x"), "another text")
    with pytest.raises(ProxyError, match=r"^group auth failed$"):
        groups.find(member("wrong"), str, (1, "x"))
    groups.remove("g")
    assert len(groups) == 0
    assert groups.find(member("new"), str, (2,)) is None


class Member:
    def __init__(self, name: str, served: list[str]) -> None:
        self.name = name
        self.served = served

    def accept(self, stream: Stream, early: bytes = b"", info: Origin = DIRECT) -> None:
        assert (early, info) == (b"early", DIRECT)
        self.served.append(self.name)


def test_members_take_turns_from_the_first_on() -> None:
    served: list[str] = []
    user, _ = memory_pair()
    members = {name: Member(name, served) for name in "abcd"}

    def next_turns(count: int) -> list[str]:
        served.clear()
        for _ in range(count):
            turns.accept(user, b"early")
        return list(served)

    turns = Turns(members["a"], members["b"], members["c"])
    assert next_turns(4) == ["a", "b", "c", "a"]
    turns.add(members["d"])
    assert next_turns(4) == ["b", "c", "a", "d"]
    turns.remove(members["c"])
    assert next_turns(3) == ["b", "a", "d"]
    assert len(turns) == 3
