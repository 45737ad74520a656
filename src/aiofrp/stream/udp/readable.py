"""Calls a function when a socket has something to read, on every event loop.

uvloop, winloop and asyncio's selector loop do this themselves. A loop that does not, such as asyncio's proactor loop on
Windows, gets one thread that waits for all its sockets; the functions still run in the loop.
"""

from __future__ import annotations

import asyncio
import select
import socket
import threading
from collections.abc import Callable
from weakref import WeakKeyDictionary


class Watch:
    """Calls ``callback`` in the running loop whenever ``sock`` can be read, until :meth:`end`."""

    __slots__ = ("_callback", "_ended", "_loop", "_renewing", "_sock", "_waiter")

    def __init__(self, sock: socket.socket, callback: Callable[[], object]) -> None:
        self._sock = sock
        self._callback = callback
        self._loop = asyncio.get_running_loop()
        self._ended = self._renewing = False
        self._waiter: _Waiter | None = None
        try:
            self._loop.add_reader(sock.fileno(), callback)
        except NotImplementedError:
            self._waiter = _waiters.get(self._loop)
            if self._waiter is None:
                self._waiter = _waiters[self._loop] = _Waiter(self._loop)
            self._waiter.add(sock, callback)

    def end(self) -> None:
        """Call nothing any more; to be called once, while the socket is still open."""
        self._ended = True
        if self._waiter is None:
            self._loop.remove_reader(self._sock.fileno())
        elif self._waiter.remove(self._sock):
            del _waiters[self._loop]

    def renew(self) -> None:
        """Begin again on the next turn of the loop: to be called for every error of the socket but EAGAIN and EINTR.

        A connected UDP socket reports an ICMP error in its next call, whichever that is. While such an error waits,
        libuv ends the watch (POLLERR) and uvloop says nothing: the socket would never be read again.
        """
        if self._waiter is None and not self._renewing:
            self._renewing = True
            self._loop.call_soon(self._begin_again)

    def _begin_again(self) -> None:
        self._renewing = False
        if not self._ended:
            self._loop.remove_reader(self._sock.fileno())
            self._loop.add_reader(self._sock.fileno(), self._callback)


class _Waiter:
    """The thread of one loop. A socket that can be read is not waited for again until its function has run."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._callbacks: dict[socket.socket, Callable[[], object]] = {}  # limited by open files
        # The thread waits for `_wanted`; `_change` counts changes of it and `_known` those the thread has seen.
        self._lock = threading.Condition()
        self._wanted: set[socket.socket] = set()
        self._change = self._known = 0
        self._ended = False
        self._waker, self._woken = socket.socketpair()
        self._woken.setblocking(False)
        self._thread = threading.Thread(target=self._run, name="aiofrp readable", daemon=True)
        self._thread.start()

    # In the loop

    def add(self, sock: socket.socket, callback: Callable[[], object]) -> None:
        self._callbacks[sock] = callback
        self._want(sock)

    def remove(self, sock: socket.socket) -> bool:
        """Wait for ``sock`` no more, so that its owner may close it; True when it was the last one."""
        self._callbacks.pop(sock, None)
        with self._lock:
            self._wanted.discard(sock)
            self._ended = not self._callbacks
            self._changed()
            self._lock.wait_for(lambda: self._known == self._change)
        if not self._ended:
            return False
        self._thread.join()
        self._waker.close()
        self._woken.close()
        return True

    def _want(self, sock: socket.socket) -> None:
        with self._lock:
            self._wanted.add(sock)
            self._changed()

    def _changed(self) -> None:
        self._change += 1
        self._waker.send(b"\0")

    def _readable(self, sock: socket.socket) -> None:
        callback = self._callbacks.get(sock)
        if callback is not None:
            callback()
        if sock in self._callbacks:
            self._want(sock)

    # In the thread

    def _run(self) -> None:
        while True:
            with self._lock:
                wanted = [self._woken, *self._wanted]
                self._known = self._change
                self._lock.notify_all()
                if self._ended:
                    return
            readable, _, _ = select.select(wanted, [], [])
            if self._woken in readable:
                readable.remove(self._woken)
                self._woken.recv(4096)
            with self._lock:
                ready = [sock for sock in readable if sock in self._wanted]
                self._wanted.difference_update(ready)
            for sock in ready:
                self._loop.call_soon_threadsafe(self._readable, sock)


_waiters: WeakKeyDictionary[asyncio.AbstractEventLoop, _Waiter] = WeakKeyDictionary()
