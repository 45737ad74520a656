"""What a client may use before its login."""

from __future__ import annotations

from aiofrp.stream.quic.quota import BYTES_BEFORE_LOGIN, STREAMS_BEFORE_LOGIN, LoginQuota


def test_bytes_are_counted_together() -> None:
    reasons: list[str] = []
    quota = LoginQuota(reasons.append)
    assert quota.take(BYTES_BEFORE_LOGIN - 1)
    assert quota.take(1)
    assert not reasons
    assert not quota.take(1)
    assert reasons == [f"more than {BYTES_BEFORE_LOGIN} bytes before the login"]


def test_the_streams_are_the_first_of_the_clients_own() -> None:
    reasons: list[str] = []
    quota = LoginQuota(reasons.append)
    assert all(quota.may_open(4 * number) for number in range(STREAMS_BEFORE_LOGIN))
    assert not reasons
    assert not quota.may_open(4 * STREAMS_BEFORE_LOGIN)
    assert reasons == [f"more than {STREAMS_BEFORE_LOGIN} streams before the login"]
