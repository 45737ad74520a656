"""The OpenAPI documents: complete, made from the declarations, and the page that is made from them."""

from __future__ import annotations

import json
import re
import runpy
from pathlib import Path
from typing import Any

import pytest

from aiofrp.client.api import description as client
from aiofrp.server.api import description as server

ROOT = Path(__file__).parent.parent.parent
DOCUMENTS = [server.described(), client.described()]


@pytest.mark.parametrize("document", DOCUMENTS, ids=["frps", "frpc"])
def test_documents_are_complete(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    references = set(re.findall(r"#/components/schemas/(\w+)", json.dumps(document)))
    assert references <= set(schemas)
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            assert operation["description"].endswith("."), path
            parts = [item["name"] for item in operation["parameters"] if item["in"] == "path"]
            assert parts == re.findall(r"\{(\w+)\}", path), path
            assert method in ("get", "post", "delete")
    for name, schema in schemas.items():
        for key, field in schema["properties"].items():
            assert name == "Error" or field["description"].endswith("."), (name, key)


def test_what_is_declared() -> None:
    frps, frpc = DOCUMENTS
    connections = frps["paths"]["/api/v2/proxies/{name}/connections"]["get"]
    data = connections["responses"]["200"]["content"]["application/json"]["schema"]["properties"]["data"]
    assert data["properties"]["items"]["items"] == {"$ref": "#/components/schemas/ConnectionShown"}
    assert [item["name"] for item in connections["parameters"]] == ["name", "page", "pageSize"]
    history = frps["components"]["schemas"]["HistoryShown"]
    assert history["required"][:2] == ["step", "from"]
    events = frps["paths"]["/api/v2/events"]["get"]
    assert list(events["x-events"]) == ["sample", "client", "proxy", "log", "lost"]
    kick = frps["paths"]["/api/v2/clients/{key}/kick"]["post"]
    assert kick["requestBody"]["content"] == {
        "application/json": {"schema": {"$ref": "#/components/schemas/Reason"}}
    }
    assert frps["components"]["schemas"]["Reason"]["required"] == []
    state = frpc["components"]["schemas"]["FrpcInfo"]["properties"]["state"]
    assert state["enum"] == ["connecting", "connected", "stopped"]
    assert "text/plain" in frpc["paths"]["/api/config/check"]["post"]["requestBody"]["content"]


def test_the_page_is_what_the_documents_say() -> None:
    page = runpy.run_path(str(ROOT / "scripts" / "_dashboardpage.py"))
    assert page["PAGE"].read_text(encoding="utf-8") == page["page"](), "run scripts/dashboardpage"
