"""The layout of the source: each module says what it is, and none outgrows a reader."""

from __future__ import annotations

import ast
from pathlib import Path

TESTS = Path(__file__).parent
SOURCE = TESTS.parent / "src" / "aiofrp"

#: Parts whose every file has a test of its name at the same place below ``tests``, or a row in COVERED_BY.
TWINNED = ("config", "transport", "webserver", "stream/kcp", "stream/quic", "wire/kcp", "wire/quic")

#: Files without such a test → the one that covers them.
COVERED_BY = {
    "transport/base.py": "test_extension.py",
    "transport/conversation.py": "wire/dial/test_upgrade.py",
    "transport/files.py": "proxy/test_udpusers.py",
    "transport/kcp.py": "e2e/test_kcp.py",
    "transport/outbound.py": "e2e/test_outbound.py",
    "transport/quic.py": "e2e/test_quic.py",
    "transport/session.py": "e2e/test_tcp.py",
    "transport/tcp.py": "e2e/test_tcp.py",
    "transport/websocket.py": "e2e/test_websocket_cases.py",
    "webserver/server.py": "client/test_api.py",
    "stream/quic/core.py": "stream/quic/test_credit.py",
    "stream/quic/dial.py": "stream/quic/test_session.py",
    "stream/quic/errors.py": "stream/quic/test_session.py",
    "stream/quic/limits.py": "stream/quic/test_credit.py",
    "stream/quic/stream.py": "stream/quic/test_session.py",
}


def test_every_module_has_a_docstring() -> None:
    without = [
        str(path.relative_to(SOURCE))
        for path in sorted(SOURCE.rglob("*.py"))
        if not ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    ]
    assert not without


def test_every_file_has_its_test() -> None:
    files = [path.relative_to(SOURCE) for part in TWINNED for path in sorted((SOURCE / part).rglob("*.py"))]
    files = [path for path in files if path.name != "__init__.py"]
    twins = {path.as_posix(): TESTS / path.parent / f"test_{path.name}" for path in files}
    assert not [path for path, twin in twins.items() if not twin.exists() and path not in COVERED_BY]
    assert not [path for path in COVERED_BY if twins.get(path) is None or twins[path].exists()]
    assert not [test for test in COVERED_BY.values() if not (TESTS / test).exists()]


def test_scripts_start_anywhere_and_stop_at_errors() -> None:
    folder = SOURCE.parent.parent
    scripts = [path for path in [*(folder / "scripts").iterdir(), folder / ".ci" / "run"] if _is_bash(path)]
    assert len(scripts) >= 5
    for path in scripts:
        text = path.read_text(encoding="utf-8")
        assert "set -euo pipefail" in text, path
        assert 'cd "$(dirname "${BASH_SOURCE[0]}")/.."' in text, path
        assert path.stat().st_mode & 0o111 == 0o111, path


def _is_bash(path: Path) -> bool:
    return path.is_file() and path.read_bytes().startswith(b"#!/usr/bin/env bash\n")
