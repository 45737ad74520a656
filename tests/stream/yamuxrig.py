"""A yamux session under test, with a raw peer and users of its streams."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from aiofrp.errors import RemoteProtocolError
from aiofrp.stream.memory import memory_pair
from aiofrp.stream.mux.limits import MuxLimits
from aiofrp.stream.mux.session import MuxSession
from aiofrp.stream.mux.stream import MuxStream
from aiofrp.wire.yamux import GO_AWAY
from tests.stream.yamuxpeer import YamuxPeer
from tests.support.ends import End, until

OPEN_CREDIT = 6 * 1024 * 1024 - 256 * 1024  #: as a reference peer says it
INITIAL = 256 * 1024
WINDOW = 6 * 1024 * 1024
QUIET = MuxLimits(keepalive_interval=0)


@dataclass
class Rig:
    """A session under test, its peer, and the users of its streams."""

    session: MuxSession
    peer: YamuxPeer
    users: dict[int, End] = field(default_factory=dict)
    losses: list[Exception | None] = field(default_factory=list)

    def open(self) -> End:
        stream = self.session.open()
        return self.use(stream)

    def use(self, stream: MuxStream) -> End:
        end = End(stream)
        self.users[stream.id] = end
        return end.attach()


#: Makes a rig: limits, and keywords ``client`` and ``accepts``.
Make = Callable[..., Rig]


def make_rig(limits: MuxLimits = QUIET, *, client: bool = True, accepts: bool = True) -> Rig:
    """A session over memory; it accepts streams of its peer unless told not to."""
    near, far = memory_pair()

    def accept(stream: MuxStream) -> None:
        rig.use(stream)

    def lost(exc: Exception | None) -> None:
        rig.losses.append(exc)

    peer = YamuxPeer(far)
    session = MuxSession(
        near, client=client, on_stream=accept if accepts else None, on_lost=lost, limits=limits
    )
    rig = Rig(session, peer)
    return rig


async def refused(rig: Rig, text: str) -> None:
    """The session must say GoAway(1) and end as a protocol error."""
    await until(lambda: rig.losses)
    assert isinstance(rig.losses[0], RemoteProtocolError)
    assert text in str(rig.losses[0])
    await until(lambda: rig.peer.eofs)
    assert rig.peer.heads[-1] == (GO_AWAY, 0, 0, 1)
    assert all(isinstance(end.error, RemoteProtocolError) for end in rig.users.values())
