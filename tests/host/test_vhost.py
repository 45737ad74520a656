"""The domains of a shared port are claimed and given back."""

from __future__ import annotations

import pytest

from aiofrp.errors import Taken
from aiofrp.host.vhost import Vhost


async def test_a_domain_is_claimed_until_the_lease_ends() -> None:
    vhost = Vhost(80, "example.com", str)
    first = await vhost.claim("a.example", "/x", "", "first", "web")
    other = await vhost.claim("a.example", "/y", "", "other", "more")
    with pytest.raises(Taken, match=r"^router config conflict$") as refused:
        await vhost.claim("a.example", "/x", "", "second", "new")
    assert refused.value.holder == "web"
    assert len(vhost.routes) == 2
    for _ in range(2):
        first.end()
    assert len(vhost.routes) == 1
    again = await vhost.claim("a.example", "/x", "", "second", "new")
    first.end()
    assert len(vhost.routes) == 2, "the lease that ended gives nothing back"
    other.end()
    again.end()
    assert not len(vhost.routes)
