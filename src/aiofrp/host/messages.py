"""The messages of one control connection: who sends them, and who gets those that come."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from aiofrp.errors import LocalProtocolError
from aiofrp.wire.frp.messages import Message

_M = TypeVar("_M", bound=Message)
_Key = tuple[type[Message], str]


class Messages:
    """Leads each message to the one callback that expects it. ``send`` puts a message on the control connection."""

    __slots__ = ("_expected", "send")

    def __init__(self, send: Callable[[Message], None]) -> None:
        self.send = send
        # By type and transaction; limited by the kinds that the program, its proxies and its visitors expect.
        self._expected: dict[_Key, Callable[[Any], Awaitable[None] | None]] = {}

    def __repr__(self) -> str:
        return f"<Messages {sorted(kind.__name__ for kind, _ in self._expected)}>"

    def expect(
        self, kind: type[_M], callback: Callable[[_M], Awaitable[None] | None], transaction: str = ""
    ) -> Callable[[], None]:
        """Call ``callback`` with each message of ``kind`` from now on; returns what ends that.

        ``transaction``: only for messages with this ``transaction_id``; others go to the callback that was given
        none. What ``callback`` returns is awaited before the next message, on frps. Raises
        :class:`~aiofrp.errors.LocalProtocolError` where somebody expects the same already.
        """
        key = (kind, transaction)
        if key in self._expected:
            raise LocalProtocolError(f"{kind.__name__} [{transaction}] is expected twice")
        self._expected[key] = callback

        def end() -> None:
            if self._expected.get(key) is callback:
                del self._expected[key]

        return end

    def find(self, message: Message) -> Callable[[Any], Awaitable[None] | None] | None:
        """The callback that expects ``message``; ``None`` when nobody does."""
        kind = type(message)
        transaction = getattr(message, "transaction_id", "")
        found = self._expected.get((kind, transaction)) if transaction else None
        return found or self._expected.get((kind, ""))
