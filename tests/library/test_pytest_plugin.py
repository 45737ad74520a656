"""The fixtures other projects get, in runs of pytest of their own."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from importlib import import_module
from pathlib import Path

import pytest

pytest_plugins = ["pytester"]

OPTIONS = ("-p", "aiofrp.pytest_plugin", "-p", "no:cacheprovider")


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """A project whose pytest loads nothing but our plugin."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    return pytester


def test_fixtures_in_synchronous_tests(project: pytest.Pytester) -> None:
    project.makepyfile(
        """
        import http.server, socket, threading, urllib.request
        import pytest

        @pytest.fixture
        def page(tmp_path):
            server = http.server.HTTPServer(("127.0.0.1", 0), http.server.SimpleHTTPRequestHandler)
            threading.Thread(target=server.serve_forever, daemon=True).start()
            yield server.server_port
            server.shutdown()
            server.server_close()

        def test_port(expose, page):
            tunnel = expose(page)
            with urllib.request.urlopen(f"http://{tunnel.address}/") as response:
                assert response.status == 200

        async def app(scope, receive, send):
            if scope["type"] == "http":
                await send({"type": "http.response.start", "status": 200, "headers": []})
                await send({"type": "http.response.body", "body": b"hello"})

        def test_application(expose, frps):
            first, second = expose(app), expose(app, name="second")
            for tunnel in (first, second):
                with urllib.request.urlopen(f"http://{tunnel.address}/") as response:
                    assert response.read() == b"hello"
            assert frps.address == f"127.0.0.1:{frps.port}"
            assert frps.token

        class TestOptions:
            @pytest.fixture
            def frps_options(self):
                return {"allow_ports": [{"single": 1}]}

            def test_refused(self, expose):
                import aiofrp.errors
                with pytest.raises(aiofrp.errors.ProxyError, match="port not allowed"):
                    expose(1, remote_port=2)
        """
    )
    project.runpytest_subprocess(*OPTIONS, "-W", "error").assert_outcomes(passed=3)


def test_fixtures_in_asynchronous_tests(project: pytest.Pytester) -> None:
    project.makepyfile(
        """
        import asyncio

        async def test_port(expose):
            async def shout(reader, writer):
                writer.write((await reader.readline()).upper())
                writer.close()
            server = await asyncio.start_server(shout, "127.0.0.1", 0)
            tunnel = expose(server.sockets[0].getsockname()[1])
            host, _, port = tunnel.address.rpartition(":")
            reader, writer = await asyncio.open_connection(host, port)
            writer.write(b"hello\\n")
            assert await reader.readline() == b"HELLO\\n"
            writer.close()
            server.close()
        """
    )
    arguments = (
        *OPTIONS,
        "-p",
        "pytest_asyncio.plugin",
        "-o",
        "asyncio_mode=auto",
        "-o",
        "asyncio_default_fixture_loop_scope=function",
        "-W",
        "error",
    )
    project.runpytest_subprocess(*arguments).assert_outcomes(passed=1)


def test_errors_of_fixtures_say_why(project: pytest.Pytester) -> None:
    project.makepyfile(
        """
        import pytest

        @pytest.fixture
        def frps_options():
            return {"bind_prt": 1}

        def test_it(frps):
            pass
        """
    )
    result = project.runpytest_subprocess(*OPTIONS)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(['*unknown field "bind_prt"*'])


def test_starting_pytest_loads_nothing_of_it() -> None:
    code = (
        "import sys, pytest; before = set(sys.modules); import aiofrp.pytest_plugin;"
        "print(sorted(set(sys.modules) - before))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['aiofrp', 'aiofrp.pytest_plugin', 'aiofrp.version']"


def test_the_plugin_is_announced() -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text("utf-8"))["project"]
    (target,) = project["entry-points"]["pytest11"].values()
    assert {"frps", "expose", "frps_options"} <= set(vars(import_module(target)))
