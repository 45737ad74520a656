"""Disabled names: the text for the client, limits, and what is kept of a running proxy."""

from __future__ import annotations

from typing import cast

import pytest

from aiofrp.errors import ProxyError
from aiofrp.server.live import disabled
from aiofrp.server.live.disabled import MOST_REASON, DisabledProxies
from aiofrp.server.session.sessions import ControlSession
from aiofrp.wire.frp.messages import NewProxy


def test_a_disabled_name_is_refused_with_who_when_and_why() -> None:
    names = DisabledProxies(lambda: 0.0)
    names.check("p")
    names.add("p", "admin@192.0.2.1", "abuse")
    with pytest.raises(ProxyError, match=r"^proxy \[p\] is disabled by admin@192.0.2.1 since 19.*: abuse$"):
        names.check("p")
    assert names.add("p", "other@192.0.2.2", "again").by == "admin@192.0.2.1"
    names.check("q")
    assert [entry.name for entry in names.all()] == ["p"]
    assert names.remove("p") is not None
    assert names.remove("p") is None
    names.check("p")


def test_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disabled, "MOST_DISABLED", 2)
    names = DisabledProxies()
    assert len(names.add("a", "x", "r" * 9999).reason) == MOST_REASON
    names.add("b", "x", "")
    with pytest.raises(ProxyError, match="2 proxies are disabled already"):
        names.add("c", "x", "")
    assert names.add("a", "x", "").name == "a"
    assert len(names) == 2


def test_what_its_client_closes_does_not_come_back() -> None:
    names = DisabledProxies()
    session, other = cast("ControlSession", object()), cast("ControlSession", object())
    entry = names.add("p", "x", "")
    entry.session, entry.message = session, NewProxy(proxy_name="p")
    names.withdrawn(other, "p")
    assert entry.session is session
    names.withdrawn(session, "p")
    names.withdrawn(session, "q")
    assert not entry.session
    assert not entry.message
