"""Completion scripts: each shell reads its own without complaint, and bash completes with it."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Sequence

import pytest

from aiofrp.cli import frpc, frps

PROGRAMS: dict[str, Callable[[Sequence[str]], int]] = {"frps": frps.main, "frpc": frpc.main}
SHELLS = ("bash", "zsh", "fish")
#: How a shell is asked to read a script without running it.
CHECKS = {"bash": ["bash", "-n"], "zsh": ["zsh", "-n"], "fish": ["fish", "--no-execute"]}


@pytest.fixture
def script(capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    def of(program: str, *arguments: str) -> str:
        assert PROGRAMS[program](["completion", *arguments]) == 0
        return capsys.readouterr().out

    return of


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize("more", [(), ("--no-descriptions",)])
def test_the_shell_reads_its_script(
    script: Callable[..., str], program: str, shell: str, more: tuple[str, ...]
) -> None:
    text = script(program, shell, *more)
    if not shutil.which(shell):
        pytest.skip(f"{shell} is not here")
    done = subprocess.run(CHECKS[shell], input=text, text=True, capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def completed(text: str, *words: str) -> list[str]:
    """What bash offers for the last of ``words``."""
    typed = " ".join(f"'{word}'" for word in words)
    ask = f"COMP_WORDS=({typed})\nCOMP_CWORD={len(words) - 1}\n_{words[0]}\necho ${{COMPREPLY[@]}}\n"
    done = subprocess.run(["bash"], input=text + ask, text=True, capture_output=True, check=True)
    assert done.stderr == ""
    return done.stdout.split()


def test_bash_completes_commands_and_flags(script: Callable[..., str]) -> None:
    text = script("frpc", "bash")
    assert completed(text, "frpc", "st") == ["status", "stop", "stcp"]
    assert completed(text, "frpc", "stcp", "") == ["visitor"]
    assert completed(text, "frpc", "stcp", "visitor", "--server-n") == ["--server-name"]
    assert completed(text, "frpc", "tcp", "--remote-p") == ["--remote-port"]
    assert completed(text, "frpc", "udp", "-r", "5", "--tls-s") == ["--tls-server-name"]
    assert completed(text, "frpc", "tcp", "--allow-us") == []
    assert completed(text, "frpc", "completion", "f") == ["fish"]
    assert completed(text, "frpc", "-c", "ver") == []


def test_bash_completes_for_frps(script: Callable[..., str]) -> None:
    text = script("frps", "bash")
    assert completed(text, "frps", "--vhost-http") == [
        "--vhost-http-port",
        "--vhost-http-timeout",
        "--vhost-https-port",
    ]
    assert completed(text, "frps", "ver", "") == ["verify", "completion", "help"]


@pytest.mark.parametrize("shell", [*SHELLS, "powershell"])
def test_every_flag_of_every_command_is_in_the_script(script: Callable[..., str], shell: str) -> None:
    text = script("frpc", shell)
    for name in (
        "local-port",
        "server-user",
        "api-timeout",
        "nat-hole-stun-server",
        "custom-domain",
        "config-dir",
    ):
        assert name in text
    assert "Port of the local service." in text or shell == "bash"
    assert "Port of the local service." not in script("frpc", shell, "--no-descriptions")
