"""Whether frpc is logged in, since when, and why it is not: values and an injected clock only."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Literal

from aiofrp.errors import FrpError

LoginPhase = Literal["connecting", "connected", "stopped"]


class LoginState:
    """The state of one frpc's login; ``since`` is seconds since 1970, ``error`` is empty while it is connected,
    ``hint`` also where nothing is known about the error."""

    __slots__ = ("_clock", "error", "hint", "since", "state")

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self.state: LoginPhase = "connecting"
        self.since = clock()
        self.error = self.hint = ""

    def connected(self) -> None:
        """The server has accepted the login."""
        self._enter("connected", "", "")

    def failed(self, error: FrpError) -> None:
        """A login failed, or the session was lost; another login is tried."""
        self._enter("connecting", error.text, str(error.hint or ""))

    def stopped(self) -> None:
        """frpc ends; the last error is kept."""
        self._enter("stopped", self.error, self.hint)

    def _enter(self, state: LoginPhase, error: str, hint: str) -> None:
        if state != self.state:
            self.state, self.since = state, self._clock()
        self.error, self.hint = error, hint
