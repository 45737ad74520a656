"""The files of services: systemd takes them, and what is packaged is what the command makes."""

from __future__ import annotations

import plistlib
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from aiofrp.cli.own.service.units import Service, property_list, unit

PACKAGED = Path(__file__).parents[4] / "packaging" / "systemd"
SERVER = Service("frps", "/usr/local/bin/frps", "/etc/frp/frps.toml", "frps", low_ports=True)
CLIENT = Service("frpc", "/usr/local/bin/frpc", "/etc/frp/frpc.toml", "frpc")


def verified(text: str, folder: Path) -> str:
    """What systemd has to say against a unit; its program is replaced by one that this machine has."""
    if shutil.which("systemd-analyze") is None:
        pytest.skip("this machine has no systemd-analyze")
    path = folder / "a.service"
    path.write_text(
        text.replace("/usr/local/bin/frps", "/bin/true").replace("/usr/local/bin/frpc", "/bin/true")
    )
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", path], capture_output=True, text=True, check=False
    )
    return done.stdout + done.stderr


@pytest.mark.parametrize(
    "service",
    [
        SERVER,
        replace(CLIENT, account="daemon", virtual_net=True),
        replace(CLIENT, executable="/usr/local/bin/frpc", config='/etc/a "b" 100%/$c.toml', name="x"),
    ],
)
def test_systemd_takes_them(service: Service, tmp_path: Path) -> None:
    assert verified(unit(service), tmp_path) == ""


def test_what_a_unit_has() -> None:
    text = unit(SERVER)
    for line in (
        "Type=notify",
        "ExecStart=/usr/local/bin/frps -c %d/frps.toml --log-format frp",
        "DynamicUser=yes",
        "LoadCredential=frps.toml:/etc/frp/frps.toml",
        "AmbientCapabilities=CAP_NET_BIND_SERVICE",
        "CapabilityBoundingSet=CAP_NET_BIND_SERVICE",
        "NoNewPrivileges=yes",
        "ProtectHome=yes",
        "WatchdogSec=30",
        "WantedBy=multi-user.target",
    ):
        assert f"\n{line}\n" in text
    text = unit(CLIENT)
    assert "\nCapabilityBoundingSet=\n" in text
    assert "AmbientCapabilities" not in text
    text = unit(replace(CLIENT, account="frp", executable="/home/u/bin/frpc"))
    assert "\nUser=frp\n" in text
    assert (
        "\nExecStart=/home/u/bin/frpc -c /etc/frp/frpc.toml --log-format frp\nExecReload=/bin/kill -HUP"
        in text
    )
    assert "\nProtectHome=read-only\n" in text
    text = unit(replace(CLIENT, of_user=True))
    assert "DynamicUser" not in text
    assert "\nWantedBy=default.target\n" in text


@pytest.mark.parametrize("service", [SERVER, CLIENT])
def test_the_packaged_units_are_what_the_command_makes(service: Service) -> None:
    assert (PACKAGED / f"{service.name}.service").read_text() == unit(service)


def test_a_property_list() -> None:
    made = plistlib.loads(
        property_list(replace(CLIENT, config="/a & b/<c>.toml"), "/var/log/frpc.log").encode()
    )
    assert made["Label"] == "aiofrp.frpc"
    assert made["ProgramArguments"] == ["/usr/local/bin/frpc", "-c", "/a & b/<c>.toml", "--log-format", "frp"]
    assert made["StandardOutPath"] == made["StandardErrorPath"] == "/var/log/frpc.log"
    types = {key: type(value) for key, value in made.items()}
    assert types == {  # of launchd.plist(5)
        "Label": str,
        "ProgramArguments": list,
        "RunAtLoad": bool,
        "KeepAlive": dict,
        "SoftResourceLimits": dict,
        "StandardOutPath": str,
        "StandardErrorPath": str,
    }
    assert made["KeepAlive"] == {"SuccessfulExit": False}
    assert made["SoftResourceLimits"] == {"NumberOfFiles": 65536}
