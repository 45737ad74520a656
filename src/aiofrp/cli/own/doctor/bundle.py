"""An archive for a bug report: the report, the configuration without its secrets, versions, the end of the log."""

from __future__ import annotations

import importlib.metadata
import io
import json
import os
import re
import sys
import tarfile
import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any, Final

from aiofrp.cli.own.doctor.machine import versions
from aiofrp.cli.own.doctor.report import Finding, as_json, line
from aiofrp.config.models.model import Model, to_tree
from aiofrp.config.models.types import Secret
from aiofrp.config.tools.show import masked_tree
from aiofrp.errors import ConfigError
from aiofrp.transport.files import file_limit

#: Bytes of the end of the log that are included.
_LOG_END = 256 * 1024
#: Characters of the shortest secret that is searched for in texts: a shorter one is in every text.
_SHORTEST = 4
_MASK: Final = "***"
#: Tables and lists whose values users choose, which may be secrets.
_PRIVATE = frozenset(
    {
        "metadatas",
        "additionalendpointparams",
        "requestheaders",
        "responseheaders",
        "httpheaders",
        "args",
        "env",
    }
)
_USER_INFO = re.compile(r"(?<=://)([^/@\s]*)@")
#: A secret beside its key in any text, such as a line of a file that has a mistake.
_BESIDE_KEY = re.compile(
    r"""((?:token|password|passwd|pwd|secret|secret_?key|group_?key|\bsk|authorization)["']?\s*[=:]\s*)"""
    r"""("(?:[^"\\]|\\.)*"|'[^']*'|[^\s,;"']+)""",
    re.IGNORECASE,
)


class Redactor:
    """Takes out of texts what must not leave this machine."""

    def __init__(self, config: Model | None) -> None:
        """``config``: the configuration with the secrets, ``None`` where it could not be read."""
        found = {text for text in secrets_of(config) if len(text) >= _SHORTEST}
        parts = sorted({part for text in found for part in (text, *text.splitlines())}, key=len, reverse=True)
        known = [re.escape(part) for part in parts if len(part) >= _SHORTEST]
        self._known = re.compile("|".join(known)) if known else None

    def __call__(self, text: str) -> str:
        """``text`` without secrets of the configuration, passwords in URLs, and values beside the keys of secrets."""
        if self._known is not None:
            text = self._known.sub(_MASK, text)
        return _BESIDE_KEY.sub(rf"\1{_MASK}", _USER_INFO.sub(f"{_MASK}@", text))


def secrets_of(value: Any, *, private: bool = False) -> Iterator[str]:
    """Every secret in a configuration in plain text, and every value of a table that users fill as they like."""
    if isinstance(value, Model):
        tree = value.__dict__
        for name, item in tree.items():
            if name != "given":
                yield from secrets_of(item, private=private or name.replace("_", "") in _PRIVATE)
    elif isinstance(value, dict):
        for item in value.values():
            yield from secrets_of(item, private=private)
    elif isinstance(value, tuple | list):
        for item in value:
            yield from secrets_of(item, private=private)
    elif isinstance(value, Secret):
        yield value.reveal()
    elif isinstance(value, str):
        if private:
            yield value
        yield from (part for info in _USER_INFO.findall(value) for part in info.split(":", 1))


def redacted(config: Model) -> Any:
    """A completed configuration as plain values without its secrets."""
    return _without(masked_tree(config))


def _without(value: Any, *, private: bool = False) -> Any:
    if isinstance(value, dict):
        return {
            key: _without(item, private=private or key.lower() in _PRIVATE) for key, item in value.items()
        }
    if isinstance(value, list):
        return [_without(item, private=private) for item in value]
    if isinstance(value, str) and value:
        return _MASK if private else _USER_INFO.sub(f"{_MASK}@", value)
    return value


def write_bundle(path: str, findings: Iterable[Finding], config: Model | None) -> None:
    """Write the archive to ``path``, a new file that only its owner can read. Raises
    :class:`~aiofrp.errors.ConfigError`."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with open(descriptor, "wb") as file, tarfile.open(fileobj=file, mode="w:gz") as archive:
            for name, text in contents(list(findings), config).items():
                data = text.encode("utf-8", "backslashreplace")
                entry = tarfile.TarInfo(f"aiofrp-report/{name}")
                entry.size, entry.mode, entry.mtime = len(data), 0o600, int(time.time())
                archive.addfile(entry, io.BytesIO(data))
    except OSError as error:
        raise ConfigError(f"cannot write {path}: {(error.strerror or str(error)).lower()}") from None


def contents(findings: list[Finding], config: Model | None) -> dict[str, str]:
    """The files of the archive, by name."""
    redact = Redactor(config)
    known = [replace(item, text=redact(item.text), fix=redact(item.fix)) for item in findings]
    files = {
        "report.txt": "".join(f"{line(item, colour=False, marks=False)}\n" for item in known),
        "report.json": json.dumps([as_json(item) for item in known], indent=1, ensure_ascii=False),
        "machine.txt": redact(_machine()),
    }
    if config is not None:
        files["configuration.json"] = json.dumps(redacted(config), indent=1, ensure_ascii=False)
        if (log := _log_end(to_tree(config)["log"]["to"])) is not None:
            files["log.txt"] = redact(log)
    return files


def _machine() -> str:
    packages = sorted(f"{item.name} {item.version}" for item in importlib.metadata.distributions())
    return "\n".join(
        [versions(), f"open files: {file_limit()}", f"executable: {sys.executable}", *packages, ""]
    )


def _log_end(path: str) -> str | None:
    if path in ("", "console"):
        return None
    try:
        with open(path, "rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - _LOG_END))
            return file.read(_LOG_END).decode("utf-8", "replace")
    except OSError as error:
        return f"{path}: {error.strerror}"
