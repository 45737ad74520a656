"""What the two programs' INI files have in common, and the result of a conversion."""

from __future__ import annotations

from dataclasses import dataclass

from aiofrp.config.legacy import keys
from aiofrp.config.legacy.ini import IniFile
from aiofrp.config.legacy.reader import LegacyWarning, SectionReader, Tree, put
from aiofrp.errors import ConfigError


@dataclass(frozen=True, slots=True)
class LegacyResult:
    """An INI file converted to the mapping that a TOML file gives, and the places of its keys."""

    config: Tree
    """The tree a file of the new format would hold: plain tables, lists and values, not yet completed."""
    warnings: tuple[LegacyWarning, ...] = ()
    """What has no effect. The reference keeps silent about these."""
    notices: tuple[str, ...] = ()
    """Lines the reference prints itself while it reads the file, ``verify`` included."""


def common_reader(file: IniFile, warnings: list[LegacyWarning]) -> SectionReader:
    """A reader of [common]; raises :class:`~aiofrp.errors.ConfigError` if there is none."""
    if "common" not in file:
        raise ConfigError("invalid configuration file, not found [common] section")
    return SectionReader(file, "common", warnings)


def fill_common(reader: SectionReader, tree: Tree) -> None:
    """Set in ``tree`` the keys that files of frpc and frps share."""
    reader.fill(tree, keys.COMMON)
    scopes = [
        scope
        for key, scope in (
            ("authenticate_heartbeats", "HeartBeats"),
            ("authenticate_new_work_conns", "NewWorkConns"),
        )
        if reader.flag(key)
    ]
    if scopes:
        put(tree, "auth.additionalScopes", scopes)
