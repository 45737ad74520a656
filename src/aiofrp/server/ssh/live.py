"""What a client's terminal shows while its tunnel runs: where users go, and a line that counts them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from aiofrp.config.models.proxy import ProxyConfig
from aiofrp.proxy.base import Place, proxy_type
from aiofrp.server.ssh.protocol.terminal import Terminal

#: Seconds between two states of the line.
EVERY = 1.0
_UNITS = ("B", "kB", "MB", "GB", "TB")


def success(user: str, proxies: list[tuple[ProxyConfig, str]]) -> str:
    """What is shown once the ``proxies`` run, each with its remote address, word by word as the reference shows it."""
    blocks = [
        f"User: {user}\nProxyName: {proxy.name}\nType: {proxy.type}\nRemoteAddress: {remote}\n"
        for proxy, remote in proxies
    ]
    return "\nfrp (via SSH) (Ctrl+C to quit)\n\n" + "\n".join(blocks)


def addresses(proxy: ProxyConfig, remote: str, host: str) -> list[str]:
    """Where users of a proxy go, as they type it: URLs where the type has them. ``host``: the address of frps for tcp
    proxies, whose remote address is only a port."""
    kind = proxy_type(proxy.type)
    if kind.place is Place.DOOR or not remote:
        return []
    return [url.removeprefix("tcp://") for url in kind.urls(remote, host, "/")]


def size_text(count: int) -> str:
    """A number of bytes with a unit."""
    value, unit = float(count), 0
    while value >= 1000 and unit < len(_UNITS) - 1:
        value, unit = value / 1000, unit + 1
    return f"{value:.1f} {_UNITS[unit]}" if unit else f"{count} B"


class Counts:
    """The line on a client's terminal; ``counts`` gives open connections, all connections, bytes in and bytes out."""

    def __init__(self, terminal: Terminal, counts: Callable[[], tuple[int, int, int, int]]) -> None:
        self._terminal = terminal
        self._counts = counts
        self._shown = ""
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Show the line now and whenever it has changed."""
        opened, all_of_them, sent, received = self._counts()
        text = (
            f"Connections: {opened} open, {all_of_them} in all    "
            f"Users sent {size_text(received)}, got {size_text(sent)}"
        )
        if text != self._shown and self._terminal.show_status(text):
            self._shown = text
        self._timer = asyncio.get_running_loop().call_later(EVERY, self.start)

    def stop(self) -> None:
        """Show it no more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
