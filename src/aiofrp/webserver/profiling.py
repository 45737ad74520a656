"""The pages of ``webServer.pprofEnable`` about a running program, under the reference's paths
(docs/protocol/server.md §13).

The pages have the facts of Python instead of Go: tasks instead of goroutines, and a profile of :mod:`cProfile`, which
:mod:`pstats` reads. Unlike the reference's, they require the web server's credentials.
"""

from __future__ import annotations

import asyncio
import cProfile
import gc
import io
import marshal
import re
import sys
import threading
import traceback
from collections import Counter
from collections.abc import Iterable
from types import FrameType

from aiohttp import web

from aiofrp.webserver.server import ApiError, Handler, WebServer, text_response

#: Seconds of a profile when the request names none (as in the reference), and at most (the web server's limit is 60).
_PROFILE_SECONDS, _PROFILE_LIMIT = 30.0, 55.0
#: Flags whose values are secret, with the "=" that may follow: long ones with such a word in their name, and -t, also
#: after other letters. The value of a short flag that contains a t is masked from there on.
_SECRET_FLAG = re.compile(
    r"--(?:\w+[-_])*(?:token|pwd|passwd|password|sk|secret)(?:=|$)|-(?!-)[^t]*t=?", re.S
)
_MASK = "***"
#: Most types on the page about memory, those with most objects first.
_TYPES = 100


def add_profiling(server: WebServer) -> None:
    """Add the routes of the pages below ``/debug/pprof/`` to ``server``."""
    pages: tuple[tuple[str, str, Handler], ...] = (
        ("cmdline", "the command line, its words separated by NUL", _command_line),
        ("goroutine", "what every task and thread waits for", _tasks),
        ("heap", "objects by type, those alive since the start left out", _objects),
        ("profile", "where time goes; ?seconds=30; read the file with python -m pstats", _Profiler().page),
    )

    async def index(request: web.Request) -> web.Response:
        return text_response("".join(f"/debug/pprof/{name}: {text}\n" for name, text, _ in pages))

    for path in ("/debug/pprof", "/debug/pprof/"):
        server.route("GET", path, index)
    for name, _, page in pages:  # a profile slows the program down, so no other web site may cause one
        server.route("GET", f"/debug/pprof/{name}", page, changes=name == "profile")


async def _command_line(request: web.Request) -> web.Response:
    return text_response("\0".join(without_secrets(sys.orig_argv)))


def without_secrets(words: Iterable[str]) -> list[str]:
    """The words of a command line with ``***`` in place of tokens, passwords and keys, in each form of their flags."""
    shown: list[str] = []
    hide = False  # whether the word is the value of the flag before it
    for word in words:
        flag = None if hide else _SECRET_FLAG.match(word)
        end = flag.end() if flag else len(word)
        shown.append(_MASK if hide else word[:end] + _MASK if end < len(word) else word)
        hide = flag is not None and end == len(word)
    return shown


async def _tasks(request: web.Request) -> web.Response:
    out = io.StringIO()
    for task in sorted(asyncio.all_tasks(), key=lambda task: task.get_name()):
        out.write(f"task {task.get_name()}:\n")
        task.print_stack(file=out)
        out.write("\n")
    frames: dict[int, FrameType] = sys._current_frames()
    for thread in threading.enumerate():
        if thread.ident in frames:
            out.write(f"thread {thread.name}:\n{''.join(traceback.format_stack(frames[thread.ident]))}\n")
    return text_response(out.getvalue())


async def _objects(request: web.Request) -> web.Response:
    counts = Counter(f"{type(thing).__module__}.{type(thing).__qualname__}" for thing in gc.get_objects())
    lines = [f"{count:8} {name}\n" for name, count in counts.most_common(_TYPES)]
    return text_response(f"{counts.total():8} in all\n" + "".join(lines))


class _Profiler:
    """Takes one profile at a time, because the interpreter cannot take more; others get 409."""

    def __init__(self) -> None:
        self._running = False

    async def page(self, request: web.Request) -> web.Response:
        seconds = _seconds(request.query.get("seconds", ""))
        if self._running:
            raise ApiError(409, "a profile is being taken")
        self._running = True
        profile = cProfile.Profile()
        profile.enable()
        try:
            await asyncio.sleep(seconds)
        finally:
            profile.disable()
            self._running = False
        profile.create_stats()
        return web.Response(
            body=marshal.dumps(profile.stats),
            content_type="application/octet-stream",
            headers={"Content-Disposition": 'attachment; filename="profile"'},
        )


def _seconds(text: str) -> float:
    """The seconds in a request; the default for an empty or invalid text, as in the reference."""
    try:
        asked = float(text)
    except ValueError:
        asked = 0
    return min(asked, _PROFILE_LIMIT) if asked > 0 else _PROFILE_SECONDS
