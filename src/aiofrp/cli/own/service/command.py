"""``aiofrp service install``, ``status`` and ``uninstall``."""

from __future__ import annotations

import os
import re
import shutil
import sys
from typing import TYPE_CHECKING, Any

from aiofrp.config.flags.ownkinds import shown
from aiofrp.config.flags.parse import Command, Flag, Invocation
from aiofrp.errors import ConfigError

if TYPE_CHECKING:
    from aiofrp.cli.own.service.units import Service

#: Names that a service may have, so that they name a file and nothing else.
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}")
_PRIVILEGED = 1024

_OF_USER = Flag("user", "switch", "a service of your own account, without root", default=False)
_NAMED = Flag("name", "text", "name of the service (default frps or frpc)", default="")

COMMAND = Command(
    "service",
    "Run frps or frpc as a service of this machine",
    wordless=True,
    long="Run frps or frpc as a service of this machine: systemd on Linux, launchd on macOS (not tested there).",
    commands=(
        Command(
            "install",
            "Install the service and start it, now and at each start of the machine",
            run="aiofrp.cli.own.service.command:install",
            wordless=True,
            flags=(
                Flag("config", "text", "the file of frpc or frps", short="c", default=""),
                Flag(
                    "program", "text", "frps or frpc; if not given, the keys of the file decide", default=""
                ),
                Flag("as", "text", "account to run as; it must be able to read the files", default=""),
                Flag("print", "switch", "print the file of the service, and change nothing", default=False),
                _OF_USER,
                _NAMED,
            ),
            long="""Install the service and start it, now and at each start of the machine.

With systemd it runs as a user that exists only while it runs, and systemd reads the configuration for it. After a
change of the file, run `systemctl restart`. With --as ACCOUNT it reads its files itself, also certificates and included
files, and `systemctl reload` reads them again.""",
        ),
        Command(
            "status",
            "Show what the service does",
            run="aiofrp.cli.own.service.command:status",
            use=" [frps|frpc] [flags]",
            flags=(_OF_USER, _NAMED),
        ),
        Command(
            "uninstall",
            "Stop the service and delete its file",
            run="aiofrp.cli.own.service.command:uninstall",
            use=" [frps|frpc] [flags]",
            flags=(_OF_USER, _NAMED),
        ),
    ),
)


def install(invocation: Invocation) -> int:
    """``service install``. Returns the exit code; raises :class:`~aiofrp.errors.ConfigError`."""
    from aiofrp.cli.own.service.managers import manager_of

    manager = manager_of(_described(invocation))
    if invocation.value("print"):
        print(manager.text(), end="")
        return 0
    manager.install()
    name = manager.service.name
    print(
        f"{manager.path} is written, and {name} runs. `aiofrp service status {manager.service.program}` shows it."
    )
    return 0


def status(invocation: Invocation) -> int:
    """``service status``. Returns the exit code of the service manager's program."""
    from aiofrp.cli.own.service.managers import manager_of

    return manager_of(_named(invocation)).status()


def uninstall(invocation: Invocation) -> int:
    """``service uninstall``. Returns the exit code; raises :class:`~aiofrp.errors.ConfigError`."""
    from aiofrp.cli.own.service.managers import manager_of

    manager = manager_of(_named(invocation))
    manager.uninstall()
    print(f"{manager.service.name} is stopped, and {manager.path} is deleted.")
    return 0


def _described(invocation: Invocation) -> Service:
    """The service that the flags and the file describe."""
    from aiofrp.cli.own.config import guess_program
    from aiofrp.cli.own.service.units import Service
    from aiofrp.config.load.files import load_client, load_server, read
    from aiofrp.config.load.valuesource import TOKEN_SOURCE_EXEC

    path, program = invocation.value("config"), invocation.value("program")
    if not path:
        raise ConfigError("-c FILE is needed: a configuration of frpc or frps")
    path = os.path.abspath(path)
    if not path.isprintable():
        raise ConfigError(f"--config {shown(path)}: the file of a service cannot hold this name")
    program = program or guess_program(path, read(path))
    if program not in ("frps", "frpc"):
        raise ConfigError(f"--program is frps or frpc, not {shown(program)}")
    load: Any = load_server if program == "frps" else load_client
    config = load(
        path, allow_unsafe=(TOKEN_SOURCE_EXEC,)
    ).config  # a service that cannot start is not installed
    of_user = invocation.value("user")
    if invocation.value("as") and of_user:
        raise ConfigError("--as and --user exclude each other: a service of a user runs as this user")
    return Service(
        program,
        _executable(program),
        path,
        _name(invocation, program),
        _account(invocation),
        of_user,
        low_ports=any(0 < port < _PRIVILEGED for port in _ports(config)),
        virtual_net=bool(getattr(getattr(config, "virtual_net", None), "address", "")),
    )


def _ports(config: Any) -> list[int]:
    """The ports that a configuration opens on this machine; those that clients ask for are not known."""
    names = ("bind_port", "vhost_http_port", "vhost_https_port", "tcpmux_http_connect_port", "kcp_bind_port")
    ports = [getattr(config, name, 0) for name in (*names, "quic_bind_port")]
    allowed = [item.pair[0] for item in getattr(config, "allow_ports", ())]
    visitors = [item.bind_port for item in getattr(config, "visitors", ())]
    return [*ports, *allowed, *visitors, config.web_server.port]


def _named(invocation: Invocation) -> Service:
    """The service that a word or a flag names."""
    from aiofrp.cli.own.service.units import Service
    from aiofrp.cli.own.words import only_word

    program = only_word(invocation, "frps or frpc", default=invocation.value("name") or "frpc")
    name = _name(invocation, program)
    return Service(program, "", "", name, of_user=invocation.value("user"))


def _name(invocation: Invocation, program: str) -> str:
    """The name of the service: that of ``--name``, else the program's."""
    given: str = invocation.value("name")
    name = given or program
    if not _NAME.fullmatch(name):
        what = "--name " if given else ""
        raise ConfigError(
            f"{what}{shown(name)} is no name of a service. Give letters and digits with . _ - inside"
        )
    return name


def _account(invocation: Invocation) -> str:
    """The account of ``--as``; empty where it was not given. Raises :class:`~aiofrp.errors.ConfigError`."""
    account: str = invocation.value("as")
    if account and not _NAME.fullmatch(account):
        raise ConfigError(f"--as {shown(account)} is no name of an account")
    elsewhere = invocation.value("print")  # what is printed may be for another machine
    if account and not elsewhere and sys.platform != "win32":
        import pwd

        try:
            pwd.getpwnam(account)
        except KeyError:
            raise ConfigError(f"--as {account}: this machine has no account of that name") from None
    return account


def _executable(program: str) -> str:
    """The absolute path of a program: beside this Python, else on the path."""
    beside = os.path.join(os.path.dirname(sys.executable), program)
    found = beside if os.access(beside, os.X_OK) else shutil.which(program)
    if not found:
        raise ConfigError(f"there is no program {program} beside {sys.executable} or on the path")
    return os.path.abspath(found)
