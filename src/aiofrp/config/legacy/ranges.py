"""Sections [range:NAME]: many proxies that differ in their ports only."""

from __future__ import annotations

from aiofrp.config.golang.literals import SPACE
from aiofrp.config.legacy.ini import IniFile
from aiofrp.config.models import numberrange
from aiofrp.errors import ConfigError

PREFIX = "range:"


def expand_ranges(file: IniFile) -> IniFile:
    """The file with a section NAME_0, NAME_1, … for each pair of ports of each range.

    The ranges themselves stay. Raises :class:`~aiofrp.errors.ConfigError`.
    """
    sections = [section for section in file if section.startswith(PREFIX)]
    if not sections:
        return file
    expanded = file.copy()
    for section in sections:
        try:
            _expand(expanded, section)
        except ValueError as error:
            raise ConfigError(f"failed to render template for proxy {section}: {error}") from None
    return expanded


def _expand(file: IniFile, section: str) -> None:
    """Add the sections of one range. Raises :exc:`ValueError`."""
    local, remote = file.get(section, "local_port"), file.get(section, "remote_port")
    if not local or not remote:
        raise ValueError("local_port or remote_port is empty")
    local_ports, remote_ports = numberrange.expand(local), numberrange.expand(remote)
    if len(local_ports) != len(remote_ports):
        raise ValueError("local ports number should be same with remote ports number")
    name = section.removeprefix(PREFIX).strip(SPACE)
    for index, (local_port, remote_port) in enumerate(zip(local_ports, remote_ports, strict=True)):
        ports = {"local_port": str(local_port), "remote_port": str(remote_port)}
        file.derive(f"{name}_{index}", section, ports)
