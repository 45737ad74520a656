"""Messages to the service manager that started the program: ready, alive, stopping (sd_notify(3)).

systemd names a socket in the environment; each message is one datagram of lines. Where nobody asked for messages, none
of this costs anything.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import Callable, MutableMapping

#: Seconds between two messages about the state of the program.
_EVERY = 5.0


class Notifier:
    """Sends messages to the service manager, if there is one that wants them."""

    def __init__(self, environ: MutableMapping[str, str] = os.environ) -> None:
        """``environ``: where the service manager says what it wants. Its variables are taken out, so that no program
        that this one starts sends messages in its name."""
        self._socket: socket.socket | None = None
        self._every = 0.0
        self._beats = False
        self._timer: asyncio.TimerHandle | None = None
        self._status = ""
        self._state: Callable[[], str] = str
        name = environ.pop("NOTIFY_SOCKET", "")
        pid, interval = environ.pop("WATCHDOG_PID", ""), environ.pop("WATCHDOG_USEC", "")
        if name[:1] not in ("/", "@") or not hasattr(socket, "AF_UNIX"):
            return
        self._beats = interval.isdigit() and pid in ("", str(os.getpid()))
        self._every = min(_EVERY, int(interval) / 2e6) if self._beats else _EVERY
        self._connect(f"\0{name[1:]}" if name.startswith("@") else name)

    def ready(self, state: Callable[[], str]) -> None:
        """The program serves; a second call does nothing. From now on the service manager is informed that it is alive,
        and of its ``state``: one line, which ``systemctl status`` shows."""
        if self._socket is not None and self._timer is None:
            self._send("READY=1")
            self._state = state
            self._beat()

    def refresh(self) -> None:
        """The state may have changed; otherwise that is found out within a few seconds."""
        status = " ".join(self._state().split())
        if status != self._status:
            self._status = status
            self._send(f"STATUS={status}")

    def stopping(self) -> None:
        """The program ends."""
        self._send("STOPPING=1")

    def close(self) -> None:
        """Send no more."""
        if self._timer is not None:
            self._timer.cancel()
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _beat(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(self._every, self._beat)
        if self._beats:
            self._send("WATCHDOG=1")
        self.refresh()

    def _connect(self, address: str) -> None:
        made = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        made.setblocking(False)
        try:
            made.connect(address)
        except OSError:  # no service manager there
            made.close()
        else:
            self._socket = made

    def _send(self, text: str) -> None:
        if self._socket is not None:
            with contextlib.suppress(OSError):
                self._socket.send(text.encode("utf-8", "replace"))
