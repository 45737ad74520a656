"""One request for a file, from the opening of the file to the end of the response."""

from __future__ import annotations

import asyncio
from typing import Protocol

from aiofrp.errors import FrpError
from aiofrp.http.answers import Answer, http_date, sized
from aiofrp.http.exchange import ExchangeUser
from aiofrp.http.programexchange import ProgramExchange
from aiofrp.plugin.files.cache import FileCache, TooManyOpen
from aiofrp.plugin.files.opened import OpenedFile
from aiofrp.plugin.files.paths import FilePlace, encode
from aiofrp.plugin.files.pieces import (
    PIECE,
    ContentPieces,
    FilePieces,
    GzipPieces,
    ListingPieces,
    Pieces,
    Reading,
)
from aiofrp.plugin.files.plan import FilePlan, moved, plan_file, plan_listing, read_fields, with_query
from aiofrp.plugin.files.threads import FileThreads
from aiofrp.wire.http.head import UNTIL_EOF, RequestHead

#: Bytes of a file up to which its content is kept while it is known to be the same, and its compressed content while
#: the file is open.
MAX_CONTENT, MAX_GZIPPED = 16 * 1024, 256 * 1024


class FileHost(Protocol):
    """Whose files are asked for."""

    @property
    def cache(self) -> FileCache:
        """The open files."""

    @property
    def threads(self) -> FileThreads:
        """Where disks are waited for."""

    @property
    def reading(self) -> Reading:
        """How files are read without waiting."""

    def refuse(self, request: RequestHead, error: Exception) -> Answer:
        """A file cannot be served: log it, and return what the user gets."""


def response_of(request: RequestHead, file: OpenedFile, reading: Reading) -> Answer | FilePlan:
    """The whole response to ``request`` for ``file`` if nothing has to be waited for, else what it will be.

    Raises OSError or FrpError when the file cannot be read.
    """
    if (file.is_folder or file.is_index) is not request.path.endswith(b"/"):
        return moved(_better_name(request))
    fields = read_fields(request)
    plan = plan_listing(fields, file) if file.is_folder else plan_file(fields, file)
    if isinstance(plan, Answer):
        return plan
    if request.method == b"HEAD":
        length = [] if plan.size == UNTIL_EOF else [(b"Content-Length", b"%d" % plan.size)]
        return Answer(plan.status, plan.reason, [*plan.fields, (b"Date", http_date()), *length], b"")
    body = file.gzipped if plan.gzip else _small_body(plan, file, reading)
    return plan if body is None else whole(plan, body)


def whole(plan: FilePlan, body: bytes) -> Answer:
    """The response of ``plan`` with all of its body."""
    return Answer(plan.status, plan.reason, [*plan.fields, *sized(body)], body)


class FileExchange(ProgramExchange):
    """Opens the file, then sends what was asked of it, a piece whenever the user takes one.

    Between two pieces the event loop serves others. The file is released at the end, and not before a thread that
    reads it has come back.
    """

    __slots__ = ("_due", "_file", "_host", "_pieces", "_place", "_plan", "_reads")

    def __init__(self, user: ExchangeUser, request: RequestHead, host: FileHost, place: FilePlace) -> None:
        super().__init__(user, request)
        self._host = host
        self._place = place
        self._file: OpenedFile | None = None
        self._plan: FilePlan | None = None
        self._pieces: Pieces | None = None
        self._reads = False  # a thread has the pieces
        self._due = False  # a later turn of the loop goes on

    # ProgramExchange

    def respond(self) -> None:
        if self.whole:
            self.user.request_sent()  # the answer is waited for as that of a service
        file = self._host.cache.find(self.request.path)
        if file is not None:
            self._opened(file.use())
            return
        try:
            self._host.cache.open(self.request.path, self._place, self._opened, self._fail)
        except TooManyOpen as exc:
            self._fail(exc)

    def writable(self) -> None:
        if not self._reads and not self._due and self._pieces is not None:
            self._go_on()

    def released(self) -> None:
        if not self._reads:
            self._release()

    # Private

    def _opened(self, file: OpenedFile) -> None:
        self._file = file
        if self.over:
            self._release()
            return
        try:
            response = response_of(self.request, file, self._host.reading)
        except (OSError, FrpError) as exc:
            self._fail(exc)
            return
        if isinstance(response, Answer):
            self.answer(response)
            return
        self._plan = response
        self._pieces = _pieces_of(response, file, self._host.reading)
        if response.size != UNTIL_EOF:
            self.begin(response.status, response.reason, response.fields, response.size)
        self._go_on()

    def _go_on(self) -> None:
        """The next piece, unless the user is full: then :meth:`writable` follows."""
        self._due = False
        if self.over or self.paused or self._pieces is None:
            return
        try:
            piece = self._pieces.at_once()
        except (OSError, FrpError) as exc:
            self._fail(exc)
            return
        if piece is None:
            self._reads = True
            self._host.threads.run(self._pieces.wait, self._read, self._not_read)
        else:
            self._pass(self._pieces, piece)

    def _read(self, piece: bytes) -> None:
        self._reads = False
        if self.over or self._pieces is None:
            self._release()
        else:
            self._pass(self._pieces, piece)

    def _not_read(self, error: Exception) -> None:
        self._reads = False
        if self.over:
            self._release()
        else:
            self._fail(error)

    def _pass(self, pieces: Pieces, piece: bytes) -> None:
        """Send a piece; the first may begin the response, or be all of it."""
        if not self.responding and self._begin(pieces, piece):
            return
        self.write(piece)
        if self.over:
            return
        if pieces.done:
            self.finish()
        elif not self.paused:
            self._due = True
            asyncio.get_running_loop().call_soon(self._go_on)

    def _begin(self, pieces: Pieces, piece: bytes) -> bool:
        """Begin a response whose size is known at its end; whether ``piece`` is all of it."""
        plan, file = self._plan, self._file
        assert plan is not None
        assert file is not None
        if not pieces.done:
            self.begin(plan.status, plan.reason, plan.fields)
            return False
        if plan.gzip and file.size <= MAX_GZIPPED and not file.is_folder:
            file.gzipped = piece
        self.answer(whole(plan, piece))
        return True

    def _fail(self, error: Exception) -> None:
        if self.responding:
            self.break_off(error)
        elif not self.over:
            self.answer(self._host.refuse(self.request, error))

    def _release(self) -> None:
        file, self._file, self._pieces = self._file, None, None
        if file is not None:
            file.release()


def _better_name(request: RequestHead) -> bytes:
    """Where a folder without a slash at its end has moved, or a file with one."""
    name = request.path.rstrip(b"/").rpartition(b"/")[2]
    better = b"../" + encode(name) if request.path.endswith(b"/") else encode(name + b"/")
    return with_query(better, request)


def _small_body(plan: FilePlan, file: OpenedFile, reading: Reading) -> bytes | None:
    """A body of one piece, if nothing has to be waited for."""
    size = plan.size
    if size == UNTIL_EOF or size > PIECE or len(plan.parts) > 1:
        return None
    if size == file.size and file.content is not None:
        return file.content
    body = reading.read(file.descriptor, size, plan.parts[0].start) if size else b""
    if body is None or len(body) != size:
        return None
    if size == file.size <= MAX_CONTENT:
        file.content = body
    return body


def _pieces_of(plan: FilePlan, file: OpenedFile, reading: Reading) -> Pieces:
    if plan.parts:
        return FilePieces(file, plan.parts, plan.tail, reading)
    pieces = ListingPieces(file) if file.is_folder else ContentPieces(file)
    return GzipPieces(pieces) if plan.gzip else pieces
