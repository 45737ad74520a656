"""The service managers, with programs that write down how they were called in place of the real ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from aiofrp.cli.own.service import managers
from aiofrp.cli.own.service.units import Service
from aiofrp.errors import ConfigError

SERVICE = Service("frpc", "/usr/bin/frpc", "/etc/frp/frpc.toml", "frpc", of_user=True)


@pytest.fixture
def calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The calls of ``systemctl`` and ``launchctl``, a line each."""
    log, folder = tmp_path / "calls", tmp_path / "bin"
    folder.mkdir()
    for name in ("systemctl", "launchctl"):
        program = folder / name
        program.write_text(
            f'#!/bin/sh\necho {name} "$@" >>{log}\n[ "$FAIL" ] || exit 0\necho no >&2\nexit 3\n'
        )
        program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return log


def test_systemd(calls: Path, tmp_path: Path) -> None:
    manager = managers.Systemd(SERVICE)
    assert manager.path == tmp_path / "config/systemd/user/frpc.service"
    with pytest.raises(ConfigError, match="there is no service frpc"):
        manager.uninstall()
    manager.install()
    assert manager.path.read_text().startswith("# aiofrp client (frpc)")
    assert manager.status() == 0
    manager.uninstall()
    assert not manager.path.exists()
    assert calls.read_text().splitlines() == [
        "systemctl --user daemon-reload",
        "systemctl --user enable frpc.service",
        "systemctl --user restart frpc.service",
        "systemctl --user status --no-pager frpc.service",
        "systemctl --user disable --now frpc.service",
        "systemctl --user daemon-reload",
    ]


def test_launchd(calls: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.getuid", lambda: 501)
    manager = managers.Launchd(SERVICE)
    assert manager.path == tmp_path / "Library/LaunchAgents/aiofrp.frpc.plist"
    manager.install()
    manager.status()
    manager.uninstall()
    assert calls.read_text().splitlines() == [
        f"launchctl bootstrap gui/501 {manager.path}",
        "launchctl print gui/501/aiofrp.frpc",
        "launchctl bootout gui/501/aiofrp.frpc",
    ]


def test_failures(calls: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAIL", "1")
    with pytest.raises(ConfigError, match=r"^systemctl --user daemon-reload: exit status 3: no$"):
        managers.Systemd(SERVICE).install()
    monkeypatch.setenv("PATH", "")
    with pytest.raises(ConfigError, match=r"^systemctl .*No such file"):
        managers.Systemd(SERVICE).install()


def test_where_services_of_the_machine_are(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Service("frps", "/usr/bin/frps", "/etc/frp/frps.toml", "frps")
    for system, path in (
        ("linux", "/etc/systemd/system/frps.service"),
        ("darwin", "/Library/LaunchDaemons/aiofrp.frps.plist"),
    ):
        monkeypatch.setattr("sys.platform", system)
        assert str(managers.manager_of(machine).path) == path
    monkeypatch.setattr("sys.platform", "win32")
    with pytest.raises(ConfigError, match="this system has neither"):
        managers.manager_of(machine)
