"""Converted files mean the same: every good configuration, and the templates in it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from aiofrp.config.load.files import load_client, load_server, read
from aiofrp.config.load.valuesource import TOKEN_SOURCE_EXEC
from aiofrp.config.models.model import Model, to_tree
from aiofrp.config.tools.convert import convert
from aiofrp.errors import ConfigError
from tests.config.batch import every
from tests.config.cases import GOOD, good_cases


def _load(program: str, path: str, *, strict: bool, environ: dict[str, str]) -> Model:
    load = load_server if program == "frps" else load_client
    loaded: Any = load(path, strict=strict, allow_unsafe=[TOKEN_SOURCE_EXEC], environ=environ)
    config: Model = loaded.config
    return config


def _meaning(config: Model) -> Any:
    tree = to_tree(config)
    for key in ("proxies", "visitors"):
        for item in tree.get(key, ()):
            item["type"] = item["type"] or "tcp"  # a section without a type is a tcp proxy
    tree.pop("includes", None)  # those of INI files are merged
    return tree


@every(good_cases(), lambda case: case["name"])
def test_the_meaning_is_kept(case: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(GOOD)
    environ = case.get("env", {})
    text = convert(case["file"], case["program"], read(case["file"]), strict=case["strict"], environ=environ)
    path = tmp_path / "converted.toml"
    path.write_text(text, encoding="utf-8")
    before = _load(case["program"], case["file"], strict=case["strict"], environ=environ)
    after = _load(case["program"], str(path), strict=True, environ=environ)
    assert _meaning(after) == _meaning(before)


def _convert(text: str, environ: dict[str, str]) -> str:
    return convert("dir/c.yaml", "frpc", text.encode(), environ=environ)


def test_variables_in_texts_stay() -> None:
    text = _convert("auth: {token: '{{ .Envs.TOKEN }}'}\nuser: a\n", {"TOKEN": "t"})
    assert text.startswith("# Converted from c.yaml by aiofrp ")
    assert 'auth.token = "{{ .Envs.TOKEN }}"' in text


def test_other_templates_are_rendered() -> None:
    text = _convert("serverPort: {{ .Envs.PORT }}\n", {"PORT": "7001"})
    assert "serverPort = 7001" in text
    assert "# Templates were rendered with the environment of this moment." in text


def test_braces_that_are_no_template_are_kept(tmp_path: Path) -> None:
    text = _convert("user: '{{ \"{{\" }}x'\n", {})
    path = tmp_path / "c.toml"
    path.write_text(text)
    assert load_client(str(path)).config.user == "{{x"


def test_only_what_was_written_is_written() -> None:
    text = _convert(
        "proxies:\n- {name: a, type: tcp, remotePort: 0, transport: {useEncryption: false}}\n", {}
    )
    keys = [line.split(" = ")[0] for line in text.splitlines() if " = " in line]
    assert keys == ["name", "type", "transport.useEncryption", "remotePort"]


def test_bad_files_are_refused() -> None:
    with pytest.raises(ConfigError, match='unknown field "bogus"'):
        _convert("bogus: 1", {})
