"""Files that the programs cannot use, and warnings about those that they can: the real ``verify``, in this process."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from aiofrp.cli import frpc, frps
from tests.support.certs import authority

SECRET = "auth.token = s3cret-without-quotes\n"

#: The file's name and text, the line that frp has (or one of ours), cause and next step.
ROWS = (
    ("no-quotes.toml", 'serverAddr = 127.0.0.1\n', "toml: line 1, column", "a text stands without quotes",
     "straight quotes"),
    ("curly.toml", "serverAddr = “127.0.0.1”\n", "toml: line 1", "curly quotes", "straight quotes"),
    ("open-quote.toml", "serverAddr = '127.0.0.1\n", "toml: ", "does not end with the same", "End the text"),
    ("no-equals.toml", "serverPort 7000\n", "toml: line 1", "no = between key and value", "Write key = value"),
    ("header.toml", '[[proxies]\nname = "a"\n', "toml: line 1", "brackets of a table's header", "Write \\[\\[proxies"),
    ("list.toml", 'includes = ["a",\n', "toml: ", "a list does not end", "in brackets with commas"),
    ("twice.toml", "serverPort = 1\nserverPort = 2\n", "toml: key serverPort is already", "table twice", "Remove one"),
    ("tab.yaml", "serverAddr: x\n\tserverPort: 7\n", "error converting YAML", "indented with a tab", "with blanks"),
    ("colon.yaml", "a: b: c\n", "error converting YAML", "the file is no YAML", "a blank after the colon"),
    ("comma.json", '{"serverAddr": "x",}\n', "invalid character '}'", "a comma stands before a closing bracket",
     "none after the last"),
    ("end.json", '{"serverAddr": "x"\n', "unexpected end of JSON input", "ends before all brackets", "Close each {"),
    ("url.toml", 'serverAddr = "http://frp.test/"\n', "serverAddr: http://frp.test/ is no host name", "url.toml:1",
     'write serverAddr = "frp.test"'),
    ("host-port.toml", 'serverAddr = "frp.test:7000"\n', "serverAddr: frp.test:7000 is no host name", "toml:1",
     'write serverAddr = "frp.test" and serverPort = 7000'),
    ("brackets.toml", 'serverAddr = "[::1]"\n', r"serverAddr: \[::1\] is no host name", "brackets.toml:1",
     'write serverAddr = "::1"'),
    ("port.toml", '[[proxies]]\nname = "a"\ntype = "tcp"\nlocalPort = 70000\n', "port number 70000 must be",
     "ports are numbers", "in this range"),
    ("quoted-port.toml", 'serverPort = "7000"\n', "cannot unmarshal string into int", "quoted-port.toml:1: serverPort",
     "without quotes"),
    ("snake.toml", 'server_addr = "x"\n', 'unknown field "server_addr"', "snake.toml:1", 'did you mean "serverAddr"'),
    ("of-frps.toml", "vhostHTTPPort = 80\n", 'unknown field "vhostHTTPPort"', "a setting of frps", "not of frpc"),
    ("kind.toml", '[[proxies]]\nname = "a"\ntype = "tpc"\n', "unknown proxy type: tpc", "kind.toml:3", "one of: tcp"),
    ("names.toml", '[[proxies]]\nname = "a"\ntype = "tcp"\n' * 2, r"name \[a\] is duplicated", "the same name",
     "a name of its own"),
    ("no-domain.toml", '[[proxies]]\nname = "a"\ntype = "http"\nlocalPort = 1\n', "should not be both empty",
     "no-domain.toml:1", "name a domain in customDomains"),
    ("level.toml", 'log.level = "verbose"\n', "invalid log level", "the key cannot have this value",
     "Write one of: trace debug info"),
    ("plugin.toml", '[[proxies]]\nname = "a"\ntype = "tcp"\nplugin = { type = "static_file" }\n', "is required",
     "an option of the plugin is missing", "Set plugin.localPath"),
    ("health.toml", '[[proxies]]\nname = "a"\ntype = "tcp"\nlocalPort = 1\nhealthCheck.type = "http"\n',
     "health check path should not be empty", "asks for a path", "Set healthCheck.path"),
    ("tokens.toml", 'auth.token = "a"\nauth.tokenSource = { type = "file", file.path = "/x" }\n',
     "cannot specify both auth.token", "given twice", "Leave auth.token"),
    ("gone/include.toml", 'includes = ["./nowhere/*.toml"]\n', "no such file or directory",
     "the directory of an entry of includes", "Correct the path"),
    ("template.toml", 'serverAddr = "{{ .Envs. }}"\n', "template: ", "a template .* that cannot be read",
     "Write {{ .Envs.NAME }}"),
)  # fmt: skip


def said_about(
    path: Path | str, capsys: pytest.CaptureFixture[str], program: str = "frpc"
) -> tuple[int, str]:
    """The exit code of ``verify`` and what it printed."""
    code = (frpc if program == "frpc" else frps).main(["verify", "-c", str(path)])
    return code, capsys.readouterr().out


@pytest.mark.parametrize(("name", "text", "line", "cause", "step"), ROWS, ids=[row[0] for row in ROWS])
def test_cause_and_next_step(
    name: str, text: str, line: str, cause: str, step: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, encoding="utf-8")
    code, said = said_about(path, capsys)
    first, _, rest = said.partition("\n")
    assert code == 1
    assert re.search(line, first), said
    assert re.search(cause, rest), said
    assert rest.count(step.replace("\\", "")) == 1, said


def test_the_line_is_shown_with_the_place(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "frpc.toml"
    path.write_text("# one\nserverAddr = 127.0.0.1\n")
    assert said_about(path, capsys)[1].splitlines()[1:] == [
        f'  {path}:2: a text stands without quotes. Write texts in straight quotes: key = "text"',
        "    serverAddr = 127.0.0.1",
        "                      ^",
    ]
    path.write_text(SECRET)
    assert "s3cret" not in said_about(path, capsys)[1]
    path.write_text("x = " + "y" * 100_000)
    assert len(said_about(path, capsys)[1]) < 1000


def test_files_that_are_not_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    code, said = said_about("none.toml", capsys)
    assert (code, said.splitlines()[0]) == (1, "open none.toml: no such file or directory")
    assert "hint: there is no file none.toml. Name the file with -c, or write one with `aiofrp init`." in said
    (tmp_path / "frpc.toml").write_text("")
    assert frpc.main(["verify"]) == 1
    said = capsys.readouterr().out
    assert said.splitlines()[0] == "open ./frpc.ini: no such file or directory"
    assert "./frpc.toml is in the same directory. Name it: -c ./frpc.toml." in said
    code, said = said_about(tmp_path, capsys, "frps")
    assert (code, "is a directory. Name a file with -c" in said) == (1, True)


@pytest.mark.parametrize(
    "text", ['\ufeffserverAddr = "x"\n', "\ufeff[common]\nserver_addr = x\n", '\ufeff{"user": "x"}']
)
def test_a_byte_order_mark_is_accepted(text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "frpc.conf"
    path.write_text(text, encoding="utf-8")
    assert said_about(path, capsys)[0] == 0


def test_an_include_that_names_no_file_is_warned_about(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "frpc.toml"
    path.write_text(f'includes = ["{tmp_path}/one.toml", "{tmp_path}/*.yaml"]\n')
    code, said = said_about(path, capsys)
    assert (code, said.splitlines()[0]) == (0, f"WARNING: includes: there is no file {tmp_path}/one.toml")
    assert "*.yaml" not in said
    (tmp_path / "one.toml").write_text("")
    assert "WARNING" not in said_about(path, capsys)[1]


@pytest.mark.parametrize(
    ("text", "warned"),
    [
        ("", True),
        ('bindAddr = "0.0.0.0"\n', True),
        ('bindAddr = "192.0.2.1"\n', True),
        ('bindAddr = "127.0.0.1"\n', False),
        ('bindAddr = "::1"\n', False),
        ('auth.token = "x"\n', False),
        ('auth.tokenSource = { type = "file", file.path = "/x" }\n', False),
        ('auth.method = "oidc"\n', False),
        ('[[httpPlugins]]\nname = "a"\naddr = "127.0.0.1:1"\npath = "/"\nops = ["Login"]\n', False),
    ],
)
def test_a_server_without_a_token_is_warned_about(
    text: str, warned: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "frps.toml"
    path.write_text(text)
    code, said = said_about(path, capsys, "frps")
    assert (code, "WARNING: auth.token is empty" in said) == (0, warned), said


def test_certificate_files_are_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """``verify`` warns; the programs wait for files that come later."""
    signed, other = authority(), authority("another")
    for name, data in (
        ("a.crt", signed.certificate),
        ("a.key", signed.key),
        ("b.key", other.key),
        ("no.crt", b"x"),
    ):
        (tmp_path / name).write_bytes(data)
    path = tmp_path / "frps.toml"
    for certificate, key, cause in (
        ("a.crt", "a.key", ""),
        ("a.crt", "none.key", "there is no file"),
        ("a.crt", "b.key", "is not that of the certificate"),
        ("no.crt", "a.key", "is no PEM file"),
    ):
        tls = f'transport.tls.certFile = "{tmp_path}/{certificate}"\ntransport.tls.keyFile = "{tmp_path}/{key}"\n'
        path.write_text(f'auth.token = "x"\n{tls}')
        code, said = said_about(path, capsys, "frps")
        assert code == 0
        assert ("WARNING: transport.tls: " in said) == bool(cause), said
        assert cause in said
        path.with_name("frpc.toml").write_text(tls)
        assert cause in said_about(path.with_name("frpc.toml"), capsys)[1]
