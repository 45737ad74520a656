"""The last lines of the log in the APIs of both programs."""

from __future__ import annotations

from typing import Annotated, Final, TypedDict

from aiohttp import web

from aiofrp.logtail import LEVELS, MOST_LINES, LogTail, TailLine
from aiofrp.webserver.routes import Query
from aiofrp.webserver.server import ApiError


class LogLine(TypedDict):
    """One line of the log."""

    id: Annotated[int, "Grows by 1 from line to line."]
    at: Annotated[float, "When it was logged, in seconds since 1970."]
    level: Annotated[str, "One of " + ", ".join(f"`{level}`" for level in LEVELS) + "."]
    text: Annotated[str, "The line without time and place; 1,000 characters at most."]


class LogLines(TypedDict):
    """The last lines of the log."""

    lines: Annotated[list[LogLine], "The newest last."]


#: The parameters of the route.
TAIL_QUERY: Final = (
    Query("level", "The lowest level that is shown: " + ", ".join(LEVELS) + ". All by default."),
    Query("q", "A text that the lines must contain, in any case."),
    Query("limit", f"Lines that are shown at most, the newest; {MOST_LINES} by default.", "integer"),
)


def log_lines(request: web.Request, tail: LogTail) -> LogLines:
    """The lines of ``tail`` that the query asks for. Raises :class:`~aiofrp.webserver.server.ApiError` (400)."""
    query = request.query
    level = query.get("level", "").lower() or "trace"
    if level not in LEVELS:
        raise ApiError(400, f"level must be one of {', '.join(LEVELS)}")
    text = query.get("limit", "") or str(MOST_LINES)
    if not (text.isascii() and text.isdigit() and len(text) < 9 and int(text)):
        raise ApiError(400, "limit must be a positive integer")
    lines = tail.lines(level=level, q=query.get("q", ""), limit=int(text))
    return {"lines": [shown(line) for line in lines]}


def shown(line: TailLine) -> LogLine:
    """One line as the APIs show it."""
    return {"id": line.id, "at": line.at, "level": line.name, "text": line.text}
