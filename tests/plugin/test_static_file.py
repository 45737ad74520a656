"""static_file through a whole tunnel: the recorded exchanges, and files as users of real sockets get them."""

from __future__ import annotations

import asyncio
import gzip
import json
import os
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from aiofrp.plugin.files import site
from tests.support.ports import free_port
from tests.support.realservices import needs
from tests.support.tunnel import client_config, running_client, running_server, server_config
from tests.support.web import user_of

RECORDED = Path(__file__).parent.parent / "vectors" / "client-api" / "plugins-files.json"
LAYERS = "transport.useEncryption = true\ntransport.useCompression = true\n"
LIMIT = 'transport.bandwidthLimit = "9MB"\n'
CREDENTIAL = "Authorization: Basic dTpw"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder of the recording."""
    root = tmp_path / "files"
    (root / "sub").mkdir(parents=True)
    (root / "dir2").mkdir()
    (root / "a.txt").write_bytes(b"0123456789abcdef")
    (root / "sub" / "index.html").write_bytes(b"<h1>x</h1>\n")
    (root / "dir2" / "f <1>.txt").write_bytes(b"f")
    when = 1_795_312_990  # of the recording
    for path in (*root.rglob("*"), root):
        os.utime(path, (when, when))
    return root


def configuration(remote: int, folder: Path, options: str = "", more: str = "") -> str:
    """A proxy on the port ``remote`` that serves ``folder``."""
    return f"""
[[proxies]]
name = "files"
type = "tcp"
remotePort = {remote}
{more}
[proxies.plugin]
type = "static_file"
localPath = "{folder}"
{options}
"""


@asynccontextmanager
async def files(folder: Path, options: str = "", more: str = "") -> AsyncIterator[int]:
    """The port of a proxy that serves ``folder``."""
    remote = free_port()
    text = configuration(remote, folder, options, more)
    async with (
        running_server(server_config()) as frps,
        running_client(client_config(frps.address[1], text)),
    ):
        yield remote


PROTECTED = 'stripPrefix = "static"\nhttpUser = "u"\nhttpPassword = "p"'


def recorded() -> list[dict[str, Any]]:
    cases: list[dict[str, Any]] = json.loads(RECORDED.read_text())["files"]
    return cases


def facts(reply: bytes) -> tuple[bytes, dict[bytes, bytes], bytes]:
    """Status line, fields without those about the connection and the time, and body of a reply."""
    head, _, body = reply.partition(b"\r\n\r\n")
    status, *lines = head.split(b"\r\n")
    fields = dict(line.split(b": ", 1) for line in lines)
    return (
        status,
        {name: value for name, value in fields.items() if name not in (b"Date", b"Connection")},
        body,
    )


def expected(case: dict[str, Any]) -> tuple[bytes, dict[bytes, bytes], bytes]:
    """The recorded reply with what aiofrp does in another way: docs/explanation/differences.md."""
    status, fields, body = facts(case["reply"].encode("latin-1"))
    if case["label"] == "HEAD":
        status, fields, _ = facts(next(row for row in recorded() if row["label"] == "file")["reply"].encode())
    if case["label"] == "gzip accepted":
        del fields[b"Accept-Ranges"]
    if status.split()[1] in (b"200", b"206", b"304"):
        fields[b"Vary"] = b"Accept-Encoding"
    return status, fields, body


def compared(label: str, reply: bytes) -> tuple[bytes, dict[bytes, bytes], bytes]:
    """A reply of ours in the form of :func:`expected`: without what is added to listings, or chosen at random."""
    status, fields, body = facts(reply)
    if "listing" in label:
        fields[b"Content-Length"] = b"%d" % len(
            body := re.sub(rb"<(?:small|style|meta name=\"color).*\n", b"", body)
        )
    return status, fields, body


def same_boundary(got: bytes, wanted: bytes) -> bytes:
    """``got`` with the boundary of ``wanted``."""
    ours, theirs = (re.findall(rb"boundary=([0-9a-f]{60})", reply)[0] for reply in (got, wanted))
    return got.replace(ours, theirs)


async def test_recorded_replies(folder: Path) -> None:
    async with files(folder, PROTECTED) as port, files(folder) as unprotected:
        for case in recorded():
            label = case["label"]
            async with user_of(unprotected if label == "no stripPrefix option" else port) as user:
                user.send(case["request"].encode())
                user.writer.write_eof()
                reply = await user.rest()
            if label == "two ranges":
                reply = same_boundary(reply, case["reply"].encode())
            status, fields, body = compared(label, reply)
            wanted = expected(case)
            if label == "gzip accepted":
                assert gzip.decompress(body) == b"0123456789abcdef"
                body, fields[b"Content-Length"] = wanted[2], wanted[1][b"Content-Length"]
            assert (status, fields, body) == wanted, label


async def curl(*words: str) -> bytes:
    """What curl prints."""
    process = await asyncio.create_subprocess_exec(
        "curl", "-sS", "--max-time", "30", *words, stdout=asyncio.subprocess.PIPE
    )
    printed, _ = await process.communicate()
    assert process.returncode == 0, words
    return printed


@needs("curl")
async def test_curl_downloads_goes_on_and_looks(folder: Path, tmp_path: Path) -> None:
    """Through encryption, compression and a limit as well as without."""
    content = os.urandom(300_000)
    (folder / "über alles.bin").write_bytes(content)
    text = b"all work and no play\n" * 20_000
    (folder / "text.txt").write_bytes(text)
    part = tmp_path / "part"
    for more in ("", LAYERS + LIMIT):
        async with files(folder, 'stripPrefix = "static"', more) as port:
            url = f"http://127.0.0.1:{port}/static"
            part.write_bytes(content[:100_000])
            await curl("-C", "-", "-o", str(part), f"{url}/%C3%BCber%20alles.bin")
            assert part.read_bytes() == content
            assert await curl("-r", "-7", f"{url}/%C3%BCber%20alles.bin") == content[-7:]
            assert await curl("--compressed", f"{url}/text.txt") == text
            head = await curl("-I", "--compressed", f"{url}/text.txt")
            assert b"Content-Encoding: gzip\r\n" in head
            listing = await curl("-L", f"{url}/")
            assert "über alles.bin".encode() in listing
            assert await curl("-L", f"{url}/sub") == b"<h1>x</h1>\n"


async def test_a_wrong_password_waits_alone(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(site, "FAILURE_DELAY", 60)
    async with files(folder, PROTECTED) as port, user_of(port) as guesser, user_of(port) as other:
        guesser.send(b"GET /static/a.txt HTTP/1.1\r\nHost: x\r\nAuthorization: Basic dTpx\r\n\r\n")
        response = await other.get("x", "/static/a.txt", CREDENTIAL)
        assert response.body == b"0123456789abcdef"


async def test_a_changed_plugin_replaces_the_old_one(folder: Path, tmp_path: Path) -> None:
    """A response that is under way goes on."""
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "a.txt").write_bytes(b"other")
    content = os.urandom(8_000_000)
    (folder / "big.bin").write_bytes(content)
    remote = free_port()
    async with running_server(server_config()) as frps:
        before = client_config(frps.address[1], configuration(remote, folder))
        async with running_client(before) as client, user_of(remote) as slow:
            slow.send(b"GET /big.bin HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            await slow.read(1)
            after = client_config(frps.address[1], configuration(remote, tmp_path / "other"))
            await client.proxies.update(after.proxies)
            await client.proxies.settled()
            async with user_of(remote) as user:
                assert (await user.get("x", "/a.txt")).body == b"other"
            assert (await slow.rest()).endswith(content[-1000:])
