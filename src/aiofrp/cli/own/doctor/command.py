"""``aiofrp doctor``: check everything that a configuration of either program needs."""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING, Any

from aiofrp.config.flags.ownkinds import shown
from aiofrp.config.flags.parse import Command, Flag, Invocation
from aiofrp.errors import ConfigError

if TYPE_CHECKING:
    from aiofrp.cli.own.doctor.report import Finding, Report
    from aiofrp.config.models.client import ClientConfig
    from aiofrp.config.models.server import ServerConfig

COMMAND = Command(
    "doctor",
    "Check everything a configuration needs",
    run="aiofrp.cli.own.doctor.command:doctor",
    wordless=True,
    flags=(
        Flag("config", "text", "the file of frpc or frps", short="c", default=""),
        Flag(
            "program",
            "text",
            "frps or frpc; if not given, the keys of the file decide",
            default="",
        ),
        Flag(
            "try-proxies",
            "switch",
            "also register each proxy for a moment, under another name",
            default=False,
        ),
        Flag("json", "switch", "print JSON", default=False),
        Flag("bundle", "text", "write an archive for a bug report to this file, without secrets", default=""),
    ),
    long="""Check everything that a configuration of frpc or frps needs, and say what to do:
the file, versions, limits, the clock, names, ports, TLS and certificates, a login, local services, domains, the NAT.

Nothing is changed, and no proxy is registered. Only the server knows whether it allows a port or a domain:
--try-proxies registers each proxy for a moment to find out.""",
)


def doctor(invocation: Invocation) -> int:
    """Run the command. Returns the exit code: 1 where there is a problem. Raises
    :class:`~aiofrp.errors.ConfigError`."""
    from aiofrp.cli.own.doctor.report import Report

    path = invocation.value("config")
    if not path:
        raise ConfigError("-c FILE is needed: a configuration of frpc or frps")
    as_json = invocation.value("json")
    report = Report(_ignore if as_json else _printer())
    program, config = _load(path, invocation.value("program"), report)
    if config is not None:
        _run(config, report, try_proxies=invocation.value("try-proxies"))
    if as_json:
        print(json.dumps(_tree(program, path, report), indent=2, ensure_ascii=False))
    else:
        print(_summary(report))
    if bundle := invocation.value("bundle"):
        from aiofrp.cli.own.doctor.bundle import write_bundle

        write_bundle(bundle, report.findings, config)
        print(f"{bundle} is written. Its secrets are masked; read it before you send it.", file=sys.stderr)
    return int(report.failed)


def _load(path: str, program: str, report: Report) -> tuple[str, ClientConfig | ServerConfig | None]:
    """The program, and its configuration where the file has no mistake."""
    from aiofrp.cli.own.config import guess_program
    from aiofrp.cli.own.doctor.report import ok, problem, warning
    from aiofrp.config.load.files import Loaded, load_client, load_server, read
    from aiofrp.config.load.valuesource import TOKEN_SOURCE_EXEC

    if program not in ("", "frps", "frpc"):
        raise ConfigError(f"--program is frps or frpc, not {shown(program)}")
    try:
        program = program or guess_program(path, read(path))
        unsafe = (TOKEN_SOURCE_EXEC,)
        loaded: Loaded[ServerConfig] | Loaded[ClientConfig]
        if program == "frps":
            loaded = load_server(path, allow_unsafe=unsafe)
        else:
            loaded = load_client(path, allow_unsafe=unsafe, starting=True)
    except ConfigError as error:
        report.add("file", problem(str(error), "mend the file; everything else is checked then"))
        return program, None
    report.add("file", ok(f"{path}: a configuration of {program} without mistakes"))
    for text in loaded.warnings:
        report.add("file", warning(text))
    return program, loaded.config


def _run(config: ClientConfig | ServerConfig, report: Report, *, try_proxies: bool) -> None:
    import asyncio

    from aiofrp import logs
    from aiofrp.config.models.server import ServerConfig

    logs.silence()
    if isinstance(config, ServerConfig):
        from aiofrp.cli.own.doctor.server import ServerChecks

        asyncio.run(ServerChecks(config, report).run())
    else:
        from aiofrp.cli.own.doctor.client import ClientChecks

        asyncio.run(ClientChecks(config, report, try_proxies=try_proxies).run())


def _tree(program: str, path: str, report: Report) -> dict[str, Any]:
    from aiofrp.cli.own.doctor.report import as_json

    return {
        "program": program,
        "file": path,
        "ok": not report.failed,
        "checks": [as_json(finding) for finding in report.findings],
    }


def _summary(report: Report) -> str:
    marks = [finding.outcome.value for finding in report.findings]
    problems, warnings = marks.count("problem"), marks.count("warning")
    if not problems and not warnings:
        return "\nNothing is wrong."
    return f"\n{problems} problem{'s' * (problems != 1)}, {warnings} warning{'s' * (warnings != 1)}."


def _ignore(finding: Finding) -> None:
    pass


def _printer() -> Any:
    from functools import partial

    colour = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    marks = (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"
    return partial(_print, colour=colour, marks=marks)


def _print(finding: Finding, *, colour: bool, marks: bool) -> None:
    from aiofrp.cli.own.doctor.report import line

    print(line(finding, colour=colour, marks=marks), flush=True)
