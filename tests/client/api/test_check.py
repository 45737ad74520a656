"""The check of a configuration before it is written."""

from __future__ import annotations

from pathlib import Path

import pytest

from aiofrp.client.api.check import ConfigCheck, checked
from aiofrp.client.sources.file import ConfigSource

FILE = """serverPort = 7000

[[proxies]]
name = "a"
type = "tcp"
localPort = 1

[[proxies]]
name = "b"
type = "tcp"
localPort = 2

[[visitors]]
name = "v"
type = "stcp"
serverName = "s"
bindPort = 9
"""


class Checker:
    """A frpc that runs :data:`FILE`, and checks of other texts."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "frpc.toml"
        self.path.write_text(FILE)
        self.source = ConfigSource(str(self.path))
        self.running = self.source.start().config

    def __call__(self, text: str) -> ConfigCheck:
        found = checked(self.source, self.running, text.encode())
        assert self.path.read_text() == FILE
        return found


@pytest.fixture
def check(tmp_path: Path) -> Checker:
    return Checker(tmp_path)


def test_what_a_reload_would_change(check: Checker) -> None:
    assert check(FILE)["changes"] == {"added": [], "removed": [], "changed": [], "restart": []}
    text = FILE.replace('"b"', '"c"').replace("localPort = 1", "localPort = 3").replace("7000", "7001")
    found = check(text.replace("bindPort = 9", "bindPort = 10"))
    assert found["problems"] == []
    assert found["changes"] == {
        "added": [{"kind": "proxy", "name": "c", "type": "tcp"}],
        "removed": [{"kind": "proxy", "name": "b", "type": "tcp"}],
        "changed": [
            {"kind": "proxy", "name": "a", "type": "tcp"},
            {"kind": "visitor", "name": "v", "type": "stcp"},
        ],
        "restart": ["serverPort"],
    }


def test_problems_have_their_places(check: Checker) -> None:
    found = check(FILE.replace("localPort = 2", '  localPrt = 2\ntransport.bandwidthLimit = "x"'))
    (first, second) = sorted(found["problems"], key=lambda problem: problem["line"])
    assert (first["line"], first["column"], first["key"]) == (11, 3, "proxies[1].localPrt")
    assert "localPort" in first["hint"]
    assert (second["line"], second["column"]) == (12, 11)
    assert found["changes"] == {"added": [], "removed": [], "changed": [], "restart": []}


def test_a_text_that_cannot_be_parsed(check: Checker) -> None:
    for text in ("serverPort = = 7\n", "\xff\xfe", "{", '[[proxies]]\nname = "a"\n' * 2):
        found = check(text)
        assert found["problems"], text
        assert all(problem["message"] for problem in found["problems"])
    assert check("\nserverPort = = 7\n")["problems"][0]["line"] == 2


def test_problems_of_an_included_file_name_it(check: Checker, tmp_path: Path) -> None:
    part = tmp_path / "part.toml"
    part.write_text('[[proxies]]\nname = "p"\ntype = "tpc"\n')
    (problem,) = check(f'includes = ["{part}"]\n{FILE}')["problems"]
    assert (problem["file"], problem["line"], problem["column"]) == (str(part), 3, 0)


def test_no_more_problems_than_are_read(check: Checker) -> None:
    text = "".join(f'[[proxies]]\nname = "p{i}"\ntype = "tcp"\nlocalPrt = 1\n' for i in range(300))
    assert len(check(text)["problems"]) == 100
