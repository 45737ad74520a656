"""What is packaged: metadata, the image, the Pythons that ``scripts/release`` checks."""

from __future__ import annotations

import re
import runpy
import sys
import tomllib
from pathlib import Path

import yaml

from aiofrp import registry

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
RELEASE = runpy.run_path(str(ROOT / "scripts" / "_release.py"))


def test_the_metadata() -> None:
    assert all(url.startswith("https://") for url in PROJECT["urls"].values())
    assert (ROOT / PROJECT["readme"]).is_file()
    for name, target in PROJECT["scripts"].items():
        assert callable(registry.resolve(target)), name
    assert set(RELEASE["COMMANDS"]) == set(PROJECT["scripts"])
    oldest = ".".join(map(str, RELEASE["OLDEST"]))
    assert PROJECT["requires-python"] == f">={oldest}"
    assert f"Programming Language :: Python :: {oldest}" in PROJECT["classifiers"]


def test_the_pythons_that_are_checked(tmp_path: Path) -> None:
    old, broken = tmp_path / "old", tmp_path / "broken"
    old.write_text("#!/bin/sh\necho 3 9\n")
    broken.write_text("#!/bin/sh\nexit 1\n")
    for path in (old, broken):
        path.chmod(0o755)
    own = sys.version_info[:2]
    assert RELEASE["pythons"]([old, broken, Path(sys.executable), Path(sys.executable)]) == {
        own: Path(sys.executable)
    }


def test_the_image_and_the_example_for_compose() -> None:
    folder = ROOT / "packaging" / "docker"
    image = (folder / "Dockerfile").read_text()
    assert re.search(r"^USER 65532:65532$", image, re.M)
    services = yaml.safe_load((folder / "compose.yaml").read_text())["services"]
    for name, service in services.items():  # each can be started alone, on a machine that has no image yet
        assert (folder / service["build"]["context"]).resolve() == ROOT
        assert (ROOT / service["build"]["dockerfile"]).is_file()
        assert service["command"] == [name, "-c", f"/etc/frp/{name}.toml"]
        assert service["volumes"] == [f"./{name}.toml:/etc/frp/{name}.toml:ro"]
        assert service["cap_drop"] == ["ALL"]
        assert service["image"] == "aiofrp"
