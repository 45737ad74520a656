"""Commands of SSH clients: flags, help and errors as recorded."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from aiofrp.config.models.proxy import DomainConfig
from aiofrp.errors import ProxyError
from aiofrp.server.ssh.command import TYPES, HelpWanted, numbered, read_command, usage

RECORDED = Path(__file__).parents[2] / "vectors" / "api"


def recorded(name: str) -> tuple[str, str]:
    """The command of a recording, and the text that came back."""
    text = (RECORDED / f"ssh_{name}.txt").read_text(encoding="utf-8")
    first, _, rest = text.partition("\n")
    answer = rest.partition("--- text received on the session channel\n")[2].partition("--- client")[0]
    return first.rpartition(' "')[2].removesuffix('"'), answer


def left_columns(text: str) -> list[str]:
    """A help page without what it says about each flag, but with defaults; and without our own flags."""
    lines = [line for line in text.splitlines() if "--qr" not in line]
    return [re.sub(r"^(.{33}).*?( \(default .*\))?$", r"\1\2", line).rstrip() for line in lines]


@pytest.mark.parametrize("kind", TYPES)
def test_help_has_the_recorded_flags(kind: str) -> None:
    command, answer = recorded(f"help_{kind}")
    with pytest.raises(HelpWanted) as caught:
        read_command(command)
    assert left_columns(f"{caught.value}\n") == left_columns(answer)


@pytest.mark.parametrize("name", ["bad_flag", "bad_type", "bad_value"])
def test_errors_are_as_recorded(name: str) -> None:
    command, answer = recorded(name)
    with pytest.raises(ProxyError) as caught:
        read_command(command)
    assert f"{caught.value}\n" == answer


def test_flags_set_the_fields_of_the_proxy_and_the_client() -> None:
    command = read_command(
        "http -n web --custom_domain a.test,b.test -d c.test --sd x --locations /a --http-user u "
        "--http_pwd p --host-header-rewrite h --metadatas k=v --annotations a=b "
        "--user bob -t secret --client-id laptop --qr"
    )
    proxy = command.proxy
    assert isinstance(proxy, DomainConfig)
    assert (command.user, command.token, command.client_id, command.qr) == ("bob", "secret", "laptop", True)
    assert (proxy.name, proxy.type) == ("web", "http")
    assert proxy.custom_domains == ("a.test", "b.test", "c.test")
    values = proxy.wire_values()
    assert values["http_pwd"] == "p"
    assert values["metas"] == {"k": "v"}
    assert values["annotations"] == {"a": "b"}
    assert "secret" not in repr(command.proxy)


def test_a_proxy_without_a_name_gets_one() -> None:
    names = {read_command("tcp").proxy.name for _ in range(3)}
    assert len(names) == 3
    assert all(re.fullmatch(r"sshtunnel-tcp-[0-9a-f]{8}", name) for name in names)


def test_words_are_parted_at_single_spaces() -> None:
    command = read_command('stcp  -n  --sk=abcdefg --allow-users="*" word')
    assert command.proxy.name.startswith("sshtunnel-")  # -n took the empty word
    assert command.proxy.wire_values()["allow_users"] == ("*",)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "\0",
        "tcp --local-ip 1.2.3.4",
        "tcp --ue",
        "tcp -n",
        "xtcp",
        "tcp --server-addr x",
        "tcp\t"[:3] + "\x00",
    ],
)
def test_other_commands_are_refused(text: str) -> None:
    with pytest.raises(ProxyError):
        read_command(text)


def test_each_further_forward_gets_a_proxy_of_its_own() -> None:
    command = read_command("tcp -n a -r 6000")
    proxies = [numbered(command, index, ("", 7000 + index), alone=False) for index in range(3)]
    found = [(proxy.name, proxy.wire_values()["remote_port"]) for proxy in proxies]
    assert found == [("a", 6000), ("a-2", 7001), ("a-3", 7002)]
    free = read_command("tcp -n a")
    assert numbered(free, 0, ("", 80), alone=True).wire_values()["remote_port"] == 0
    assert numbered(free, 0, ("", 80), alone=False).wire_values()["remote_port"] == 80


def test_each_further_forward_names_its_domain() -> None:
    command = read_command("http -n a -d a.test --sd a")
    second = numbered(command, 1, ("b.test", 80), alone=False).wire_values()
    assert (second["custom_domains"], second["subdomain"]) == (("b.test",), "")
    third = numbered(command, 2, ("c", 80), alone=False).wire_values()
    assert (third["custom_domains"], third["subdomain"]) == ((), "c")
    for host in ("", "localhost", "*", "127.0.0.1", "::1"):
        with pytest.raises(ProxyError, match="needs a domain"):
            numbered(command, 1, (host, 80), alone=False)


def test_the_usage_names_every_type() -> None:
    assert all(f"\n  {kind} " in usage() for kind in TYPES)
