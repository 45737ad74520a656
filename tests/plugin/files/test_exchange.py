"""Requests for files through the HTTP engine, in memory: what comes back, in which pieces, and what is held."""

from __future__ import annotations

import gzip
import os
import random
import re
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from aiofrp import logs
from aiofrp.config.models.types import Secret
from aiofrp.http.serve import Engine
from aiofrp.plugin.files import cache, opened, pieces
from aiofrp.plugin.files.confined import open_below
from aiofrp.plugin.files.site import FileSite
from aiofrp.stream.memory import memory_pair
from tests.support.ends import End, until

BIG = 3 * pieces.PIECE + 5
Head = dict[bytes, bytes]


class Web:
    """Users of one folder that is served."""

    def __init__(self, root: Path, **options: str) -> None:
        self.root = root
        password = Secret(options.get("password", ""))
        self.site = FileSite(
            logs.get("files"), str(root), options.get("prefix", ""), options.get("user", ""), password
        )
        self.engine = Engine(self.site)
        self.users: list[End] = []

    def user(self) -> End:
        far, near = memory_pair()
        self.engine.accept(near, ("192.0.2.1", 1))
        self.users.append(End(far).attach())
        return self.users[-1]

    async def ask(self, path: str, *fields: str, method: str = "GET") -> tuple[bytes, Head, bytes]:
        """One request of a new user: status line, fields and body of the response."""
        user = self.user()
        lines = [f"{method} {path} HTTP/1.1", "Host: x", "Connection: close", *fields, "", ""]
        user.stream.write("\r\n".join(lines).encode())
        await until(lambda: user.eofs or user.lost)
        return parsed(bytes(user.data))

    async def close(self) -> None:
        self.engine.close()
        self.engine.abort()
        self.site.close()
        for user in self.users:
            user.stream.abort()
        await until(lambda: not self.site.cache._open)


def parsed(data: bytes) -> tuple[bytes, Head, bytes]:
    head, _, body = data.partition(b"\r\n\r\n")
    status, *lines = head.split(b"\r\n")
    fields = dict(line.split(b": ", 1) for line in lines)
    if fields.get(b"Transfer-Encoding") == b"chunked":
        body = unchunked(body)
    return status.partition(b" ")[2], fields, body


def unchunked(body: bytes) -> bytes:
    parts: list[bytes] = []
    while True:
        size, _, body = body.partition(b"\r\n")
        if not int(size, 16):
            assert body == b"\r\n"
            return b"".join(parts)
        parts.append(body[: int(size, 16)])
        body = body[int(size, 16) + 2 :]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "files"
    folder.mkdir()
    (folder / "a.txt").write_bytes(b"0123456789abcdef")
    (folder / "empty.txt").write_bytes(b"")
    (folder / "big.bin").write_bytes(os.urandom(BIG))
    (folder / "text.txt").write_bytes(b"all work and no play\n" * 20_000)
    return folder


@asynccontextmanager
async def serving(root: Path, **options: str) -> AsyncIterator[Web]:
    web = Web(root, **options)
    try:
        yield web
    finally:
        await web.close()


@pytest.fixture(params=["memory", "threads"])
def reading(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files that are in memory, and files that have to be waited for."""
    if request.param == "threads":
        monkeypatch.setattr(pieces, "_AT_ONCE", 0)


def closed(web: Web) -> Callable[[], bool]:
    """Whether nobody uses a file any more."""
    return lambda: all(file._users == 1 for file in web.site.cache._open.values())


@pytest.mark.usefixtures("reading")
@pytest.mark.parametrize("name", ["a.txt", "empty.txt", "big.bin"])
async def test_a_file_is_sent_whole(root: Path, name: str) -> None:
    async with serving(root) as web:
        for _ in range(2):  # opened by a thread, then found open
            status, fields, body = await web.ask(f"/{name}")
            assert (status, body) == (b"200 OK", (root / name).read_bytes())
            assert fields[b"Content-Length"] == b"%d" % len(body)
            assert fields[b"Accept-Ranges"] == b"bytes"
        head = await web.ask(f"/{name}", method="HEAD")
        assert head[0::2] == (b"200 OK", b"")
        assert head[1].keys() == fields.keys()
        assert head[1][b"Content-Length"] == fields[b"Content-Length"]


@pytest.mark.usefixtures("reading")
@pytest.mark.parametrize(
    ("asked", "start", "length"),
    [("2-5", 2, 4), (f"{pieces.PIECE - 1}-", pieces.PIECE - 1, BIG - pieces.PIECE + 1), ("-7", BIG - 7, 7)],
)
async def test_a_range(root: Path, asked: str, start: int, length: int) -> None:
    async with serving(root) as web:
        status, fields, body = await web.ask("/big.bin", f"Range: bytes={asked}")
    assert status == b"206 Partial Content"
    assert body == (root / "big.bin").read_bytes()[start : start + length]
    assert fields[b"Content-Range"] == b"bytes %d-%d/%d" % (start, start + length - 1, BIG)
    assert fields[b"Content-Length"] == b"%d" % length


@pytest.mark.usefixtures("reading")
async def test_several_ranges(root: Path) -> None:
    async with serving(root) as web:
        status, fields, body = await web.ask("/a.txt", "Range: bytes=0-1,4-5")
        assert status == b"206 Partial Content"
        boundary = re.fullmatch(b"multipart/byteranges; boundary=([0-9a-f]{60})", fields[b"Content-Type"])
        assert boundary is not None
        mark = boundary[1]
        head = b"--%b\r\nContent-Range: bytes %b/16\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n%b\r\n"
        assert body == head % (mark, b"0-1", b"01") + head % (mark, b"4-5", b"45") + b"--%b--\r\n" % mark
        large = [(0, pieces.PIECE + 1), (pieces.PIECE * 2, pieces.PIECE)]
        asked = ",".join(f"{start}-{start + length - 1}" for start, length in large)
        status, fields, body = await web.ask("/big.bin", f"Range: bytes={asked}")
    content = (root / "big.bin").read_bytes()
    assert len(body) == int(fields[b"Content-Length"])
    assert all(content[start : start + length] in body for start, length in large)


async def test_a_range_behind_the_end_and_one_that_is_none(root: Path) -> None:
    async with serving(root) as web:
        status, fields, body = await web.ask("/a.txt", "Range: bytes=50-60")
        assert (status, body) == (
            b"416 Requested Range Not Satisfiable",
            b"invalid range: failed to overlap\n",
        )
        assert fields[b"Content-Range"] == b"bytes */16"
        status, fields, body = await web.ask("/a.txt", "Range: bytes=x")
        assert (status, body) == (b"416 Requested Range Not Satisfiable", b"invalid range\n")
        assert b"Content-Range" not in fields


async def test_conditions(root: Path) -> None:
    os.utime(root / "a.txt", (1.7e9, 1.7e9))
    date = "Tue, 14 Nov 2023 22:13:20 GMT"
    async with serving(root) as web:
        status, fields, body = await web.ask("/a.txt", f"If-Modified-Since: {date}")
        assert (status, body) == (b"304 Not Modified", b"")
        assert b"Content-Length" not in fields
        assert fields[b"Last-Modified"] == date.encode()
        assert (await web.ask("/a.txt", 'If-Match: "x"'))[0] == b"412 Precondition Failed"
        for condition, status in (
            (date, b"206 Partial Content"),
            ("Wed, 15 Nov 2023 22:13:20 GMT", b"200 OK"),
        ):
            got = await web.ask("/a.txt", "Range: bytes=0-3", f"If-Range: {condition}")
            assert got[0] == status


@pytest.mark.usefixtures("reading")
async def test_gzip(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In whole and in pieces; never with a range, nor what is compressed already."""
    monkeypatch.setattr(pieces, "_GZIP_LEAST", 100)
    (root / "noise.txt").write_bytes(os.urandom(BIG).hex().encode())
    ask = "Accept-Encoding: deflate, gzip"
    async with serving(root) as web:
        for name in ("a.txt", "a.txt", "text.txt", "noise.txt", "empty.txt"):
            status, fields, body = await web.ask(f"/{name}", ask)
            assert status == b"200 OK"
            assert fields[b"Content-Encoding"] == b"gzip"
            assert fields[b"Vary"] == b"Accept-Encoding"
            assert b"Accept-Ranges" not in fields
            assert gzip.decompress(body) == (root / name).read_bytes()
        head = await web.ask("/text.txt", ask, method="HEAD")
        assert (head[1][b"Content-Encoding"], head[2]) == (b"gzip", b"")
        status, fields, body = await web.ask("/a.txt", ask, "Range: bytes=2-5")
        assert (status, body) == (b"206 Partial Content", b"2345")
        assert b"Content-Encoding" not in fields
        for path, field in (("/a.txt", "Accept-Encoding: gzip;q=0"), ("/big.bin", ask)):
            status, fields, body = await web.ask(path, field)
            assert b"Content-Encoding" not in fields
            assert body == (root / path[1:]).read_bytes()


async def test_a_listing_in_pieces(root: Path) -> None:
    names = sorted([f"{number:05}" for number in range(3 * pieces.ENTRIES)])
    (root / "many").mkdir()
    for name in names:
        (root / "many" / name).touch()
    async with serving(root) as web:
        plain = await web.ask("/many/")
        packed = await web.ask("/many/", "Accept-Encoding: gzip")
        assert (await web.ask("/many/", method="HEAD"))[2] == b""
    assert plain[1][b"Transfer-Encoding"] == b"chunked"
    assert gzip.decompress(packed[2]) == plain[2]
    assert re.findall(r'<a href="(.*)">', plain[2].decode()) == names
    assert plain[2].endswith(b"</pre>\n")


async def test_names_of_every_kind(root: Path) -> None:
    odd = [
        "äöü €.txt",
        "with space",
        "100%25",
        "a:b",
        "#1?",
        "'\"&<>",
        "-",
        os.fsdecode(b"\xff\xfe"),
        ".hidden",
        "back\\slash",
    ]
    for name in odd:
        (root / name).write_bytes(os.fsencode(name))
    async with serving(root, prefix="s") as web:
        page = (await web.ask("/s/"))[2]
        links = [link.removeprefix(b"./") for link in re.findall(rb'<a href="([^"]*)">', page)]
        got = {(await web.ask("/s/" + link.decode()))[2] for link in links}
    assert {os.fsencode(name) for name in odd} <= got


async def test_names_that_are_written_in_another_way(root: Path) -> None:
    (root / "sub").mkdir()
    (root / "sub" / "ä b.txt").write_bytes(b"found")
    async with serving(root) as web:
        for path in ("/sub/%C3%A4%20b.txt", "/sub%2F%c3%a4%20b.txt", "/s%75b/ä%20b.txt"):
            assert (await web.ask(path))[2] == b"found"
        for path, location in (
            ("/sub?a=1", b"sub/?a=1"),
            ("/a.txt/", b"../a.txt"),
            ("/sub//../a.txt?q", b"/a.txt?q"),
            ("/%2e%2e/a.txt", b"/a.txt"),
            ("/sub/index.html", b"./"),
            ("//evil.test/x", b"/evil.test/x"),
        ):
            status, fields, _ = await web.ask(path)
            assert (status, fields[b"Location"]) == (b"301 Moved Permanently", location)
        for path in ("/a%00b", "/none", "/a.txt/b", "/" + "x" * 300):
            assert (await web.ask(path))[0] == b"404 Not Found"


async def test_what_may_not_be_seen(root: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "secret").write_bytes(b"secret")
    (root / "link").symlink_to(tmp_path / "secret")
    os.mkfifo(root / "pipe")
    async with serving(root) as web:
        for path in ("/link", "/pipe"):
            assert (await web.ask(path))[0::2] == (b"404 Not Found", b"404 page not found\n")
        page = (await web.ask("/"))[2]
    assert b'<a href="link">' in page
    assert "a link leads out of localPath" in caplog.text


async def test_no_path_shows_what_is_outside(root: Path, tmp_path: Path) -> None:
    """Paths of every shape, with links that lead out on the way."""
    (tmp_path / "secret").write_bytes(b"secret")
    (root / "sub").mkdir()
    (root / "out").symlink_to("..")
    (root / "sub" / "far").symlink_to(tmp_path)
    odd = ["/", "//", ".", "..", "%2e%2e", "%2E.", "%2f", ".%00", "\\", "..\\", ";", "%252e%252e"]
    parts = [*odd, "sub", "out", "far", "a.txt", "secret", "files"]
    chosen = random.Random(7)
    async with serving(root) as web:
        for _ in range(300):
            path = "/" + "".join(
                chosen.choice(parts) + chosen.choice(("/", "")) for _ in range(chosen.randrange(7))
            )
            status, _, body = await web.ask(path)
            assert body != b"secret", path
            assert b">secret<" not in body, path
            assert int(status.split()[0]) in (200, 301, 404), path


@pytest.mark.parametrize(
    ("error", "status"),
    [(PermissionError(13, "no"), b"403 Forbidden"), (OSError(5, "broken"), b"500 Internal Server Error")],
)
async def test_files_that_cannot_be_read(
    root: Path,
    error: OSError,
    status: bytes,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fail(*_: object) -> int:
        raise error

    monkeypatch.setattr(opened, "open_below", fail)
    async with serving(root) as web:
        assert (await web.ask("/a.txt"))[0::2] == (status, status + b"\n")
    assert "cannot be served" in caplog.text


async def test_too_many_open_files(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "MAX_OPEN", 0)
    async with serving(root) as web:
        assert (await web.ask("/a.txt"))[0] == b"503 Service Unavailable"


@pytest.mark.usefixtures("reading")
async def test_a_file_that_becomes_shorter_resets_its_user(
    root: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with serving(root) as web:
        user = web.user()
        user.stream.pause_reading()
        user.stream.write(b"GET /big.bin HTTP/1.1\r\nHost: x\r\n\r\n")
        await until(lambda: web.site.cache._open)
        await until(lambda: user.stream and not web.site.threads._pending)
        os.truncate(root / "big.bin", 10)
        user.stream.resume_reading()
        await until(lambda: user.lost)
        assert len(user.data) < BIG
        await until(closed(web))
        assert (await web.ask("/a.txt"))[0] == b"200 OK"
    assert "became shorter" in caplog.text


@pytest.mark.usefixtures("reading")
async def test_a_file_that_grows_is_sent_as_long_as_it_was(root: Path) -> None:
    content = (root / "big.bin").read_bytes()
    async with serving(root) as web:
        user = web.user()
        user.stream.pause_reading()
        user.stream.write(b"GET /big.bin HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        await until(lambda: web.site.cache._open)
        with open(root / "big.bin", "ab") as file:
            file.write(b"more")
        user.stream.resume_reading()
        await until(lambda: user.eofs)
    assert parsed(bytes(user.data))[2] in (content, content + b"more")


@pytest.mark.usefixtures("reading")
async def test_slow_users_hold_a_few_pieces_and_one_descriptor(root: Path) -> None:
    size = 10 * 2**30
    with open(root / "huge.bin", "wb") as file:
        file.truncate(size)
    async with serving(root) as web:
        users = [web.user() for _ in range(50)]
        for user in users:
            user.stream.pause_reading()
            user.stream.write(b"GET /huge.bin HTTP/1.1\r\nHost: x\r\n\r\n")
        await until(lambda: len(web.site.cache._open) == 1 and not web.site.threads._pending)
        held = sum(user.stream.info("unsent") or 0 for user in users)
        assert held <= len(users) * 4 * pieces.PIECE
        assert (await web.ask("/a.txt"))[2] == b"0123456789abcdef"
        for user in users:
            user.stream.abort()
        await until(closed(web))


async def test_a_disk_that_hangs_holds_up_its_own_users(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They get 504 in the end, and the thread may still come back afterwards."""
    gate = threading.Event()
    real = open_below

    def hang(folder: bytes, names: tuple[bytes, ...]) -> int:
        if b"a.txt" in names:
            gate.wait()
        return real(folder, names)

    monkeypatch.setattr(opened, "open_below", hang)
    async with serving(root) as web:
        monkeypatch.setattr(FileSite, "response_timeout", 0.05)
        assert (await web.ask("/a.txt"))[0] == b"504 Gateway Timeout"
        monkeypatch.setattr(FileSite, "response_timeout", 60.0)
        assert (await web.ask("/text.txt", "Range: bytes=0-2"))[2] == b"all"
        gate.set()
        await until(lambda: not web.site.threads._pending)
        assert (await web.ask("/a.txt"))[0] == b"200 OK"


async def test_who_may_ask_and_for_what(root: Path) -> None:
    async with serving(root, prefix="s", user="u", password="p") as web:
        right = "Authorization: Basic dTpw"
        assert (await web.ask("/s/a.txt", right))[0] == b"200 OK"
        assert (await web.ask("/a.txt"))[0] == b"404 Not Found"
        for method in ("POST", "DELETE", "PROPFIND"):
            assert (await web.ask("/s/a.txt", method=method))[0::2] == (b"405 Method Not Allowed", b"")
        for wrong in ("Authorization: Basic dTpx", "Authorization: Bearer dTpw", "X: y"):
            status, fields, body = await web.ask("/s/a.txt", wrong)
            assert (status, body) == (b"401 Unauthorized", b"Unauthorized\n")
            assert fields[b"Www-Authenticate"] == b'Basic realm="Restricted"'
        assert (await web.ask("*", method="OPTIONS"))[0] == b"200 OK"


async def test_a_closed_folder_lets_responses_end(root: Path) -> None:
    async with serving(root) as web:
        user = web.user()
        user.stream.pause_reading()
        user.stream.write(b"GET /big.bin HTTP/1.1\r\nHost: x\r\n\r\n")
        await until(lambda: web.site.cache._open)
        web.engine.close()
        web.site.close()
        user.stream.resume_reading()
        await until(lambda: bytes(user.data).endswith((root / "big.bin").read_bytes()))
        await until(lambda: not web.site.cache._open)
