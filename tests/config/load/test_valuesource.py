from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from aiofrp.config.load import valuesource as module
from aiofrp.config.load.decode import decode_client, decode_server
from aiofrp.config.load.valuesource import resolve, resolve_token, source_problem
from aiofrp.config.models.shared import ValueSource
from aiofrp.config.models.types import Secret
from aiofrp.errors import ConfigError


def _source(**tree: Any) -> ValueSource:
    return ValueSource.model_validate(tree)


def _file(path: str) -> ValueSource:
    return _source(type="file", file={"path": path})


def _exec(command: str, *args: str, env: tuple[tuple[str, str], ...] = ()) -> ValueSource:
    variables = [{"name": name, "value": value} for name, value in env]
    return _source(type="exec", exec={"command": command, "args": args, "env": variables})


def test_a_file_is_trimmed(tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_bytes(b" \n s3cret \xff\x00 \r\n\t")
    secret = resolve(_source(type="file", file={"path": str(path)}))
    assert type(secret) is Secret
    assert secret.encode("utf-8", "surrogateescape") == b"s3cret \xff\x00"


def test_a_command_runs_without_a_shell_and_with_its_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INHERITED", "i")
    script = 'printf " %s-%s-%s \n" "$1" "$ADDED" "$INHERITED"'
    source = _exec("sh", "-c", script, "sh", "$(x)", env=(("ADDED", "a=b"),))
    assert resolve(source).reveal() == "$(x)-a=b-i"


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (_file("/no/such"), "failed to read file /no/such: open /no/such: no such file or directory"),
        (_file("/"), "failed to read file /: read /: is a directory"),
        (_exec("/bin/false"), "failed to execute command /bin/false: exit status 1"),
        (_exec("no-such-program"), 'exec: "no-such-program": executable file not found in $PATH'),
        (_exec("/no/such"), "command /no/such: fork/exec /no/such: no such file or directory"),
        (_exec("/etc/passwd"), "failed to execute command /etc/passwd: permission denied"),
        (_exec("sh", "-c", "kill -9 $$"), "failed to execute command sh: signal 9"),
        (_source(type="file"), "file configuration is required when type is 'file'"),
    ],
)
def test_failures(source: ValueSource, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        resolve(source)
    assert message in str(caught.value)


def test_values_are_limited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_VALUE", 4)
    (tmp_path / "t").write_text("12345")
    for source in (_source(type="file", file={"path": str(tmp_path / "t")}), _exec("echo", "12345")):
        with pytest.raises(ConfigError, match="more than 4 bytes"):
            resolve(source)


def test_sources_that_cannot_be_used() -> None:
    assert source_problem(_source(type="env")).startswith("unsupported value source type: env (only")
    assert source_problem(_exec("x", env=(("", "v"),))) == "exec env name cannot be empty"
    assert source_problem(_exec("x", env=(("A=B", "v"),))) == "exec env name cannot contain '='"
    assert source_problem(_exec("x")) == ""


def test_the_token_of_a_configuration(tmp_path: Path) -> None:
    (tmp_path / "t").write_text("abc\n")
    source = {"type": "file", "file": {"path": str(tmp_path / "t")}}
    assert resolve_token(decode_server({"auth": {"token": "own"}}).auth).reveal() == "own"
    assert resolve_token(decode_server({"auth": {"tokenSource": source}}).auth).reveal() == "abc"
    oidc = decode_client({"auth": {"method": "oidc", "tokenSource": source}})
    assert resolve_token(oidc.auth).reveal() == ""


def test_a_token_that_cannot_be_read() -> None:
    config = decode_server({"auth": {"tokenSource": {"type": "file", "file": {"path": "./nope"}}}})
    with pytest.raises(ConfigError) as caught:
        resolve_token(config.auth)
    reason = "failed to read file ./nope: open ./nope: no such file or directory"
    assert str(caught.value) == f"failed to resolve auth.tokenSource: {reason}"
