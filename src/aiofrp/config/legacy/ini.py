"""INI files in the dialect of the reference (docs/protocol/configuration.md §3.1).

Sections inherit along the dots of their names, values may quote keys of their section, and quotes,
back-ticks and backslashes span lines. Python's own parser reads none of that the same way. Nothing here
knows what the keys mean.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

from msgspec import Struct

from aiofrp.config.golang.literals import SPACE, from_bytes
from aiofrp.errors import ConfigError

MAX_ENTRIES: Final = 200_000
"""Sections and keys a file may have: some 50 MB."""

MAX_VALUE: Final = 1024 * 1024
"""Characters of a value that spans lines or names other keys: a few short keys could make it terabytes."""

MAX_ANCESTORS: Final = 100
"""Dots in the name of a section: each is one more section to search."""

DEFAULT: Final = "DEFAULT"
"""The section of the keys before the first section."""

_MAX_REPLACEMENTS: Final = 99  # the reference's own limit
_DELIMITER = re.compile("[=:]")
_REFERENCE = re.compile(r"%\(([^)]+)\)s")


class IniError(ConfigError):
    """A text is not INI. ``line`` counts from 1."""

    def __init__(self, message: str, line: int = 0) -> None:
        super().__init__(f"line {line}: {message}" if line else message)
        self.line = line


class IniEntry(Struct, frozen=True):
    """A key's value as it is written, without its quotes."""

    value: str
    line: int


class IniFile:
    """Sections with their keys, in the order they first appear; names are case-sensitive."""

    def __init__(self) -> None:
        self._sections: dict[str, dict[str, IniEntry]] = {DEFAULT: {}}
        self._entries = 0

    def __contains__(self, section: object) -> bool:
        return section in self._sections

    def __iter__(self) -> Iterator[str]:
        """The names of all sections, :data:`DEFAULT` first."""
        return iter(self._sections)

    def own(self, section: str) -> Mapping[str, IniEntry]:
        """The keys of a section alone: nothing inherited, nothing replaced."""
        return self._sections[section]

    def get(self, section: str, key: str) -> str | None:
        """The value of a key, inherited if need be, with references replaced; ``None`` if there is none.

        Raises :exc:`IniError` if the value grows beyond :data:`MAX_VALUE`.
        """
        owner = self.owner(section, key)
        return None if owner is None else self._replaced(owner, key)

    def owner(self, section: str, key: str) -> str | None:
        """The section ``section`` has a key from: itself, or one its name extends."""
        while key not in self._sections.get(section, ()):
            section, dot, _ = section.rpartition(".")
            if not dot:
                return None
            section = section or DEFAULT
        return section

    def line(self, section: str, key: str = "") -> int:
        """The line of a key, from 1; 0 if unknown."""
        entry = self._sections.get(self.owner(section, key) or "", {}).get(key)
        return entry.line if entry else 0

    def add_section(self, name: str, line: int = 0) -> None:
        """Begin a section, or go on with one there is."""
        if not name:
            raise IniError("empty section name", line)
        if name.count(".") > MAX_ANCESTORS:
            raise IniError(f"section name with more than {MAX_ANCESTORS} dots", line)
        if name not in self._sections:
            self._count(line)
            self._sections[name] = {}

    def set(self, section: str, key: str, value: str, line: int = 0) -> None:
        """Set a key of an existing section."""
        if not key:
            raise IniError("error creating new key: empty key name", line)
        if key not in self._sections[section]:
            self._count(line)
        self._sections[section][key] = IniEntry(value, line)

    def derive(self, name: str, source: str, values: Mapping[str, str]) -> None:
        """Begin a section, or go on with one there is, with the own keys of ``source`` and further
        ``values``."""
        self.add_section(name)
        section = self._sections[name]
        section.update(self._sections[source])
        for key, value in values.items():
            section[key] = IniEntry(value, self.line(source, key))

    def copy(self) -> IniFile:
        """A file of its own with the same content."""
        file = IniFile()
        file._sections = {name: dict(keys) for name, keys in self._sections.items()}
        file._entries = self._entries
        return file

    def _count(self, line: int) -> None:
        self._entries += 1
        if self._entries > MAX_ENTRIES:
            raise IniError(f"more than {MAX_ENTRIES} sections and keys", line)

    def _replaced(self, section: str, key: str) -> str:
        """A value with each ``%(name)s`` replaced: by a key of its section, else by one before all
        sections."""
        entry = self._sections[section][key]
        value = entry.value
        for _ in range(_MAX_REPLACEMENTS):
            reference = _REFERENCE.search(value)
            if reference is None:
                break
            owner = self.owner(section, reference[1])
            if owner is None or (owner, reference[1]) == (section, key):
                owner = self.owner(DEFAULT, reference[1])
            if owner is None:
                break
            text = self._sections[owner][reference[1]].value
            grown = len(value) + value.count(reference[0]) * (len(text) - len(reference[0]))
            if grown > MAX_VALUE:
                raise IniError(f"value of more than {MAX_VALUE} characters", entry.line)
            value = value.replace(reference[0], text)
        return value


def parse(text: str) -> IniFile:
    """The sections and keys of an INI file. Raises :exc:`IniError` with the line that is wrong."""
    return _IniParser(text, bare_keys=True).parse()


def is_ini(raw: bytes) -> bool:
    """Whether the reference takes a file for INI: it has a section ``common``, and every line is INI.

    This is stricter than :func:`parse`, which takes a line without ``=`` or ``:`` for a key that is ``true``.
    """
    try:
        return "common" in _IniParser(from_bytes(raw), bare_keys=False).parse()
    except IniError:
        return False


class _IniParser:
    """Reads lines from front to back; a value may take more than one."""

    def __init__(self, text: str, *, bare_keys: bool) -> None:
        self._text = text.removeprefix("\ufeff")
        self._bare_keys = bare_keys
        self._position = 0
        self._line = 0  # the number of the line read last
        self._file = IniFile()
        self._section = DEFAULT
        self._unnamed = 0  # keys written "-" in this section

    def parse(self) -> IniFile:
        """The sections and keys of all lines. Raises :exc:`IniError`."""
        while line := self._read():
            line = line.lstrip(SPACE)
            if not line or line[0] in "#;":
                continue
            if line[0] == "[":
                self._begin_section(line)
            else:
                self._set_key(line)
        return self._file

    def _read(self) -> str:
        """The next line with its end, empty after the last."""
        start = self._position
        self._position = self._text.find("\n", start) + 1 or len(self._text)
        self._line += 1
        return self._text[start : self._position]

    def _begin_section(self, line: str) -> None:
        end = line.rfind("]")
        if end < 0:
            raise IniError(f"unclosed section: {line.strip(SPACE)}", self._line)
        self._section = line[1:end]
        self._file.add_section(self._section, self._line)
        self._unnamed = 0

    def _set_key(self, line: str) -> None:
        number = self._line
        found = self._key(line)
        if found is None:
            if not self._bare_keys:
                raise IniError(f"key-value delimiter not found: {line.strip(SPACE)}", number)
            self._file.set(self._section, self._value(line), "true", number)
            return
        name, rest = found
        if name == "-":
            self._unnamed += 1
            name = f"#{self._unnamed}"
        self._file.set(self._section, name, self._value(rest), number)

    def _key(self, line: str) -> tuple[str, str] | None:
        """The key and what follows its delimiter; ``None`` if there is no delimiter."""
        quote = _opening_quote(line, keys=True)
        if quote:
            end = line.find(quote, len(quote))
            if end < 0:
                raise IniError(f"missing closing key quote: {line.strip(SPACE)}", self._line)
            delimiter = _delimiter(line, end + len(quote))
            return None if delimiter < 0 else (line[len(quote) : end].strip(SPACE), line[delimiter + 1 :])
        delimiter = _delimiter(line, 0)
        if delimiter == 0:
            raise IniError(f"empty key name: {line.strip(SPACE)}", self._line)
        return None if delimiter < 0 else (line[:delimiter].strip(SPACE), line[delimiter + 1 :])

    def _value(self, text: str) -> str:
        text = text.lstrip(SPACE)
        quote = _opening_quote(text, keys=False)
        if quote:
            end = text.rfind(quote, len(quote))
            return text[len(quote) : end] if end >= 0 else self._further_lines(text[len(quote) :], quote)
        text = text.rstrip(SPACE)
        if text.endswith("\\"):
            return self._continued(text[:-1])
        for mark in "'\"":
            if len(text) > 1 and text[0] == text[-1] == mark and mark not in text[1:-1]:
                return text[1:-1]
        return text

    def _further_lines(self, text: str, quote: str) -> str:
        """The rest of a quoted value: up to the last quote of the first line that has one."""
        found = self._text.find(quote, self._position)
        if found < 0:
            raise IniError(f"missing closing quote {quote}", self._line)
        start = self._position
        self._line += self._text.count("\n", start, found)
        self._position = self._text.rfind("\n", start, found) + 1 or start
        line = self._read()
        return text + self._text[start : self._position - len(line) + line.rfind(quote)]

    def _continued(self, text: str) -> str:
        """The rest of a value whose line ended with a backslash."""
        parts = [text]
        size = len(text)
        while line := self._read().strip(SPACE):
            parts.append(line.removesuffix("\\"))
            size += len(line)
            if size > MAX_VALUE:
                raise IniError(f"value of more than {MAX_VALUE} characters", self._line)
            if not line.endswith("\\"):
                break
        return "".join(parts)


def _delimiter(line: str, start: int) -> int:
    """The index of the first ``=`` or ``:`` from ``start``, -1 if there is none."""
    found = _DELIMITER.search(line, start)
    return found.start() if found else -1


def _opening_quote(text: str, *, keys: bool) -> str:
    """The mark that opens a quoted key or value; quotes that may only surround a value are not meant."""
    if text.startswith('"""') and len(text[:7].encode(errors="replace")) > (6 if keys else 3):
        return '"""'
    if text[:1] == "`" or (keys and text[:1] == '"'):
        return text[0]
    return ""
