"""Every configuration example of frp's documentation is accepted as written, by the program it is for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from aiofrp.config.load.verify import verify
from tests.config.batch import every

EXAMPLES: list[dict[str, Any]] = json.loads(
    (Path(__file__).parent.parent / "vectors" / "config" / "documents.json").read_text(encoding="utf-8")
)
#: What the examples read from the environment.
ENVIRON = {"FRP_SERVER_ADDR": "127.0.0.1", "FRP_SERVER_PORT": "7000", "FRP_SSH_REMOTE_PORT": "6000"}


@every(EXAMPLES, lambda example: example["content"][:30].split("\n")[0])
def test_an_example_is_good_for_the_programs_frp_accepts_it_for(
    example: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where ``document_wins`` frp itself refuses it by now (feature gates are not looked at by its verify)."""
    for name, value in ENVIRON.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "confd").mkdir()
    path = Path("c" + example["extension"])
    path.write_text(example["content"], encoding="utf-8")
    for program in example["accepted_by"]:
        code, text = verify(program, str(path))
        assert code == 0, text
