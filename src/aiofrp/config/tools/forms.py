"""JSON Schema of one proxy or visitor of each type, for forms: complete in itself, without references.

Made from the declarations of the fields, as :mod:`aiofrp.config.tools.schema` is: a new type or plugin appears here by
its row in the registry.
"""

from __future__ import annotations

from functools import cache
from typing import Any, Final

from aiofrp.config.models.model import Model
from aiofrp.config.models.proxy import ProxyConfig, VisitorConfig
from aiofrp.config.models.shape import owner
from aiofrp.config.tools.language import translated
from aiofrp.config.tools.schema import Schema, table, variants

_PREFIX: Final = "#/definitions/"


@cache
def forms(language: str = "") -> dict[str, dict[str, Schema]]:
    """``{"proxies": {type: schema}, "visitors": {type: schema}}``. A property has ``x-group``, the group of fields that
    it stands with; the groups and the fields in them have the order of the models. ``language``: one of
    :data:`~aiofrp.config.tools.language.LANGUAGES`, or empty for English."""
    if language:
        shown: dict[str, dict[str, Schema]] = translated(forms(), language)
        return shown
    bases: dict[str, type[Model]] = {"proxies": ProxyConfig, "visitors": VisitorConfig}
    return {
        kind: {name: _form(name, model) for name, model in variants(base).items()}
        for kind, base in bases.items()
    }


def _form(name: str, model: type[Model]) -> Schema:
    definitions: dict[str, Schema] = {}
    schema: Schema = _complete(table(name, model, definitions), definitions)
    for key, shown in schema["properties"].items():
        shown["x-group"] = vars(owner(model, key)).get("form_group") or name
    return schema


def _complete(schema: Any, definitions: dict[str, Schema]) -> Any:
    """``schema`` with each reference replaced by what it leads to. Models do not contain themselves, so this ends."""
    if isinstance(schema, list):
        return [_complete(item, definitions) for item in schema]
    if not isinstance(schema, dict):
        return schema
    schema = {key: _complete(value, definitions) for key, value in schema.items()}
    if "$ref" in schema:
        found: Schema = _complete(definitions[schema["$ref"].removeprefix(_PREFIX)], definitions)
        return found
    if "allOf" in schema:
        (inner,) = schema.pop("allOf")
        return inner | schema
    return schema
