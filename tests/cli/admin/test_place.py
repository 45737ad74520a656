"""Where the admin API is: the quick reading agrees with the models, and leaves to them what is not plain."""

from __future__ import annotations

from pathlib import Path

import pytest

from aiofrp.cli.admin import place
from aiofrp.cli.admin.place import ApiPlace, place_of
from aiofrp.config.models.types import Secret
from aiofrp.errors import ConfigError

PLAIN = {
    "frpc.toml": 'webServer.port = 7400\nserverPort = 1\n[[proxies]]\nname = "a"\ntype = "tcp"\n',
    "all.toml": '[webServer]\naddr = "0.0.0.0"\nport = 7400\nuser = "u"\npassword = "p"\npprofEnable = true\n',
    "tls.toml": '[webServer]\nport = 7400\n[webServer.tls]\ncertFile = "c"\nkeyFile = "k"\n',
    "case.toml": "WEBserver.PORT = 7400\n",
    "mark.toml": "\ufeffwebServer.port = 7400\n",
    "frpc.json": '{"webServer": {"port": 7400, "password": "p"}}',
    "frpc.yaml": "webServer:\n  port: 7400\n  addr: ''\n",
    "frpc.txt": "webServer: {port: 7400}\n",
}


@pytest.mark.parametrize("name", PLAIN)
def test_the_quick_reading_is_that_of_the_models(tmp_path: Path, name: str) -> None:
    file = tmp_path / name
    file.write_text(PLAIN[name], encoding="utf-8")
    quick = place._quick(str(file))
    assert quick is not None
    assert quick == place._by_models(str(file), strict=True) == place_of(str(file), strict=True)


OTHERS = {
    "none.toml": "serverPort = 1\n",
    "template.toml": 'webServer.port = 7400\nwebServer.addr = "127.0.0.1{{ .Envs.NOT_SET_HERE }}"\n',
    "common.ini": "[common]\nadmin_port = 7400\n",
    "broken.toml": "webServer.port = \n",
    "unknown.toml": "webServer.prot = 7400\n",
    "float.toml": "webServer.port = 7400.0\n",
    "text.toml": 'webServer.port = "7400"\n',
    "yes.toml": "webServer.port = true\n",
    "twice.toml": "webServer.port = 1\nwebserver.port = 2\n",
    "inside.toml": "webServer.port = 1\nwebServer.PORT = 2\n",
    "list.toml": "webServer = [1]\n",
    "high.toml": "webServer.port = 70000\n",
    "cert.toml": "[webServer]\nport = 7400\ntls.certFile = 1\n",
    "number.yaml": "7\n",
}


@pytest.mark.parametrize("name", OTHERS)
def test_what_is_not_plain_is_left_to_the_models(tmp_path: Path, name: str) -> None:
    file = tmp_path / name
    file.write_text(OTHERS[name])
    assert place._quick(str(file)) is None


def test_places_of_other_files(tmp_path: Path) -> None:
    ini = tmp_path / "frpc.ini"
    ini.write_text("[common]\nadmin_port = 7400\nadmin_pwd = p\n")
    assert place_of(str(ini), strict=True) == ApiPlace("127.0.0.1", 7400, "", Secret("p"))
    for name, text in (("none.toml", "web server port should be set"), ("unknown.toml", '"prot"')):
        file = tmp_path / name
        file.write_text(OTHERS[name])
        with pytest.raises(ConfigError, match=text):
            place_of(str(file), strict=True)
    with pytest.raises(ConfigError, match="no such file"):
        place_of(str(tmp_path / "absent"), strict=True)


def test_a_large_file_takes_the_long_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(place, "_MOST", 10)
    file = tmp_path / "frpc.toml"
    file.write_text("webServer.port = 7400\n")
    assert place._quick(str(file)) is None
    assert place_of(str(file), strict=True).port == 7400
