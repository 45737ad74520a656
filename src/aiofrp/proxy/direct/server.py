"""The server half of xtcp: it hands the visitors' requests for holes to the client (docs/protocol/nat.md §3)."""

from __future__ import annotations

from collections.abc import Callable

from aiofrp.errors import FrpError
from aiofrp.host.contexts import HoleOwner, ServerHalf
from aiofrp.stream.base import Stream
from aiofrp.wire.frp.messages import NatHoleSid, StartWorkConn


class DirectServer(ServerHalf):
    """Lets visitors ask for holes. No user connection passes through frps."""

    async def start(self) -> str:
        context = self.context
        message = context.message
        users = message.allow_users or (context.user,)
        owner = HoleOwner(message.sk, users, context.messages, self._ask)
        self._lease = await context.holes.claim(message.proxy_name, owner)
        return ""

    async def stop(self) -> None:
        self._lease.end()

    def _ask(self, sid: str, failed: Callable[[FrpError], None]) -> None:
        """Let the client announce its addresses: a work connection of its own has the session id, and closes."""
        context = self.context

        def ready(stream: Stream) -> None:
            stream.write(context.codec.encode(NatHoleSid(sid=sid)))
            stream.close()

        def not_taken(error: FrpError) -> None:
            context.log.seldom.warning("write nat hole sid package error, %s", error)
            failed(error)

        context.take_work_connection(StartWorkConn(proxy_name=context.message.proxy_name), ready, not_taken)
