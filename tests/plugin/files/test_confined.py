"""Files are opened below a folder and nowhere else."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from aiofrp.plugin.files.confined import LeadsOut, open_below

SECRET = b"secret"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder ``inside``; beside it a file that nobody may see."""
    inside = tmp_path / "inside"
    (inside / "sub" / "deep").mkdir(parents=True)
    (inside / "a.txt").write_bytes(b"a")
    (inside / "sub" / "b.txt").write_bytes(b"b")
    (tmp_path / "inside-out").mkdir()
    (tmp_path / "inside-out" / "secret").write_bytes(SECRET)
    (tmp_path / "secret").write_bytes(SECRET)
    return inside


def content(root: Path, path: str) -> bytes:
    """The content of a file, or the names in a folder."""
    file = open_below(os.fsencode(root), os.fsencode(path).split(b"/"))
    try:
        try:
            return os.read(file, 100)
        except IsADirectoryError:
            return b" ".join(sorted(os.fsencode(name) for name in os.listdir(file)))
    finally:
        os.close(file)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("a.txt", b"a"),
        ("sub/b.txt", b"b"),
        ("", b"a.txt sub"),
        ("sub", b"b.txt deep"),
        ("sub//./b.txt", b"b"),
    ],
)
def test_files_and_folders(root: Path, path: str, expected: bytes) -> None:
    assert content(root, path) == expected


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("a.txt", b"a"),
        ("sub/b.txt", b"b"),
        ("sub/deep/../../a.txt", b"a"),
        ("{root}/sub/b.txt", b"b"),
        ("{root}", b"a.txt link sub"),
        ("{root}/sub/../a.txt", b"a"),
        (".", b"a.txt link sub"),
    ],
)
def test_links_that_stay_inside(root: Path, target: str, expected: bytes) -> None:
    (root / "link").symlink_to(target.format(root=root))
    assert content(root, "link") == expected


def test_a_link_in_the_middle_and_a_chain(root: Path) -> None:
    (root / "sub" / "deep" / "up").symlink_to("../..")
    (root / "one").symlink_to("sub/deep/up")
    assert content(root, "one/one/sub/b.txt") == b"b"


def test_an_absolute_link_by_the_true_name_of_a_linked_root(root: Path, tmp_path: Path) -> None:
    (tmp_path / "alias").symlink_to(root)
    (root / "link").symlink_to(root / "a.txt")
    (root / "other").symlink_to(tmp_path / "alias" / "a.txt")
    assert content(tmp_path / "alias", "link") == b"a"
    assert content(tmp_path / "alias", "other") == b"a"


@pytest.mark.parametrize(
    "target",
    [
        "../secret",
        "sub/../../secret",
        "{root}/../secret",
        "{root}-out/secret",
        "/etc/hostname",
        "..",
        "/",
        "sub/deep/../../../inside/a.txt",
    ],
)
def test_links_that_lead_out(root: Path, target: str) -> None:
    (root / "link").symlink_to(target.format(root=root))
    with pytest.raises(LeadsOut):
        content(root, "link")
    with pytest.raises(LeadsOut):
        content(root, "link/more")


@pytest.mark.parametrize(
    "path", ["..", "../secret", "sub/../../secret", "a.txt/..", "none", "none/a", "a.txt/b", "x" * 300]
)
def test_paths_to_nothing(root: Path, path: str) -> None:
    with pytest.raises(FileNotFoundError):
        content(root, path)


def test_links_in_a_circle(root: Path) -> None:
    (root / "one").symlink_to("two")
    (root / "two").symlink_to("one")
    with pytest.raises(FileNotFoundError):
        content(root, "one")


def test_neither_file_nor_folder_is_not_opened(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.mkfifo(root / "pipe")
    (root / "to-pipe").symlink_to("pipe")
    monkeypatch.chdir(root)  # the path of a socket is short
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("socket")
        for name in ("pipe", "to-pipe", "socket"):
            with pytest.raises(FileNotFoundError):
                content(root, name)


def test_a_pipe_that_took_the_place_of_a_file(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It was looked at as a file; opening it waits for no writer."""
    os.mkfifo(root / "pipe")
    seen = (root / "a.txt").lstat()
    monkeypatch.setattr(os, "stat", lambda *args, **options: seen)
    with pytest.raises(FileNotFoundError):
        content(root, "pipe")


@pytest.fixture
def swapping(root: Path) -> Iterator[None]:
    """``place`` is a folder and a link that leads out in turns."""
    (root / "real").mkdir()
    (root / "real" / "secret").write_bytes(b"public")
    (root / "out").symlink_to("..")
    stop = threading.Event()

    def swap() -> None:
        while not stop.is_set():
            for name in ("real", "out"):
                os.rename(root / name, root / "place")
                os.rename(root / "place", root / name)

    thread = threading.Thread(target=swap)
    thread.start()
    yield
    stop.set()
    thread.join()


@pytest.mark.usefixtures("swapping")
def test_names_that_change_meanwhile_lead_nowhere_else(root: Path) -> None:
    for _ in range(2000):
        try:
            assert content(root, "place/secret") == b"public"
        except FileNotFoundError:
            continue


def test_no_descriptor_is_left(root: Path) -> None:
    (root / "link").symlink_to("../secret")
    before = len(os.listdir("/proc/self/fd")) if os.path.exists("/proc/self/fd") else 0
    for path in ("link", "none", "a.txt/b", "sub/deep/none"):
        with pytest.raises(FileNotFoundError):
            content(root, path)
    after = len(os.listdir("/proc/self/fd")) if before else 0
    assert before == after


def test_an_absent_root(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        content(tmp_path / "none", "a")
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(FileNotFoundError):
        content(tmp_path / "file", "")
