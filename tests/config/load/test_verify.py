"""All recorded configurations through ``verify``: meaning, output and exit code."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from aiofrp.config.load.files import load_client, load_server
from aiofrp.config.load.verify import verify, warning_text
from aiofrp.config.models.model import to_tree
from tests.config.batch import every
from tests.config.cases import GOOD, bad_cases, expected_tree, flag, good_cases, write_bad

#: ``verify`` applies feature gates, the reference's does not; without the gate it is an error for both.
GATED = "virtual-net-gate"


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("http_proxy", raising=False)
    monkeypatch.delenv("HTTP_PROXY", raising=False)


def _names(cases: list[dict[str, Any]]) -> list[str]:
    return [case["name"] for case in cases]


def _tree(case: dict[str, Any]) -> Any:
    """The completed meaning of a good configuration as we load it, in the form of the recordings."""
    unsafe = flag(case.get("extra_args", []), "--allow-unsafe").split(",")
    options: Any = {"strict": case["strict"], "allow_unsafe": unsafe, "environ": case.get("env", {})}
    if case["program"] == "frps":
        server = load_server(case["file"], **options)
        return {
            "program": "frps",
            "legacyFormat": server.legacy,
            "server": to_tree(server.config, ours=False),
        }
    client = load_client(case["file"], **options)
    tree = to_tree(client.config, ours=False)
    lists = {key: tree.pop(key) for key in ("proxies", "visitors")}
    if client.legacy:  # the recordings are sorted by name where the reference keeps no order
        lists = {key: sorted(items, key=lambda item: str(item["name"])) for key, items in lists.items()}
    return {"program": "frpc", "legacyFormat": client.legacy, "common": tree, **lists}


@every(good_cases(), lambda case: case["name"])
def test_meaning(case: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(GOOD)
    assert _tree(case) == expected_tree(case)


@every(good_cases(), lambda case: case["name"])
def test_good(case: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(GOOD)
    unsafe = flag(case.get("extra_args", []), "--allow-unsafe").split(",")
    code, output = verify(
        case["program"],
        case["file"],
        strict=case["strict"],
        allow_unsafe=unsafe,
        environ=case.get("env", {}),
    )
    assert output.endswith(case["verify_stdout"])
    assert code == 0


BAD = bad_cases("verify")


@every(BAD, lambda case: case["name"])
def test_bad(case: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_bad(case, tmp_path)
    monkeypatch.chdir(tmp_path)
    arguments = [word.replace("{cfg}", case["file"]) for word in case["args"]]
    code, output = verify(
        case["program"],
        arguments[arguments.index("-c") + 1] if "-c" in arguments else "./frpc.ini",
        strict=flag(arguments, "--strict-config") != "false",
        allow_unsafe=flag(arguments, "--allow-unsafe").split(","),
        environ=case.get("env", {}),
    )
    if case["name"] == GATED and "featureGates" in case["content"]:
        assert code == 0
        return
    assert code == case["exit_code"]
    if case["portable"]:
        assert case["stderr_or_stdout_contains"] in output


def test_virtual_net_needs_its_gate(tmp_path: Path) -> None:
    path = tmp_path / "c.toml"
    path.write_text('virtualNet.address = "100.86.0.1/24"')
    code, output = verify("frpc", str(path))
    assert code == 1
    assert output.startswith(
        "VirtualNet feature is not enabled; enable it by setting the appropriate feature gate"
    )
    path.write_text('virtualNet.address = "100.86.0.1/24"\nfeatureGates = { VirtualNet = true }')
    assert verify("frpc", str(path))[0] == 0


def test_warnings_come_first(tmp_path: Path) -> None:
    path = tmp_path / "c.toml"
    path.write_text(
        'transport.tls = { enable = false, certFile = "a", keyFile = "b" }\ntransport.protocol = "udp"'
    )
    code, output = verify("frpc", str(path))
    assert code == 1
    assert output.startswith(
        "WARNING: transport.tls.certFile is invalid when transport.tls.enable is false\n"
        "transport.tls.keyFile is invalid when transport.tls.enable is false\n"
        "invalid transport.protocol"
    )


def test_no_warning_no_text() -> None:
    assert warning_text(()) == ""
