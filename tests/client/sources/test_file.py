"""The file of a frpc: written whole or not at all; the store on top of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from aiofrp.client.sources.file import ConfigSource
from aiofrp.errors import ConfigError


@pytest.fixture
def offline(tmp_path: Path) -> Path:
    path = tmp_path / "frpc.toml"
    path.write_text("")
    return path


async def test_a_failed_write_keeps_the_file(offline: Path) -> None:
    source = ConfigSource(str(offline.parent / "missing" / "frpc.toml"))
    with pytest.raises(ConfigError, match="no such file or directory"):
        source.write(b"x")
    offline.chmod(0o640)
    source = ConfigSource(str(offline))
    source.write(b"new")
    assert (offline.read_bytes(), offline.stat().st_mode & 0o777) == (b"new", 0o640)
    assert [file.name for file in offline.parent.iterdir()] == ["frpc.toml"]


async def test_a_link_to_the_file_stays_a_link(offline: Path) -> None:
    link = offline.parent / "link.toml"
    link.symlink_to("frpc.toml")
    ConfigSource(str(link)).write(b"new")
    assert link.is_symlink()
    assert offline.read_bytes() == b"new"
