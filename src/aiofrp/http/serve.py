"""The engine's entry: users are taken here, and ended all together."""

from __future__ import annotations

from aiofrp.http.users import Users
from aiofrp.http.v1.user import User1
from aiofrp.stream.base import Stream

#: Users between two requests, or slow with one: the oldest is cut for a new one. Each may fill 64 KiB.
MAX_IDLE = 4096


class Engine(Users):
    """Serves the requests of any number of connections as one :class:`~aiofrp.http.site.Site` decides."""

    def __repr__(self) -> str:
        return f"<Engine users={len(self.users)} idle={len(self.idle)}>"

    def accept(self, stream: Stream, source: tuple[str, int], server_name: str = "") -> None:
        """Serve a user at the address ``source``, which called us ``server_name`` in TLS (SNI); nobody is attached to
        ``stream``."""
        if self.stopping:
            stream.abort()
            return
        if len(self.idle) >= MAX_IDLE:
            next(iter(self.idle)).close_idle()
        self.users.add(User1(stream, source, self, server_name))

    def speak_http2(self, stream: Stream, source: tuple[str, int], server_name: str) -> None:
        from aiofrp.http.v2.user import User2  # loads h2, which most programs do without

        User2(stream, source, self, server_name)

    def close(self) -> None:
        """Take no more requests: idle users are closed, the others after their response."""
        self.stopping = True
        for user in list(self.idle):
            user.close_idle()

    def abort(self) -> None:
        """End what is left."""
        for user in list(self.users):
            user.abort()
