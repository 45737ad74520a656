"""``aiofrp config schema``: JSON Schema (draft 7) of configuration files, for editors and checkers.

It is made from the declarations of the fields. It cannot express that keys match without regard to case.
"""

from __future__ import annotations

import re
from typing import Any, Final, Literal, cast

from aiofrp import registry
from aiofrp.config.models.client import ClientConfig
from aiofrp.config.models.model import Declared, Model, declared
from aiofrp.config.models.proxy import (
    PluginConfig,
    PluginKind,
    ProxyConfig,
    ProxyKind,
    VisitorConfig,
    VisitorPluginConfig,
)
from aiofrp.config.models.server import ServerConfig
from aiofrp.config.models.shape import shapes
from aiofrp.config.models.types import Bandwidth, Secret
from aiofrp.config.models.values import Shape

Schema = dict[str, Any]

_SCALARS = {int: "integer", bool: "boolean"}
_BANDWIDTH = r"^\s*([-+0-9.eE_]+[KM]B)?\s*$"
#: Words that people write in capitals.
_CAPITALS: Final = frozenset(
    {"http", "https", "id", "ip", "nat", "oidc", "quic", "ssh", "stun", "tcp", "tls", "udp", "url"}
)
#: The words of a key: localIP has two, and enableHTTP2.
_WORDS: Final = re.compile(r"[A-Z]+[0-9]*(?![a-z])|[A-Z]?[a-z]+[0-9]*")


def schema(program: Literal["server", "client"]) -> Schema:
    """The schema of the configuration of frps (``server``) or frpc (``client``)."""
    model: type[Model] = ServerConfig if program == "server" else ClientConfig
    definitions: dict[str, Schema] = {}
    root = _table(model, definitions)
    root["patternProperties"] = {r"^\.": True}  # YAML: a place for anchors
    name = "frps" if program == "server" else "frpc"
    head = {"$schema": "http://json-schema.org/draft-07/schema#", "title": f"{name} configuration"}
    return head | root | {"definitions": dict(sorted(definitions.items()))}


def _table(model: type[Model], definitions: dict[str, Schema]) -> Schema:
    forms = shapes(model)
    fields = {item.alias: _field(item, forms[item.name], definitions) for item in declared(model).values()}
    described = (model.__doc__ or "").split("\n")[0]
    return {"type": "object", "description": described, "properties": fields, "additionalProperties": False}


def _field(item: Declared, shape: Shape, definitions: dict[str, Schema]) -> Schema:
    value = _value(shape, definitions)
    about: Schema = {"title": title(item.alias), "description": item.help}
    if item.choices:
        about["enum"] = [*item.choices] if item.default in item.choices else ["", *item.choices]
    if item.port:
        about |= {"minimum": 0, "maximum": 65535}
    if isinstance(item.default, str | int) and item.default:
        about["default"] = item.default
    return {"allOf": [value], **about} if "$ref" in value else value | about


def title(key: str) -> str:
    """The words of a key, for people: ``localIP`` becomes ``Local IP``."""
    words = " ".join(
        word.upper() if word.lower() in _CAPITALS or word.isupper() else word.lower()
        for word in _WORDS.findall(key)
    )
    return words[:1].upper() + words[1:]


def _value(shape: Shape, definitions: dict[str, Schema]) -> Schema:
    if shape.kind == "list":
        return {"type": "array", "items": _value(shape.element, definitions)}
    if shape.kind == "map":
        return {"type": "object", "additionalProperties": _value(shape.element, definitions)}
    if shape.kind == "table":
        return _reference(cast("type[Model]", shape.type), definitions)
    if shape.type is Bandwidth:
        return {"type": "string", "pattern": _BANDWIDTH}
    if shape.type is Secret:
        return {"type": "string", "format": "password"}
    return {"type": _SCALARS.get(shape.type, "string")}


def _reference(model: type[Model], definitions: dict[str, Schema]) -> Schema:
    found = variants(model)
    if found:
        return {"oneOf": [_variant(name, variant, definitions) for name, variant in found.items()]}
    _define(model, definitions)
    return {"$ref": f"#/definitions/{model.__name__}"}


def _define(model: type[Model], definitions: dict[str, Schema]) -> None:
    if model.__name__ not in definitions:
        definitions[model.__name__] = {}  # the place is taken before the tables inside are described
        definitions[model.__name__] = _table(model, definitions)


def _required(model: type[Model]) -> list[str]:
    """The keys of a plugin that must not be empty."""
    names = model.required if issubclass(model, PluginConfig) else ()
    return [declared(model)[name].alias for name in names]


def variants(model: type[Model]) -> dict[str, type[Model]]:
    """The models a ``type`` chooses from."""
    if model is ProxyConfig:
        return {name: registry.load(row, ProxyKind).Config for name, row in registry.PROXIES.items()}
    if model is VisitorConfig:
        visitors = {
            name: registry.load(row, ProxyKind).VisitorConfig for name, row in registry.PROXIES.items()
        }
        return {name: variant for name, variant in visitors.items() if variant}
    rows = {PluginConfig: registry.CLIENT_PLUGINS, VisitorPluginConfig: registry.VISITOR_PLUGINS}.get(
        model, {}
    )
    return {name: registry.load(row, PluginKind).Config for name, row in rows.items()}


def table(name: str, model: type[Model], definitions: dict[str, Schema]) -> Schema:
    """The schema of a table whose ``type`` is ``name``; the tables inside go to ``definitions``."""
    schema = _table(model, definitions)
    fields = schema["properties"]
    fields["type"] = {"const": name, **{key: fields["type"][key] for key in ("title", "description")}}
    schema["required"] = [*(["name"] if "name" in fields else []), "type", *_required(model)]
    return schema


def _variant(name: str, model: type[Model], definitions: dict[str, Schema]) -> Schema:
    if model.__name__ not in definitions:
        definitions[model.__name__] = {}  # the place is taken before the tables inside are described
        definitions[model.__name__] = table(name, model, definitions)
    return {"$ref": f"#/definitions/{model.__name__}"}
