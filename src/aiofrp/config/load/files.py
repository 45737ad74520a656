"""From a file to a configuration: read, render, parse, decode, include, filter, validate
(docs/protocol/configuration.md §1.1).

A file is loaded whole or not at all: :class:`InvalidConfig` has all its problems.
"""

from __future__ import annotations

import codecs
import os
from collections.abc import Callable, Collection, Iterable, Mapping
from functools import cached_property
from typing import Any, Generic, TypeVar, cast

from msgspec import Struct, field
from msgspec.structs import replace

from aiofrp.config import legacy
from aiofrp.config.formats.document import Format, parse
from aiofrp.config.golang.literals import from_bytes
from aiofrp.config.legacy import ini
from aiofrp.config.load.decode import Rules, decode_client, decode_server
from aiofrp.config.load.glob import included_files
from aiofrp.config.load.locate import ini_locator, locator
from aiofrp.config.load.mistakes import explained, hints_added
from aiofrp.config.load.validate import (
    client_problems,
    duplicate_problems,
    gate_problems,
    server_problems,
)
from aiofrp.config.load.warnings import client_warnings, server_warnings
from aiofrp.config.models.client import ClientConfig
from aiofrp.config.models.model import Model
from aiofrp.config.models.proxy import ProxyConfig, VisitorConfig
from aiofrp.config.models.server import ServerConfig
from aiofrp.config.problem import InvalidConfig, Path, Problem
from aiofrp.errors import ConfigError

#: Bytes a configuration file may have.
MAX_SIZE = 10 * 1024 * 1024

#: Shown when a program starts with an INI file, not by ``verify``.
LEGACY_WARNING = (
    "WARNING: ini format is deprecated and the support will be removed in the future, "
    "please use yaml/json/toml format instead!"
)

M = TypeVar("M", bound=Model)
P = TypeVar("P", ProxyConfig, VisitorConfig)


class Loaded(Struct, Generic[M], frozen=True):
    """A configuration without problems, and its warnings."""

    config: M
    warnings: tuple[str, ...] = ()  #: shown together, after ``WARNING: ``
    legacy: bool = False  #: from an INI file
    files: tuple[str, ...] = ()  #: all files read, the main one first


class Source(Struct, frozen=True):
    """One file, read, rendered and parsed, but not yet decoded into models."""

    file: str
    tree: Any
    legacy: bool
    rules: Rules
    locate: Callable[[Path], int] = lambda path: 0
    note: str = ""  #: added when the file is no table at all
    warnings: tuple[str, ...] = ()
    parts: tuple[str, ...] = ()  #: further files that were read with it


class _Origin(Struct, frozen=True):
    """The place of a proxy or visitor: the file, and the index in its list."""

    source: Source
    index: int


# Reading


class NoSuchFile(ConfigError):
    """There is no file of this name, or no folder it could be in."""


def read(path: str) -> bytes:
    """The bytes of a file.

    Raises :class:`~aiofrp.errors.ConfigError` in the reference's words: :class:`NoSuchFile` where that is the reason.
    """
    try:
        with open(path, "rb") as file:
            data = file.read(MAX_SIZE + 1)
    except ValueError:
        raise ConfigError(f"open {path}: invalid argument") from None
    except OSError as error:
        verb = "read" if isinstance(error, IsADirectoryError) else "open"
        kind = NoSuchFile if isinstance(error, FileNotFoundError) else ConfigError
        raise kind(f"{verb} {path}: {(error.strerror or str(error)).lower()}") from None
    if len(data) > MAX_SIZE:
        raise ConfigError(f"read {path}: more than {MAX_SIZE} bytes, too large for a configuration file")
    return data


def _text(raw: bytes) -> str:
    """The text of a file, without the byte order mark that some editors write."""
    return from_bytes(raw.removeprefix(codecs.BOM_UTF8))


def _rendered(text: str, environ: Mapping[str, str], *, number_ranges: bool = True) -> str:
    """The text with its templates rendered; see :func:`aiofrp.config.load.template.render`."""
    if "{{" not in text:
        return text
    from aiofrp.config.load.template import (
        render,
    )  # here, as few files have templates and it takes long to load

    return render(text, environ, number_ranges=number_ranges)


def open_source(
    path: str, raw: bytes, environ: Mapping[str, str], *, program: str, strict: bool = True
) -> Source:
    """Parse the content of a file, found out to be INI or not; ``program`` is ``frps`` or ``frpc``."""
    if not ini.is_ini(raw):
        return _parsed(path, raw, environ, strict=strict)
    text = _rendered(_text(raw), environ, number_ranges=False)
    file = ini.parse(text)
    parts: tuple[str, ...] = ()
    if program == "frps":
        result = legacy.convert_server(file)
    else:
        parts, further = _ini_includes(file, environ)
        result = legacy.convert_client(file, ini.parse(f"{text}\n{further}") if parts else None)
    warnings = (*result.notices, *map(str, result.warnings))
    rules = Rules(strict=False, legacy=True)
    locate = ini_locator(file, result.config)
    return Source(path, result.config, True, rules, locate, parts=parts, warnings=warnings)


def _ini_includes(file: ini.IniFile, environ: Mapping[str, str]) -> tuple[tuple[str, ...], str]:
    """The files an INI file includes and their text, rendered."""
    patterns = legacy.client_includes(file)
    for pattern in patterns:
        if not os.path.isdir(os.path.dirname(pattern) or "."):
            raise ConfigError(f"parse config error: include: directory of {pattern} not exist", "includes")
    paths = [path for pattern in patterns for path in included_files(pattern)]
    text = "".join(f"{_ini_include(path, environ)}\n" for path in paths)
    if len(text) > MAX_SIZE:
        raise ConfigError(f"getIncludeContents error: more than {MAX_SIZE} bytes", "includes")
    return tuple(paths), text


def _ini_include(path: str, environ: Mapping[str, str]) -> str:
    try:
        return _rendered(_text(read(path)), environ, number_ranges=False)
    except ConfigError as error:
        before = f"getIncludeContents error: render extra config {path} error"
        raise ConfigError(f"{before}: {error.text}", "includes") from None


def _parsed(path: str, raw: bytes, environ: Mapping[str, str], *, strict: bool) -> Source:
    """Render and parse a file that is not INI."""
    if raw[:2] in (b"\xff\xfe", b"\xfe\xff"):
        problem = Problem(f"read {path}: invalid UTF-8", hint="the file is UTF-16; save it as UTF-8")
        raise InvalidConfig([problem.at(path)])
    plain = _text(raw)
    text = _rendered(plain, environ)
    try:
        document = parse(text, os.path.splitext(path)[1], strict=strict)
    except ConfigError as error:
        raise _placed(explained(error, text, _form(path)), path) from None
    form = document.format
    rules = Rules(strict, ordered=form == "json", coerce=form == "yaml" and not strict, syntax=form)
    same = text == plain or text.count("\n") == plain.count("\n")
    locate = _Lazy(text, form) if same else lambda path: 0
    return Source(path, document.tree, False, rules, locate, document.note)


def _form(path: str) -> str:
    """The format that the name of a file says, TOML where it says none."""
    return {".json": "json", ".yaml": "yaml", ".yml": "yaml"}.get(os.path.splitext(path)[1].lower(), "toml")


class _Lazy:
    """A locator that reads the text only when it is asked."""

    def __init__(self, text: str, format: Format) -> None:
        self._text = text
        self._format = format

    @cached_property
    def _locate(self) -> Callable[[Path], int]:
        return locator(self._text, self._format)

    def __call__(self, path: Path) -> int:
        return self._locate(path)


def _placed(error: InvalidConfig, file: str) -> InvalidConfig:
    return InvalidConfig((problem.at(file) for problem in error.problems), error.warnings)


def decoded(source: Source, decode: Callable[[Any, Rules], M]) -> M:
    """The model of a file; raises :class:`InvalidConfig` with the lines of all problems."""
    try:
        return decode(source.tree, source.rules)
    except InvalidConfig as error:
        raise InvalidConfig(_explained(problem, source) for problem in error.problems) from None


def _explained(problem: Problem, source: Source) -> Problem:
    if source.note and not problem.path:
        problem = replace(problem, hint="; ".join(part for part in (problem.hint, source.note) if part))
    return _at(problem, source)


# frps


@hints_added()
def load_server(
    path: str,
    *,
    strict: bool = True,
    allow_unsafe: Collection[str] = (),
    environ: Mapping[str, str] | None = None,
) -> Loaded[ServerConfig]:
    """Load the configuration of frps; ``environ`` is what templates see (the process's environment if None).

    Raises :class:`InvalidConfig` or another :class:`~aiofrp.errors.ConfigError`.
    """
    environ = os.environ if environ is None else environ
    source = open_source(path, read(path), environ, program="frps", strict=strict)
    config = decoded(source, decode_server)
    problems = [_at(problem, source) for problem in server_problems(config, allow_unsafe)]
    if problems:
        raise InvalidConfig(problems, source.warnings)
    warnings = (*server_warnings(config), *source.warnings)
    return Loaded(config, warnings, source.legacy, files=(path,))


def _at(problem: Problem, source: Source) -> Problem:
    line = source.locate(problem.path)
    return (_in_ini(problem, source) if source.legacy else problem).at(source.file, line)


def _in_ini(problem: Problem, source: Source) -> Problem:
    """The problem with the place, and the name in the hint, as an INI file writes them."""
    path = legacy.written(source.tree, problem.path)
    hint = problem.hint
    if path != problem.path:
        hint = hint.replace(str(problem.path[-1]), str(path[0]).partition("] ")[2])
    return replace(problem, path=path, hint=hint)


# frpc


@hints_added()
def load_client(
    path: str,
    *,
    strict: bool = True,
    allow_unsafe: Collection[str] = (),
    starting: bool = False,
    environ: Mapping[str, str] | None = None,
    data: bytes | None = None,
) -> Loaded[ClientConfig]:
    """Load the configuration of frpc with its includes; only proxies and visitors to be started are in it.

    ``starting`` adds what the reference checks when it starts but not in ``verify``. ``data`` is used in place of the
    content of the file ``path``.
    Raises :class:`InvalidConfig` or another :class:`~aiofrp.errors.ConfigError`.
    """
    environ = os.environ if environ is None else environ
    raw = read(path) if data is None else data
    source = open_source(path, raw, environ, program="frpc", strict=strict)
    bundle = _Bundle(decoded(source, decode_client), source)
    if not source.legacy:
        bundle.include(environ, strict=strict)
    return bundle.finished(allow_unsafe, starting=starting)


class _Bundle(Struct):
    """The configuration of frpc while its parts are gathered."""

    config: ClientConfig
    source: Source
    proxies: list[tuple[ProxyConfig, _Origin]] = field(default_factory=list)
    visitors: list[tuple[VisitorConfig, _Origin]] = field(default_factory=list)
    files: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.add(self.config, self.source)

    def add(self, config: ClientConfig, source: Source) -> None:
        """Take the proxies and visitors of one file."""
        self.files += (source.file, *source.parts)
        self.proxies += [(item, _Origin(source, index)) for index, item in enumerate(config.proxies)]
        self.visitors += [(item, _Origin(source, index)) for index, item in enumerate(config.visitors)]

    def include(self, environ: Mapping[str, str], *, strict: bool) -> None:
        """Read the files named by ``includes``; nothing but their proxies and visitors counts."""
        for index, pattern in enumerate(self.config.includes):
            try:
                files = included_files(pattern)
            except ConfigError as error:
                raise InvalidConfig([_at(Problem(str(error), ("includes", index)), self.source)]) from None
            for file in files:
                self._include(file, environ, strict=strict)

    def _include(self, file: str, environ: Mapping[str, str], *, strict: bool) -> None:
        before = f"load additional config from {file} error: "
        try:
            source = _parsed(file, read(file), environ, strict=strict)
            self.add(decoded(source, decode_client), source)
        except InvalidConfig as error:
            raise InvalidConfig(
                replace(item, message=before + item.message) for item in error.problems
            ) from None
        except ConfigError as error:
            raise ConfigError(before + error.text) from None

    def finished(self, allow_unsafe: Collection[str], *, starting: bool) -> Loaded[ClientConfig]:
        """Check the names, leave out what does not start, validate. Raises :class:`InvalidConfig` with all problems."""
        _raise_if_any(self._placed(self._name_problems(starting=starting)))
        self.proxies = _started(self.proxies, self.config.start)
        self.visitors = _started(self.visitors, self.config.start)
        parts = {
            "proxies": tuple(item for item, _ in self.proxies),
            "visitors": tuple(item for item, _ in self.visitors),
        }
        config = self.config.model_copy(update=parts)
        warnings = (*client_warnings(config), *self.source.warnings)
        _raise_if_any(self._placed(client_problems(config, allow_unsafe)), warnings)
        return Loaded(config, warnings, self.source.legacy, tuple(self.files))

    def _name_problems(self, *, starting: bool) -> Iterable[Problem]:
        yield from duplicate_problems("proxy", (item for item, _ in self.proxies))
        yield from duplicate_problems("visitor", (item for item, _ in self.visitors))
        if not starting:
            return
        yield from gate_problems(self.config)
        yield from _nameless("proxy", "proxies", [item for item, _ in self.proxies])
        yield from _nameless("visitor", "visitors", [item for item, _ in self.visitors])

    def _placed(self, problems: Iterable[Problem]) -> Iterable[Problem]:
        return [self._at(problem) for problem in problems]

    def _at(self, problem: Problem) -> Problem:
        """The problem with its place; a proxy's index becomes that in its own file."""
        source, path = self.source, problem.path
        if len(path) > 1 and path[0] in ("proxies", "visitors"):
            items: list[Any] = self.proxies if path[0] == "proxies" else self.visitors
            origin = cast("_Origin", items[cast("int", path[1])][1])
            source, path = origin.source, (path[0], origin.index, *path[2:])
        return _at(replace(problem, path=path), source)


def _nameless(kind: str, key: str, items: Iterable[ProxyConfig | VisitorConfig]) -> Iterable[Problem]:
    for index, item in enumerate(items):
        if not item.name:
            message = f"failed to set config source: {kind} name cannot be empty"
            yield Problem(message, (key, index, "name"))


def _raise_if_any(problems: Iterable[Problem], warnings: Iterable[str] = ()) -> None:
    found = list(problems)
    if found:
        raise InvalidConfig(found, warnings)


def _started(items: list[tuple[P, _Origin]], start: Collection[str]) -> list[tuple[P, _Origin]]:
    wanted = set(start)
    return [
        (item, origin)
        for item, origin in items
        if (not wanted or item.name in wanted) and item.enabled is not False
    ]
