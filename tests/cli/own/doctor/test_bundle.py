"""The archive for a bug report has no secret in it."""

from __future__ import annotations

import json
import stat
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from aiofrp import registry
from aiofrp.cli.own.doctor import bundle, report
from aiofrp.config.models import model, shape
from aiofrp.config.models.client import ClientConfig
from aiofrp.config.models.model import Model
from aiofrp.config.models.proxy import PluginKind, ProxyKind
from aiofrp.config.models.server import ServerConfig
from aiofrp.config.models.types import Secret
from aiofrp.errors import ConfigError
from tests.support.tunnel import client_config

SECRET = "s3cret-{}"


class Filled:
    """Models with a secret of its own in every secret field, and in every table that users fill as they like."""

    def __init__(self) -> None:
        self.secrets: list[str] = []

    def new(self) -> str:
        self.secrets.append(SECRET.format(len(self.secrets)))
        return self.secrets[-1]

    def model(self, kind: type[Model], **more: Any) -> Model:
        values: dict[str, Any] = {}
        for item in model.declared(kind).values():
            form = shape.shapes(kind)[item.name]
            if item.name not in more:
                values |= self._field(item.name, item.alias, form)
        return kind().model_copy(update={**values, **more})

    def _field(self, name: str, alias: str, form: Any) -> dict[str, Any]:
        private = alias.lower() in bundle._PRIVATE
        if form.kind == "table" and isinstance(form.type, type) and issubclass(form.type, Model):
            if private:
                return {name: form.type().model_copy(update={"set": {"X-Key": self.new()}})}
            return {name: self.model(form.type)}
        if (
            form.kind == "list"
            and form.element.kind == "table"
            and form.element.type.__name__ != "PortsRange"
        ):
            entry = {"value": Secret(self.new())} if private else {}
            return {name: (self.model(form.element.type, **entry),)}
        if form.kind == "list" and private:
            return {name: (self.new(),)}
        if form.kind == "map" and private:
            return {name: {"key": self.new()}}
        if form.type is Secret:
            return {name: Secret(self.new())}
        return {name: f"http://user:{self.new()}@proxy.test/"} if "url" in name else {}


def plugins(filled: Filled) -> Iterator[Model]:
    for row in registry.CLIENT_PLUGINS.values():
        yield filled.model(registry.load(row, PluginKind).Config)


def test_every_secret_of_every_model_is_masked() -> None:
    filled = Filled()
    kinds = [registry.load(row, ProxyKind) for row in registry.PROXIES.values()]
    proxies = [filled.model(kind.Config, plugin=None) for kind in kinds]
    proxies += [filled.model(kinds[0].Config, plugin=plugin) for plugin in plugins(filled)]
    visitors = [filled.model(kind.VisitorConfig, plugin=None) for kind in kinds if kind.VisitorConfig]
    client = filled.model(ClientConfig, proxies=tuple(proxies), visitors=tuple(visitors))
    server = filled.model(ServerConfig)
    assert len(filled.secrets) > 60
    words = " and ".join(filled.secrets)
    for config in (client, server):
        files = bundle.contents([report.problem(f"it failed with {words}")], config)
        assert set(files) == {"report.txt", "report.json", "machine.txt", "configuration.json"}
        tree = files["configuration.json"]
        assert "s3cret" not in tree, [line for line in tree.splitlines() if "s3cret" in line]
        own = set(bundle.secrets_of(config))
        assert {text for text in own if "s3cret" in text}
        for name, text in files.items():
            assert not [secret for secret in own if "s3cret" in secret and secret in text], name


def test_texts_without_a_configuration() -> None:
    redact = bundle.Redactor(None)
    assert redact('3 | auth.token = "abc def" # x') == "3 | auth.token = *** # x"
    assert redact("secretKey: 'k', password=p; sk = 1") == "secretKey: ***, password=***; sk = ***"
    assert (
        redact("see http://u:p@proxy.test:80/ and /etc/ask") == "see http://***@proxy.test:80/ and /etc/ask"
    )


def test_the_archive(tmp_path: Path) -> None:
    log = tmp_path / "frpc.log"
    log.write_text("x" * bundle._LOG_END + "\nlogin with long-token failed\n")
    config = client_config(1, f'auth.token = "long-token"\nlog.to = "{log}"\n')
    path = tmp_path / "report.tar.gz"
    bundle.write_bundle(str(path), [report.ok("fine")], config)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with tarfile.open(path) as archive:
        files = {item.name: archive.extractfile(item) for item in archive.getmembers()}
        texts = {name.partition("/")[2]: file.read().decode() for name, file in files.items() if file}
    assert texts["log.txt"].endswith("\nlogin with *** failed\n")
    assert len(texts["log.txt"]) <= bundle._LOG_END
    assert json.loads(texts["configuration.json"])["auth"]["token"] == "***"
    assert json.loads(texts["report.json"])[0]["text"] == "fine"
    assert "cryptography" in texts["machine.txt"]
    with pytest.raises(ConfigError, match="file exists"):
        bundle.write_bundle(str(path), [], config)
