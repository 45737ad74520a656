"""Reading files: limits, encodings, includes, filters, places of problems."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from aiofrp.config.load import files as module
from aiofrp.config.load.files import load_client, load_server, read
from aiofrp.config.problem import InvalidConfig
from aiofrp.errors import ConfigError
from tests.config.batch import every


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def _write(name: str, text: str | bytes) -> str:
    path = Path(name)
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return name


def _error(path: str) -> str:
    with pytest.raises(ConfigError) as caught:
        load_client(path)
    return caught.value.text


PROXY = '[[proxies]]\nname = "{}"\ntype = "tcp"\n'


# Reading


def test_files_that_cannot_be_read(folder: Path) -> None:
    assert _error("no.toml") == "open no.toml: no such file or directory"
    assert _error(".") == "read .: is a directory"
    assert _error("a\0b") == "open a\0b: invalid argument"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_forbidden_files(folder: Path) -> None:
    _write("c.toml", "")
    Path("c.toml").chmod(0)
    assert _error("c.toml") == "open c.toml: permission denied"


def test_large_files(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_SIZE", 10)
    assert read(_write("c.toml", "#" * 10)) == b"#" * 10
    assert "more than 10 bytes, too large for a configuration file" in _error(_write("c.toml", "#" * 11))


def test_a_pipe_can_be_read(folder: Path) -> None:
    reader, writer = os.pipe()
    try:
        os.write(writer, b"serverPort = 7001")
        os.close(writer)
        assert stat.S_ISFIFO(os.fstat(reader).st_mode)
        assert load_client(f"/dev/fd/{reader}").config.server_port == 7001
    finally:
        os.close(reader)


@pytest.mark.parametrize("codec", ["utf-16", "utf-16-le", "utf-16-be"])
def test_other_encodings(folder: Path, codec: str) -> None:
    data = 'user = "ü"'.encode(codec)
    if codec != "utf-16":
        data = {"utf-16-le": b"\xff\xfe", "utf-16-be": b"\xfe\xff"}[codec] + data
    assert _error(_write("c.toml", data)) == (
        "read c.toml: invalid UTF-8\n  c.toml: the file is UTF-16; save it as UTF-8"
    )


def test_bytes_that_are_no_utf8(folder: Path) -> None:
    assert _error(_write("c.toml", b'user = "a\xff"')).startswith(
        "toml: line 1, column 10: toml: invalid UTF-8"
    )
    assert load_client(_write("c.json", b'{"user": "a\xff"}')).config.user == "a\ufffd"


def test_bombs_end_soon(folder: Path) -> None:
    text = (
        "a0: &a0 ["
        + "1," * 9
        + "1]\n"
        + "".join(f"a{n}: &a{n} [" + ",".join([f"*a{n - 1}"] * 10) + "]\n" for n in range(1, 10))
    )
    assert _error(_write("c.yaml", text + "proxies: *a9\n"))


# Templates


def test_templates_see_the_environment_given(folder: Path) -> None:
    path = _write("c.toml", 'user = "{{ .Envs.WHO }}"')
    assert load_client(path, environ={"WHO": "me"}).config.user == "me"


def test_no_lines_where_a_template_moved_them(folder: Path) -> None:
    text = "{{ range parseNumberRange `1-3` }}\n# {{ . }}\n{{ end }}\nbogus = 1\n"
    assert _error(_write("c.toml", text)) == 'json: unknown field "bogus"'
    assert (
        _error(_write("c.toml", "# {{ 1 }}\nbogus = 1\n")) == 'json: unknown field "bogus"\n  c.toml:2: bogus'
    )


# Includes


def test_includes_in_order(folder: Path) -> None:
    _write("inc/b.yaml", "proxies:\n- {name: b, type: udp}\nserverPort: 1\nincludes: [./inc/*]\n")
    _write("inc/a.toml", PROXY.format("a"))
    path = _write("c.toml", 'includes = ["./inc/*"]\n' + PROXY.format("main"))
    loaded = load_client(path)
    assert [proxy.name for proxy in loaded.config.proxies] == ["main", "a", "b"]
    assert loaded.config.server_port == 7000
    assert loaded.files == ("c.toml", f"{folder}/inc/a.toml", f"{folder}/inc/b.yaml")


def test_a_file_that_includes_itself(folder: Path) -> None:
    assert _error(_write("c.toml", 'includes = ["c.toml"]\n' + PROXY.format("a"))).startswith(
        "proxy name [a] is duplicated\n"
    )
    assert load_client(_write("c.toml", 'includes = ["c.toml"]\n')).config.proxies == ()


def test_problems_in_an_included_file(folder: Path) -> None:
    _write("inc/a.toml", PROXY.format("a") + "bogus = 1\nremotePort = 'x'\n")
    text = _error(_write("c.toml", 'includes = ["./inc/*"]\n'))
    begin = f"load additional config from {folder}/inc/a.toml error: decode proxy at index 0: "
    assert text.splitlines()[0] == begin + 'unmarshal ProxyConfig error: json: unknown field "bogus"'
    assert f"  {folder}/inc/a.toml:4: proxies[0].bogus" in text


def test_rules_broken_in_an_included_file_are_placed_there(folder: Path) -> None:
    _write("inc/a.toml", PROXY.format("one") + PROXY.format("two") + "localPort = 70000\n")
    text = _error(_write("c.toml", 'includes = ["./inc/*"]\n' + PROXY.format("main")))
    assert text == (
        "proxy two: localPort: localPort: port number 70000 must be in the range 0..65535\n"
        f"  {folder}/inc/a.toml:7: proxies[1].localPort: ports are numbers from 0 to 65535."
        " Write a number in this range"
    )


def test_unreadable_includes(folder: Path) -> None:
    _write("inc/x", "")
    Path("inc/y").symlink_to("nowhere")
    text = _error(_write("c.toml", 'includes = ["./inc/*"]\n'))
    assert (
        text
        == f"load additional config from {folder}/inc/y error: open {folder}/inc/y: no such file or directory"
    )


# Filters


def test_start_and_enabled(folder: Path) -> None:
    text = 'start = ["a", "v", "nobody"]\n' + PROXY.format("a") + PROXY.format("b")
    text += '[[visitors]]\nname = "v"\ntype = "stcp"\nserverName = "s"\nbindPort = -1\nenabled = false\n'
    config = load_client(_write("c.toml", text)).config
    assert [proxy.name for proxy in config.proxies] == ["a"]
    assert config.visitors == ()


def test_what_is_filtered_need_not_be_good(folder: Path) -> None:
    text = PROXY.format("a") + "enabled = false\nlocalPort = 70000\n"
    assert load_client(_write("c.toml", text)).config.proxies == ()
    assert "is duplicated" in _error(_write("c.toml", text + PROXY.format("a")))


def test_starting_checks_more(folder: Path) -> None:
    _write("c.toml", "featureGates = { Nope = true }\n" + PROXY.format("") + "enabled = false\n")
    load_client("c.toml")
    with pytest.raises(InvalidConfig) as caught:
        load_client("c.toml", starting=True)
    messages = [problem.message for problem in caught.value.problems]
    assert messages == [
        "unrecognized feature gate: Nope",
        "failed to set config source: proxy name cannot be empty",
    ]


# Size


def test_a_thousand_proxies(folder: Path) -> None:
    text = "".join(PROXY.format(f"p{n}") + f"localPort = {n}\nremotePort = {n}\n" for n in range(1000))
    assert len(load_client(_write("c.toml", text)).config.proxies) == 1000


def test_servers_name_their_places(folder: Path) -> None:
    with pytest.raises(InvalidConfig) as caught:
        load_server(_write("s.yaml", "log:\n  level: loud\nbindPort: 70000\n"))
    assert str(caught.value).splitlines()[2:] == [
        "  s.yaml:2: log.level: the key cannot have this value. Write one of: trace debug info warn error",
        "  s.yaml:3: bindPort: ports are numbers from 0 to 65535. Write a number in this range",
    ]


@every(
    [
        ("a.toml", "bindPort = 7001"),
        ("a.yaml", "bindPort: 7001"),
        ("a.json", '{"bindPort": 7001}'),
        ("a.ini", "[common]\nbind_port = 7001"),
    ]
)
def test_a_byte_order_mark_is_accepted(name: str, text: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8-sig")
    assert load_server(str(path)).config.bind_port == 7001


# INI


def test_ini_problems_are_placed_at_their_section(folder: Path) -> None:
    text = "[common]\nuser = a\n[range:r]\nlocal_port = 1,2\nremote_port = 1,2\n[w]\ntype = http\n"
    loaded = _error(_write("c.ini", text))
    assert loaded == (
        "proxy w: subdomain and custom domains should not be both empty\n"
        "  c.ini:7: [w] custom_domains: name a domain in custom_domains, or a subdomain"
    )


def test_ini_includes_are_read_as_one_text(folder: Path) -> None:
    _write("inc/a.ini", "[a]\nlocal_port = {{ .Envs.PORT }}\n[common]\nuser = ignored\n")
    path = _write("c.ini", "[common]\nincludes = ./inc/*.ini\n[a]\nremote_port = 7\n")
    loaded = load_client(path, environ={"PORT": "22"})
    (proxy,) = loaded.config.proxies
    assert (proxy.name, proxy.local_port, loaded.config.user) == ("a", 22, "")
    assert (loaded.legacy, loaded.files) == (True, ("c.ini", f"{folder}/inc/a.ini"))


def test_bad_ini_includes(folder: Path) -> None:
    path = _write("c.ini", "[common]\nincludes = ./inc/*\n")
    assert _error(path) == "parse config error: include: directory of ./inc/* not exist"
    _write("inc/a.ini", "{{ nope }}")
    assert _error(path).startswith(
        f"getIncludeContents error: render extra config {folder}/inc/a.ini error: "
    )


def test_what_has_no_effect_is_a_warning(folder: Path) -> None:
    loaded = load_server(_write("s.ini", "[common]\ntoken = x\nprivilege_token = x\ndashboard_port = 7500\n"))
    assert len(loaded.warnings) == 2
    assert loaded.config.web_server.user == "admin"
    assert "[common] dashboard_user: is not set" in loaded.warnings[0]
