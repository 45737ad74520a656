"""What was claimed is given back once."""

from __future__ import annotations

from aiofrp.host.lease import Lease, PortLease


def test_a_lease_ends_once() -> None:
    given_back: list[str] = []
    lease = Lease(lambda: given_back.append("name"))
    port = PortLease(6000, lambda: given_back.append(str(port.port)))
    assert not given_back
    for _ in range(2):
        port.end()
        lease.end()
    assert given_back == ["6000", "name"]


def test_an_end_within_the_end_does_nothing() -> None:
    ends: list[int] = []

    def given_back() -> None:
        ends.append(1)
        lease.end()

    lease = Lease(given_back)
    lease.end()
    assert ends == [1]
