"""Secrets that are kept outside the configuration: in a file or in the output of a command
(docs/protocol/configuration.md §2.1)."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from typing import Final

from aiofrp.config.golang.literals import SPACE, from_bytes
from aiofrp.config.models.shared import AuthBase, ExecSource, FileSource, ValueSource
from aiofrp.config.models.types import Secret
from aiofrp.errors import ConfigError

#: What ``--allow-unsafe`` must name before a command is run.
TOKEN_SOURCE_EXEC: Final = "TokenSourceExec"

#: Bytes a file or command may yield.
MAX_VALUE = 1024 * 1024


def source_problem(source: ValueSource) -> str:
    """Why a source cannot be used, in the reference's words; empty if it can."""
    if source.type == "file":
        if source.file is None:
            return "file configuration is required when type is 'file'"
        return "" if source.file.path else "file path cannot be empty"
    if source.type == "exec":
        if source.exec is None:
            return "exec configuration is required when type is 'exec'"
        return next(_exec_problems(source.exec), "")
    return f"unsupported value source type: {source.type} (only 'file' and 'exec' are supported)"


def _exec_problems(source: ExecSource) -> Iterator[str]:
    if not source.command:
        yield "exec command cannot be empty"
    for variable in source.env:
        if not variable.name:
            yield "exec env name cannot be empty"
        if "=" in variable.name:
            yield "exec env name cannot contain '='"


def resolve_token(auth: AuthBase) -> Secret:
    """The token of ``auth``, read from its source if it has one and tokens are used.

    Blocks while a command runs. Raises :class:`~aiofrp.errors.ConfigError`.
    """
    if auth.token_source is None or auth.method != "token":
        return auth.token
    try:
        return resolve(auth.token_source)
    except ConfigError as error:
        raise ConfigError(f"failed to resolve auth.tokenSource: {error}", "auth.tokenSource") from None


def resolve(source: ValueSource, timeout: float | None = None) -> Secret:
    """The value of a source, white space trimmed; raises :class:`~aiofrp.errors.ConfigError`.

    ``timeout``: seconds after which a command is ended, ``None`` for no limit.
    """
    problem = source_problem(source)
    if problem:
        raise ConfigError(problem)
    if source.type == "file" and source.file is not None:
        return _read(source.file)
    assert source.exec is not None
    return _run(source.exec, timeout)


def _read(source: FileSource) -> Secret:
    try:
        with open(source.path, "rb") as file:
            data = file.read(MAX_VALUE + 1)
    except OSError as error:
        verb = "read" if isinstance(error, IsADirectoryError) else "open"
        reason = (error.strerror or str(error)).lower()
        raise ConfigError(f"failed to read file {source.path}: {verb} {source.path}: {reason}") from None
    return _value(data, f"failed to read file {source.path}")


def _run(source: ExecSource, timeout: float | None) -> Secret:
    failed = f"failed to execute command {source.command}"
    environment = {**os.environ, **{variable.name: variable.value.reveal() for variable in source.env}}
    try:
        done = subprocess.run(
            [source.command, *source.args],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            check=False,
            timeout=timeout,
        )
    except subprocess.TimeoutExpired:
        raise ConfigError(f"{failed}: no answer within {timeout:g} s") from None
    except FileNotFoundError:
        where = "no such file or directory" if "/" in source.command else "executable file not found in $PATH"
        begin = f"fork/exec {source.command}" if "/" in source.command else f'exec: "{source.command}"'
        raise ConfigError(f"{failed}: {begin}: {where}") from None
    except (OSError, ValueError) as error:
        raise ConfigError(f"{failed}: {getattr(error, 'strerror', None) or error}".lower()) from None
    if done.returncode:
        status = f"exit status {done.returncode}" if done.returncode > 0 else f"signal {-done.returncode}"
        raise ConfigError(f"{failed}: {status}")
    return _value(done.stdout, failed)


def _value(data: bytes, failed: str) -> Secret:
    if len(data) > MAX_VALUE:
        raise ConfigError(f"{failed}: more than {MAX_VALUE} bytes")
    return Secret(from_bytes(data).strip(SPACE))
