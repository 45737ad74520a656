"""``aiofrp config convert``: an INI, YAML or JSON file as commented TOML with the same meaning.

Templates that only insert environment variables into texts stay templates; others are rendered.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from aiofrp.config.formats.toml import parse_toml
from aiofrp.config.golang.literals import from_bytes
from aiofrp.config.load.decode import decode_client, decode_server
from aiofrp.config.load.files import decoded, open_source
from aiofrp.config.load.template import render
from aiofrp.config.models.model import Model, declared, to_tree
from aiofrp.config.models.proxy import PluginConfig, ProxyConfig, VisitorConfig, VisitorPluginConfig
from aiofrp.config.tools.tomlwriter import Writer
from aiofrp.errors import ConfigError
from aiofrp.version import __version__

_ACTION = re.compile(r"\{\{(.*?)\}\}", re.S)
_TYPED = (ProxyConfig, VisitorConfig, PluginConfig, VisitorPluginConfig)
_VARIABLE = re.compile(r"\s*\.Envs\.(\w+)\s*")


def convert(
    path: str, program: str, raw: bytes, *, strict: bool = True, environ: Mapping[str, str] | None = None
) -> str:
    """The TOML text for a file read from ``path``; ``program`` is ``frps`` or ``frpc``.

    ``includes`` stay as they are, but those of INI files are merged. Raises ConfigError.
    """
    environ = os.environ if environ is None else environ
    actions = _ACTION.findall(from_bytes(raw))
    name = os.path.basename(path).encode("ascii", "replace").decode()
    head = [f"Converted from {name} by aiofrp {__version__}."]
    config, legacy = _opened(path, program, raw, environ, strict=strict)
    body = _kept(path, program, raw, actions, strict=strict)
    if body is None or _read_back(body, program, environ) != _comparable(config):
        body = Writer().write(config, _given(config, legacy=legacy)).replace("{{", '{{"{{"}}')
        if actions:
            head.append("Templates were rendered with the environment of this moment.")
    if _read_back(body, program, environ) != _comparable(config):
        raise ConfigError(f"{path} has no equal in TOML")
    return "".join(f"# {line}\n" for line in head) + "\n" + body


def _kept(path: str, program: str, raw: bytes, actions: Sequence[str], *, strict: bool) -> str | None:
    """The text with the file's templates in it, if all they do is to insert variables into texts."""
    names = [found[1] for action in actions if (found := _VARIABLE.fullmatch(action))]
    if not names or len(names) != len(actions):
        return None
    variables = {name: f"{{{{ .Envs.{name} }}}}" for name in names}
    try:
        config, legacy = _opened(path, program, raw, variables, strict=strict)
    except ConfigError:
        return None  # a variable gives a number, or more than a text
    return Writer().write(config, _given(config, legacy=legacy))


def _opened(
    path: str, program: str, raw: bytes, environ: Mapping[str, str], *, strict: bool
) -> tuple[Model, bool]:
    """The configuration in a file, not validated, and whether it is INI."""
    source = open_source(path, raw, environ, program=program, strict=strict)
    return decoded(source, decode_server if program == "frps" else decode_client), source.legacy


def _read_back(body: str, program: str, environ: Mapping[str, str]) -> Any:
    """What a written text means; ``None`` if it means nothing."""
    try:
        tree = parse_toml(render(body, environ))
        return _comparable((decode_server if program == "frps" else decode_client)(tree))
    except ConfigError:
        return None


def _comparable(config: Model) -> Any:
    tree = to_tree(config)
    for proxy in tree.get("proxies", ()):
        proxy["type"] = proxy["type"] or "tcp"
    tree.pop("includes", None)
    return tree


def _given(model: Model, *, legacy: bool) -> dict[str, Any]:
    """What was written in the file; from an INI file, where much is filled in, what is no default."""
    return dict(_given_fields(model, legacy=legacy))


def _given_fields(model: Model, *, legacy: bool) -> Iterator[tuple[str, Any]]:
    for item in declared(type(model)).values():
        value = getattr(model, item.name)
        if item.name == "type" and isinstance(model, _TYPED):
            yield item.alias, value or "tcp"  # an INI section without a type is a tcp proxy
        elif item.name == "includes" and legacy:
            continue
        elif item.name in model.given and value is not None:
            plain = _plain(value, legacy=legacy)
            if item.optional if plain in ({}, []) else not legacy or value != item.default:
                yield item.alias, plain


def _plain(value: Any, *, legacy: bool) -> Any:
    if isinstance(value, Model):
        return _given(value, legacy=legacy)
    if isinstance(value, tuple):
        return [_plain(item, legacy=legacy) for item in value]
    return to_tree(value)
