from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiofrp.config.load import locate as module
from aiofrp.config.load.locate import locator
from tests.config.batch import every

TOML = """\
serverAddr = "x" # 1
transport.tls.certFile = 5
text = '''
user = 5
'''
[log] # six
to = "f"
[[proxies]]
name = "a"
transport = { useEncryption = 1 }
[[proxies]]
"name" = "b"
[proxies.plugin]
type = "q"
"""

YAML = """\
serverAddr: x
transport:
  tls: {certFile: 5}
proxies:
- name: a
- type: tcp
  name: b
  plugin:
    type: q
"""

JSON = '{"serverAddr": 1,\n\t"proxies": [\n\t\t{"name": "a"},\n\t\t{"name":\n "b"}]}'


@every(
    [
        (TOML, "toml", ("serverAddr",), 1),
        (TOML, "toml", ("SERVERADDR",), 1),
        (TOML, "toml", ("transport", "tls", "certFile"), 2),
        (TOML, "toml", ("user",), 0),
        (TOML, "toml", ("log", "to"), 7),
        (TOML, "toml", ("log",), 6),
        (TOML, "toml", ("proxies", 0, "name"), 9),
        (TOML, "toml", ("proxies", 0, "transport", "useEncryption"), 10),
        (TOML, "toml", ("proxies", 1, "name"), 12),
        (TOML, "toml", ("proxies", 1, "type"), 11),
        (TOML, "toml", ("proxies", 1, "plugin", "type"), 14),
        (TOML, "toml", ("nowhere",), 0),
        (YAML, "yaml", ("transport", "tls", "certFile"), 3),
        (YAML, "yaml", ("proxies", 1, "name"), 7),
        (YAML, "yaml", ("proxies", 1, "plugin", "type"), 9),
        (YAML, "yaml", ("proxies", 1, "localPort"), 6),
        (JSON, "json", ("proxies", 1, "name"), 4),
        (JSON, "json", ("serverAddr",), 1),
        ("a: [", "yaml", ("a",), 0),
    ]
)
def test_lines(text: str, format: Any, path: tuple[str | int, ...], line: int) -> None:
    assert locator(text, format)(path) == line


def test_long_texts_are_not_searched(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_TEXT", 5)
    assert locator("a = 1\nb = 2", "toml")(("b",)) == 0


def test_aliases_that_explode_are_not_followed_far(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_TEXT", 2000)
    rows = ["a0: &a0 [1, 1, 1, 1]"] + [f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}, *a{n - 1}]" for n in range(1, 30)]
    assert locator("\n".join(rows), "yaml")(("a29",)) == 30


@given(st.text(max_size=80), st.sampled_from(["toml", "yaml", "json"]))
def test_no_text_makes_it_fail(text: str, format: Any) -> None:
    assert locator(text, format)(("a", 0, "b")) >= 0
