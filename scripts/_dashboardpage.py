"""Write the page about the APIs of the dashboards from their OpenAPI documents; ``--check`` only says whether it is up
to date."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from aiofrp.client.api.description import described as client
from aiofrp.server.api.description import described as server
from scripts._made import write_or_check

PAGE = Path(__file__).parent.parent / "docs" / "reference" / "dashboard-api.md"
HEAD = """# The HTTP APIs of the dashboards

<!-- Made by scripts/dashboardpage; edit the declarations in server/api and client/api of src/aiofrp instead. -->

This page describes the HTTP APIs that aiofrp adds to those of frp, and that the dashboards use.
[The API of frps](../protocol/server.md) and [the admin API of frpc](../protocol/client.md) are as in frp. There are
also OpenAPI documents: `/api/v2/openapi.json` of frps and `/api/openapi.json` of frpc. Keys are in camelCase, and
times are seconds since 1970.

If `webServer` has a user and a password, all routes need them. Routes that change something, and event streams,
refuse requests from pages of other web sites (403). A disabled proxy has two more fields in its `status`: `disabled`
(true) and `reason`.
"""
SERVER = """
## frps

An answer is `{"code": 200, "msg": "success", "data": …}`. An error has the same form, with `data` null. The tables
below describe `data`.
"""
CLIENT = """
## frpc

An answer is JSON, and an error is `{"Code": …, "Msg": …}`.

`POST /api/store/proxies`, `POST /api/store/visitors` and the `PUT` of each, with `?check=1`, check a definition and
change nothing: 200, or 400 with `{"Code", "Msg", "fields": {key: message}}`, where a key is a path in the block of the
type, such as `transport.bandwidthLimit`. A proxy of `/api/status` has the field `health` (`up` or `down`) where its
local service is checked.
"""


def page() -> str:
    """The text that the page should have."""
    return HEAD + SERVER + "".join(_program(server())) + CLIENT + "".join(_program(client()))


def _program(document: dict[str, Any]) -> Iterator[str]:
    schemas = document["components"]["schemas"]
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield f"\n### `{method.upper()} {path}`\n\n{operation['description']}\n"
            yield from _operation(operation, schemas)


def _operation(operation: dict[str, Any], schemas: dict[str, Any]) -> Iterator[str]:
    queries = [item for item in operation["parameters"] if item["in"] == "query"]
    if queries:
        yield "\n| query | |\n|---|---|\n"
        yield from (f"| `{item['name']}` | {item['description']} |\n" for item in queries)
    body = operation.get("requestBody")
    if body is not None:
        for kind, content in body["content"].items():
            rows = list(_rows(content["schema"], schemas, ""))
            yield f"\nBody: {kind}.\n" if not rows else "\n| body | | |\n|---|---|---|\n"
            yield from rows
    if "x-events" in operation:
        for event, schema in operation["x-events"].items():
            yield f"\n| event `{event}` | | |\n|---|---|---|\n"
            yield from _rows(schema, schemas, "")
        return
    (content,) = operation["responses"]["200"]["content"].values()
    schema = content["schema"]
    rows = list(_rows(schema.get("properties", {}).get("data", schema), schemas, ""))
    if rows:
        yield "\n| answer | | |\n|---|---|---|\n"
        yield from rows


def _rows(schema: dict[str, Any], schemas: dict[str, Any], before: str) -> Iterator[str]:
    """A row for each field, those of tables inside below."""
    found = _resolved(schema, schemas)
    for key, field in found.get("properties", {}).items():
        name = f"{before}{key}"
        inner = _resolved(field, schemas)
        described = field.get("description", inner.get("description", ""))
        yield f"| `{name}` | {_type(inner)} | {described} |\n"
        if inner.get("type") == "array":
            yield from _rows(inner["items"], schemas, f"{name}[].")
        elif "properties" in inner:
            yield from _rows(inner, schemas, f"{name}.")


def _resolved(schema: dict[str, Any], schemas: dict[str, Any]) -> dict[str, Any]:
    reference = schema.get("$ref")
    return schema if reference is None else {**schemas[reference.rsplit("/", 1)[1]], **schema}


def _type(schema: dict[str, Any]) -> str:
    if "enum" in schema:
        return ", ".join(f"`{choice}`" for choice in schema["enum"])
    name = str(schema.get("type", "any"))
    return {"object": "table", "array": "list"}.get(name, name)


if __name__ == "__main__":
    sys.exit(write_or_check(PAGE, page(), "dashboardpage"))
