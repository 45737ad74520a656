"""Open files: shared, found again, and closed when the last user is gone."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from aiofrp.plugin.files import cache as module
from aiofrp.plugin.files.cache import FileCache, TooManyOpen
from aiofrp.plugin.files.opened import OpenedFile
from aiofrp.plugin.files.paths import place_of
from aiofrp.plugin.files.threads import FileThreads
from tests.support.ends import until


class Files:
    """A folder, and what was opened in it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.threads = FileThreads()
        self.cache = FileCache(os.fsencode(root), self.threads)
        self.got: list[OpenedFile] = []
        self.errors: list[Exception] = []

    def ask(self, path: bytes) -> None:
        place = place_of(path)
        assert place is not None
        self.cache.open(path, place, self.got.append, self.errors.append)

    async def open(self, path: bytes) -> OpenedFile:
        count = len(self.got)
        self.ask(path)
        await until(lambda: len(self.got) > count)
        return self.got[-1]

    def close(self) -> None:
        for file in self.got:
            file.release()
        self.cache.close()
        self.threads.close()


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], Files]:
    """A folder whose files stay fresh for ever."""
    monkeypatch.setattr(module, "FRESH", 1e9)
    monkeypatch.setattr(module, "KEPT", 1e9)
    (tmp_path / "a").write_bytes(b"a")
    (tmp_path / "b").write_bytes(b"b")
    return lambda: Files(tmp_path)


def is_open(file: OpenedFile) -> bool:
    try:
        os.fstat(file.descriptor)
    except OSError:
        return False
    return True


async def test_those_who_ask_together_get_one_file(make: Callable[[], Files]) -> None:
    files = make()
    for _ in range(3):
        files.ask(b"a")
    await until(lambda: len(files.got) == 3)
    assert files.got[0] is files.got[1] is files.got[2] is files.cache.find(b"a")
    assert files.cache.find(b"b") is None
    files.close()
    assert not is_open(files.got[0])


async def test_a_file_is_the_same_until_it_changes(
    make: Callable[[], Files], monkeypatch: pytest.MonkeyPatch
) -> None:
    files = make()
    first = await files.open(b"a")
    monkeypatch.setattr(module, "FRESH", -1)
    assert files.cache.find(b"a") is None
    first.content = b"a"
    assert await files.open(b"a") is first
    assert first.content is None, "what may be older is forgotten"
    (files.root / "a").write_bytes(b"longer")
    second = await files.open(b"a")
    assert second is not first
    assert (first.size, second.size) == (1, 6)
    assert is_open(first)
    files.close()
    assert not is_open(first)
    assert not is_open(second)


async def test_a_file_in_use_is_found_again_by_what_it_is(make: Callable[[], Files]) -> None:
    """A thousand slow users of one file have one descriptor."""
    files = make()
    first = await files.open(b"a")
    files.cache._drop_all()
    assert is_open(first)
    assert await files.open(b"a") is first
    files.close()
    assert not is_open(first)


async def test_what_nobody_asks_for_is_let_go(
    make: Callable[[], Files], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "KEPT", 0.01)
    files = make()
    file = await files.open(b"a")
    files.got.clear()
    file.release()
    await until(lambda: not is_open(file))
    files.close()


async def test_the_number_of_kept_files_is_limited(
    make: Callable[[], Files], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_CACHED", 1)
    files = make()
    first = await files.open(b"a")
    files.got.clear()
    first.release()
    await files.open(b"b")
    assert not is_open(first)
    assert files.cache.find(b"b") is not None
    files.close()


async def test_the_number_of_open_files_is_limited(
    make: Callable[[], Files], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_OPEN", 1)
    files = make()
    first = await files.open(b"a")
    with pytest.raises(TooManyOpen):
        files.ask(b"b")
    files.got.clear()
    first.release()  # now only the cache has it
    await files.open(b"b")
    files.close()


async def test_the_last_descriptors_are_for_others(
    make: Callable[[], Files], monkeypatch: pytest.MonkeyPatch
) -> None:
    files = make()
    kept = await files.open(b"a")
    monkeypatch.setattr(module, "is_last", lambda descriptor: True)
    files.ask(b"b")
    await until(lambda: files.errors)
    assert isinstance(files.errors[0], TooManyOpen)
    files.cache._drop_all()
    assert await files.open(b"a") is kept, "a file in use takes no further one"
    files.close()


async def test_an_absent_file(make: Callable[[], Files]) -> None:
    files = make()
    files.ask(b"none")
    files.ask(b"none")
    await until(lambda: len(files.errors) == 2)
    assert all(isinstance(error, FileNotFoundError) for error in files.errors)
    files.close()


async def test_closing_while_a_file_is_opened(make: Callable[[], Files]) -> None:
    files = make()
    files.ask(b"a")
    files.cache.close()
    await until(lambda: files.got)
    assert is_open(files.got[0])
    assert files.cache.find(b"a") is None
    files.close()
    assert not is_open(files.got[0])
