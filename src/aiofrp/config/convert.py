"""``aiofrp config convert``: an INI, YAML or JSON file as commented TOML with the same meaning.

Templates that only insert environment variables into texts stay templates; others are rendered.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from aiofrp import __version__
from aiofrp.config import formats
from aiofrp.config.decode import decode_client, decode_server
from aiofrp.config.files import Source, decoded, open_source
from aiofrp.config.literals import from_bytes
from aiofrp.config.model import Model, declared, to_tree
from aiofrp.config.problem import InvalidConfig, Problem
from aiofrp.config.proxy import ProxyConfig
from aiofrp.config.toml import Writer
from aiofrp.errors import ConfigError

_ACTION = re.compile(r"\{\{(.*?)\}\}", re.S)
_VARIABLE = re.compile(r"\s*\.Envs\.(\w+)\s*")


def convert(
    path: str, program: str, raw: bytes, *, strict: bool = True, environ: Mapping[str, str] | None = None
) -> str:
    """The TOML text for a file read from ``path``; ``program`` is ``frps`` or ``frpc``.

    ``includes`` stay as they are, but those of INI files are merged. Raises ConfigError.
    """
    environ = os.environ if environ is None else environ
    actions = _ACTION.findall(from_bytes(raw))
    names = [found[1] for action in actions if (found := _VARIABLE.fullmatch(action))]
    if names and len(names) == len(actions):
        try:
            kept = {name: f"{{{{ .Envs.{name} }}}}" for name in names}
            return _converted(path, program, raw, strict=strict, environ=kept, notes=(), templates=True)
        except ConfigError:
            pass  # a variable stands for a number or for more than a text
    notes = ["Templates were rendered with the environment of this moment."] if actions else []
    return _converted(path, program, raw, strict=strict, environ=environ, notes=notes, templates=False)


def _converted(
    path: str,
    program: str,
    raw: bytes,
    *,
    strict: bool,
    environ: Mapping[str, str],
    notes: Sequence[str],
    templates: bool,
) -> str:
    source = open_source(path, raw, environ, program=program, strict=strict)
    config: Model = decoded(source, decode_server if program == "frps" else decode_client)
    tree = _given(config, legacy=source.legacy)
    if source.legacy:
        tree.pop("includes", None)
    body = Writer().write(config, tree)
    _check(body, config, program, source)
    if not templates:
        body = body.replace("{{", '{{"{{"}}')
    name = os.path.basename(path).encode("ascii", "replace").decode()
    head = [f"Converted from {name} by aiofrp {__version__}.", *notes]
    return "".join(f"# {line}\n" for line in head) + "\n" + body


def _given(model: Model, *, legacy: bool) -> dict[str, Any]:
    """What was written in the file; from an INI file, where much is filled in, what is no default."""
    return dict(_given_fields(model, legacy=legacy))


def _given_fields(model: Model, *, legacy: bool) -> Iterator[tuple[str, Any]]:
    for item in declared(type(model)).values():
        value = getattr(model, item.name)
        if item.name == "type" and isinstance(model, ProxyConfig):
            yield item.alias, value or "tcp"  # an INI section without a type is a tcp proxy
        elif item.name in model.model_fields_set and value is not None:
            plain = _plain(value, legacy=legacy)
            if item.optional if plain in ({}, []) else not legacy or value != item.default:
                yield item.alias, plain


def _plain(value: Any, *, legacy: bool) -> Any:
    if isinstance(value, Model):
        return _given(value, legacy=legacy)
    if isinstance(value, tuple):
        return [_plain(item, legacy=legacy) for item in value]
    return to_tree(value)


def _check(body: str, config: Model, program: str, source: Source) -> None:
    """Read the text back: what cannot be said in TOML is an error, not another meaning."""
    again = (decode_server if program == "frps" else decode_client)(formats.parse_toml(body))
    if _comparable(again) != _comparable(config):
        text = f"{source.file} has no equal in TOML: " + ", ".join(_differences(again, config))
        raise InvalidConfig([Problem(text)])


def _comparable(config: Model) -> Any:
    tree = to_tree(config)
    for proxy in tree.get("proxies", ()):
        proxy["type"] = proxy["type"] or "tcp"
    return {key: value for key, value in tree.items() if key != "includes"}


def _differences(one: Model, other: Model) -> Iterator[str]:
    left, right = _comparable(one), _comparable(other)
    return (key for key in left if left[key] != right[key])
