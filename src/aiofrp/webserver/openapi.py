"""The OpenAPI document of an API, made from the declarations of its routes (:mod:`aiofrp.webserver.routes`)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import (
    Annotated,
    Any,
    Final,
    Literal,
    NotRequired,
    TypeVar,
    get_args,
    get_origin,
    get_type_hints,
    is_typeddict,
)

from aiofrp.version import FRP_VERSION
from aiofrp.webserver.routes import DeclaredRoute, declared_routes

Schema = dict[str, Any]

_VERSION: Final = "3.1.0"
_SCALARS: Final = {str: "string", int: "integer", float: "number", bool: "boolean"}
_PART: Final = re.compile(r"\{(\w+)\}")


def document(
    title: str, apis: Iterable[type[object]], wrap: Callable[[Schema], Schema], error: Schema
) -> Schema:
    """The document of the routes of ``apis``. ``wrap`` makes the schema of an answer from that of its data; ``error``
    is the schema of the answer to a request that fails."""
    schemas: dict[str, Schema] = {}
    paths: dict[str, Schema] = {}
    for api in apis:
        for name, item in declared_routes(api):
            operation = _operation(name, item, schemas, wrap)
            paths.setdefault(item.path, {})[item.method.lower()] = operation
    security = {"basic": {"type": "http", "scheme": "basic"}}
    return {
        "openapi": _VERSION,
        "info": {"title": title, "version": FRP_VERSION},
        "security": [{"basic": []}],
        "paths": paths,
        "components": {
            "schemas": {**dict(sorted(schemas.items())), "Error": error},
            "securitySchemes": security,
        },
    }


def _operation(
    name: str, item: DeclaredRoute, schemas: dict[str, Schema], wrap: Callable[[Schema], Schema]
) -> Schema:
    parameters = [
        {"name": part, "in": "path", "required": True, "schema": {"type": "string"}}
        for part in _PART.findall(item.path)
    ]
    parameters += [
        {"name": query.name, "in": "query", "description": query.help, "schema": {"type": query.type}}
        for query in item.query
    ]
    operation: Schema = {
        "operationId": name,
        "description": item.help,
        "parameters": parameters,
        "responses": {
            "200": {"description": "Success.", "content": _content(item, schemas, wrap)},
            "default": {
                "description": "The request failed.",
                "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}},
            },
        },
    }
    if item.body is not None:
        type_ = "text/plain" if item.body is str else "application/json"
        operation["requestBody"] = {"content": {type_: {"schema": schema_of(item.body, schemas)}}}
    if item.events:
        operation["x-events"] = {event: schema_of(data, schemas) for event, data in item.events}
    return operation


def _content(item: DeclaredRoute, schemas: dict[str, Schema], wrap: Callable[[Schema], Schema]) -> Schema:
    if item.events:
        return {"text/event-stream": {"schema": {"type": "string"}}}
    if item.raw:
        return {"application/json": {"schema": schema_of(item.answer, schemas)}}
    return {"application/json": {"schema": wrap(schema_of(item.answer, schemas))}}


def schema_of(type_: Any, schemas: dict[str, Schema], bound: Mapping[Any, Any] | None = None) -> Schema:
    """The JSON Schema of a type; those of classes go to ``schemas`` and are referred to. ``bound``: what type variables
    stand for."""
    bound = bound or {}
    origin, args = get_origin(type_), get_args(type_)
    if isinstance(type_, TypeVar):
        return schema_of(bound[type_], schemas)
    if origin is Annotated:
        return {**schema_of(args[0], schemas, bound), "description": args[1]}
    if origin is NotRequired:
        return schema_of(args[0], schemas, bound)
    if origin is Literal:
        return {"type": "string", "enum": list(args)}
    if origin is list:
        return {"type": "array", "items": schema_of(args[0], schemas, bound)}
    if origin is dict:
        return {"type": "object", "additionalProperties": schema_of(args[1], schemas, bound)}
    if is_typeddict(origin):
        return _object(origin, schemas, dict(zip(origin.__parameters__, args, strict=True)))
    if is_typeddict(type_):
        if type_.__name__ not in schemas:
            schemas[type_.__name__] = {}
            schemas[type_.__name__] = _object(type_, schemas, {})
        return {"$ref": f"#/components/schemas/{type_.__name__}"}
    return {} if type_ is Any else {"type": _SCALARS[type_]}


def _object(type_: Any, schemas: dict[str, Schema], bound: Mapping[Any, Any]) -> Schema:
    """The schema of a typed dictionary; a key that is a word of Python has an underscore behind it in the type."""
    hints = get_type_hints(type_, include_extras=True)
    return {
        "type": "object",
        "description": " ".join((type_.__doc__ or "").split()),
        "properties": {key.rstrip("_"): schema_of(hint, schemas, bound) for key, hint in hints.items()},
        "required": [key.rstrip("_") for key, hint in hints.items() if get_origin(hint) is not NotRequired],
    }
