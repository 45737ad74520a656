"""The layout of the source: each module says what it is, and none outgrows a reader."""

from __future__ import annotations

import ast
from collections import Counter
from functools import cache
from pathlib import Path

TESTS = Path(__file__).parent
SOURCE = TESTS.parent / "src" / "aiofrp"

#: Files without a test of their name at the same place below ``tests`` → the test that covers them.
COVERED_BY = {
    "cli/client.py": "cli/test_running.py",
    "config/flags/declared.py": "config/flags/test_table.py",
    "cli/frpc.py": "cli/test_lines.py",
    "cli/frps.py": "cli/test_lines.py",
    "config/flags/help.py": "cli/test_recorded.py",
    "cli/own/target.py": "cli/own/test_share.py",
    "cli/own/words.py": "cli/own/test_share.py",
    "cli/tlsfiles.py": "hints/test_broken_files.py",
    "__main__.py": "cli/test_aiofrp.py",
    "cli/run.py": "cli/test_running.py",
    "cli/server.py": "cli/test_running.py",
    "cli/signals.py": "cli/test_surroundings.py",
    "cli/streams.py": "cli/test_surroundings.py",
    "compiled/facts.py": "test_logs.py",
    "errors.py": "test_faults.py",
    "library/asgi.py": "library/test_library.py",
    "library/client.py": "library/test_library.py",
    "library/options.py": "library/test_library.py",
    "library/server.py": "library/test_library.py",
    "library/thread.py": "library/test_library.py",
    "library/tunnel.py": "library/test_library.py",
    "pytest_plugin.py": "library/test_pytest_plugin.py",
    "registry.py": "test_extension.py",
    "stream/tls/failures.py": "stream/tls/test_stream.py",
    "stream/tls/handshake.py": "stream/tls/test_stream.py",
    "stream/base.py": "contract/test_flow.py",
    "stream/kcp/dial.py": "stream/kcp/test_stream.py",
    "stream/layer.py": "contract/test_flow.py",
    "wire/kcp/flight.py": "wire/kcp/test_core.py",
    "wire/kcp/receiver.py": "wire/kcp/test_core.py",
    "stream/mux/gather.py": "stream/test_mux_session.py",
    "stream/mux/limits.py": "stream/mux/test_session.py",
    "stream/windowed.py": "contract/test_flow.py",
    "stream/mux/stream.py": "stream/test_mux_flow.py",
    "stream/tls/client.py": "plugin/test_reverse_plugins.py",
    "stream/stall.py": "e2e/test_stalls.py",
    "version.py": "cli/test_recorded.py",
    "client/api/bodies.py": "client/api/test_store.py",
    "client/dialing.py": "transport/test_first_bytes.py",
    "client/hints/facts.py": "hints/test_broken_setups.py",
    "client/proxies.py": "client/test_reload.py",
    "client/service.py": "e2e/test_resilience.py",
    "client/visitors.py": "e2e/test_stcp.py",
    "hints/admitting.py": "hints/test_broken_setups.py",
    "hints/commands.py": "hints/test_catalogue.py",
    "hints/configuration.py": "hints/test_catalogue.py",
    "hints/connecting.py": "hints/test_catalogue.py",
    "hints/entry.py": "hints/test_catalogue.py",
    "hints/files.py": "hints/test_catalogue.py",
    "hints/listening.py": "hints/test_catalogue.py",
    "hints/login.py": "hints/test_catalogue.py",
    "hints/publishing.py": "hints/test_catalogue.py",
    "hints/serving.py": "hints/test_catalogue.py",
    "host/contexts.py": "test_extension.py",
    "host/route.py": "host/test_relay.py",
    "host/service.py": "plugin/test_unix_domain_socket.py",
    "host/user.py": "host/test_gate.py",
    "plugin/common/delayed.py": "plugin/test_http_proxy.py",
    "plugin/files/opened.py": "plugin/files/test_cache.py",
    "plugin/files/pieces.py": "plugin/files/test_exchange.py",
    "plugin/files/plan.py": "plugin/files/test_exchange.py",
    "plugin/files/site.py": "plugin/files/test_exchange.py",
    "plugin/http2http.py": "plugin/test_reverse_plugins.py",
    "plugin/http2https.py": "plugin/test_reverse_plugins.py",
    "plugin/common/connecting.py": "plugin/test_reverse_plugins.py",
    "plugin/common/reverseproxy.py": "plugin/test_reverse_plugins.py",
    "plugin/common/targets.py": "plugin/test_http_proxy.py",
    "plugin/common/webhalf.py": "plugin/test_reverse_plugins.py",
    "plugin/common/tlsproxy.py": "plugin/test_tls_plugins.py",
    "plugin/https2http.py": "plugin/test_tls_plugins.py",
    "plugin/https2https.py": "plugin/test_tls_plugins.py",
    "proxy/http.py": "e2e/test_http.py",
    "proxy/direct/client.py": "e2e/test_xtcp.py",
    "proxy/direct/visitor.py": "e2e/test_xtcp.py",
    "proxy/explain.py": "hints/test_broken_setups.py",
    "proxy/https.py": "e2e/test_https.py",
    "proxy/local.py": "e2e/test_tcp.py",
    "proxy/stcp.py": "e2e/test_stcp.py",
    "proxy/tcp.py": "e2e/test_tcp.py",
    "proxy/tcpmux.py": "e2e/test_tcpmux.py",
    "config/load/mistakes.py": "hints/test_broken_files.py",
    "config/load/warnings.py": "config/load/test_validate.py",
    "config/load/known.py": "config/load/test_hints.py",
    "config/load/syntax.py": "config/load/test_hints.py",
    "wire/http/fields.py": "wire/http/test_head.py",
    "http/exchange.py": "http/test_serviceexchange.py",
    "http/site.py": "http/test_serve.py",
    "http/users.py": "http/test_serve.py",
    "http/v1/reply.py": "e2e/test_http.py",
    "http/v1/request.py": "e2e/test_http_streams.py",
    "http/v1/state.py": "e2e/test_http_limits.py",
    "http/v1/times.py": "e2e/test_http_limits.py",
    "http/v1/user.py": "e2e/test_http_limits.py",
    "http/v2/call.py": "e2e/test_http2.py",
    "http/v2/core.py": "http/v2/test_connection.py",
    "http/v2/request.py": "e2e/test_http2.py",
    "http/v2/response.py": "e2e/test_http2.py",
    "http/v2/sender.py": "http/v2/test_connection.py",
    "http/v2/user.py": "e2e/test_http2.py",
    "server/api/audited.py": "server/api/test_operations.py",
    "server/live/operator.py": "server/api/test_operations.py",
    "server/api/description.py": "webserver/test_openapi.py",
    "client/api/description.py": "webserver/test_openapi.py",
    "server/api/lists.py": "server/api/test_v1.py",
    "server/api/v2.py": "server/api/test_v1.py",
    "server/explain.py": "hints/test_broken_setups.py",
    "server/publish/context.py": "server/test_hooks.py",
    "server/service.py": "e2e/test_tcp.py",
    "server/session/accept.py": "e2e/test_half_open.py",
    "server/session/arrivals.py": "e2e/test_run_ids.py",
    "server/session/control.py": "e2e/test_stalls.py",
    "server/ssh/algorithms.py": "server/ssh/test_gateway.py",
    "server/ssh/service.py": "server/ssh/test_gateway.py",
    "server/ssh/session.py": "server/ssh/test_gateway.py",
    "server/ssh/tunnel.py": "server/ssh/test_gateway.py",
    "server/tables.py": "server/test_reload.py",
    "server/vhost/http.py": "e2e/test_http.py",
    "server/vhost/ports.py": "e2e/test_vhost_ports.py",
    "transport/base.py": "test_extension.py",
    "transport/conversation.py": "wire/dial/test_upgrade.py",
    "transport/kcp.py": "e2e/test_kcp.py",
    "transport/outbound.py": "e2e/test_outbound.py",
    "transport/quic.py": "e2e/test_quic.py",
    "transport/tcp.py": "e2e/test_tcp.py",
    "transport/websocket.py": "e2e/test_websocket_cases.py",
    "webserver/routes.py": "client/api/test_about.py",
    "webserver/server.py": "client/api/test_admin.py",
    "stream/quic/core/connection.py": "stream/quic/core/test_credit.py",
    "stream/quic/accept.py": "nat/test_tunnel.py",
    "stream/quic/connected.py": "nat/test_tunnel.py",
    "stream/quic/dial.py": "stream/quic/test_session.py",
    "stream/quic/endpoint.py": "stream/quic/test_listener.py",
    "stream/quic/core/calls.py": "stream/quic/core/test_library.py",
    "stream/quic/core/errors.py": "stream/quic/test_session.py",
    "stream/quic/core/limits.py": "stream/quic/core/test_credit.py",
    "stream/quic/timer.py": "stream/quic/test_session.py",
    "stream/quic/withhold.py": "stream/quic/core/test_credit.py",
    "stream/quic/stream.py": "stream/quic/test_session.py",
}

#: Lines of a file, lines of a function, and files of a folder without its ``__init__.py``, at most.
MOST_LINES, MOST_FUNCTION_LINES, MOST_FILES = 400, 40, 13
#: Files that may be longer, each with the reason.
LONG = {
    "server/ssh/gateway.py": "the one file that may import asyncssh holds everything that leans on its inner parts",
    "config/flags/table.py": "scripts/flagtable makes it, and nobody edits it",
    "stream/quic/core/library.py": "the one file that may import qh3 holds everything that leans on its inner parts",
}

#: Names that more than one class has, and how many: a library's word for a thing and the program's.
SAME_NAME_BY_DESIGN = {"Client": 2, "Server": 2}
#: Classes inside a class that every proxy type and plugin has under the same name.
INNER = {"Client", "Config", "Server", "Visitor"}


@cache
def tree_of(text: str) -> ast.Module:
    """The syntax of a file's text."""
    return ast.parse(text)


def test_every_module_has_a_docstring() -> None:
    without = [
        str(path.relative_to(SOURCE))
        for path in sorted(SOURCE.rglob("*.py"))
        if not ast.get_docstring(tree_of(path.read_text(encoding="utf-8")))
    ]
    assert not without


def test_every_file_has_its_test() -> None:
    files = [path.relative_to(SOURCE) for path in sorted(SOURCE.rglob("*.py"))]
    files = [path for path in files if path.name != "__init__.py"]
    twins = {path.as_posix(): TESTS / path.parent / f"test_{path.name}" for path in files}
    assert not [path for path, twin in twins.items() if not twin.exists() and path not in COVERED_BY]
    assert not [path for path in COVERED_BY if twins.get(path) is None or twins[path].exists()]
    assert not [test for test in COVERED_BY.values() if not (TESTS / test).exists()]


def too_large(source: Path) -> list[str]:
    """What is larger below ``source`` than a reader should meet: files, functions, folders."""
    found = []
    folders: Counter[Path] = Counter()
    for path in sorted(source.rglob("*.py")):
        where = path.relative_to(source)
        folders[where.parent] += path.name != "__init__.py"
        text = path.read_text(encoding="utf-8")
        if (lines := len(text.splitlines())) > MOST_LINES and where.as_posix() not in LONG:
            found.append(f"{where} has {lines} lines")
        for node in ast.walk(tree_of(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                assert node.end_lineno is not None
                if (lines := node.end_lineno - node.lineno + 1) > MOST_FUNCTION_LINES:
                    found.append(f"{where}:{node.lineno} {node.name} has {lines} lines")
    return [*found, *(f"{where} has {count} files" for where, count in folders.items() if count > MOST_FILES)]


def test_files_functions_and_folders_are_small() -> None:
    found = too_large(SOURCE)
    assert not found, "split by concept, see docs/howto/develop.md:\n" + "\n".join(found)


def test_the_list_of_long_files_is_short_and_true() -> None:
    sizes = {path: len((SOURCE / path).read_text(encoding="utf-8").splitlines()) for path in LONG}
    assert all(size > MOST_LINES for size in sizes.values()), f"no longer long, take it out of LONG: {sizes}"


def test_the_check_sees_what_is_too_large(tmp_path: Path) -> None:
    for count in range(MOST_FILES):
        (tmp_path / f"f{count}.py").write_text("x = 1\n")
    body = "    x = 1\n"
    (tmp_path / "f0.py").write_text("x = 1\n" * MOST_LINES)
    (tmp_path / "f1.py").write_text("def f():\n" + body * (MOST_FUNCTION_LINES - 1))
    (tmp_path / "__init__.py").write_text("")
    assert not too_large(tmp_path)
    (tmp_path / "f0.py").write_text("x = 1\n" * (MOST_LINES + 1))
    (tmp_path / "f1.py").write_text("class C:\n    async def f():\n" + f"    {body}" * MOST_FUNCTION_LINES)
    (tmp_path / "more.py").write_text("")
    assert too_large(tmp_path) == [
        "f0.py has 401 lines",
        "f1.py:2 f has 41 lines",
        ". has 14 files",
    ]


def classes(source: Path) -> Counter[str]:
    """How many classes of each name there are; the inner classes that every proxy type has do not count."""
    found: Counter[str] = Counter()
    for path in sorted(source.rglob("*.py")):
        tree = tree_of(path.read_text(encoding="utf-8"))
        inner = {
            node
            for outer in ast.walk(tree)
            if isinstance(outer, ast.ClassDef)
            for node in outer.body
            if isinstance(node, ast.ClassDef) and node.name in INNER
        }
        found.update(
            node.name for node in ast.walk(tree) if isinstance(node, ast.ClassDef) and node not in inner
        )
    return found


def test_a_name_means_one_class() -> None:
    """Private names count, too: a reader who searches for one finds one."""
    found = {name: count for name, count in classes(SOURCE).items() if count > 1}
    fresh = {name: count for name, count in found.items() if count > SAME_NAME_BY_DESIGN.get(name, 1)}
    assert not fresh, f"classes of one name, give one of them another: {fresh}"
    gone = {name: count for name, count in SAME_NAME_BY_DESIGN.items() if count > found.get(name, 1)}
    assert not gone, f"fewer classes have this name now, change the table: {gone}"


def test_the_check_counts_classes(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("class X:\n    class Config: ...\nclass _Y: ...\n")
    (tmp_path / "b.py").write_text("class Z:\n    class Config: ...\ndef f():\n    class _Y: ...\n")
    assert classes(tmp_path) == {"X": 1, "Z": 1, "_Y": 2}


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
