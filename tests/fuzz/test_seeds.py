"""Inputs that once broke a decoder stay harmless, and the long run's machinery works."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from aiofrp.errors import RemoteProtocolError
from tests.fuzz import run
from tests.fuzz.targets import TARGETS


@pytest.mark.parametrize("name", TARGETS)
def test_kept_inputs_are_harmless(name: str) -> None:
    for data in [b"", *run.kept(run.SEEDS / name)]:
        TARGETS[name](data)


def test_no_seed_without_a_target() -> None:
    assert {path.name for path in run.SEEDS.glob("*")} <= TARGETS.keys()


def test_recordings_are_found() -> None:
    assert len(list(run.recorded())) > 50


def test_the_same_seed_gives_the_same_inputs() -> None:
    first, second = (run.Mutator([b"0123456789"], random.Random(1)) for _ in range(2))
    made = [first() for _ in range(200)]
    assert made == [second() for _ in range(200)]
    assert len(set(made)) > 100


@pytest.fixture
def workshop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(run, "ROOT", tmp_path)
    monkeypatch.setattr(run, "SEEDS", tmp_path / "seeds")
    monkeypatch.setattr(run, "CORPUS", tmp_path / "corpus")
    return tmp_path


class Idle(run.Coverage):
    """Sees no lines."""

    def __init__(self) -> None:
        self.lines = 0


def test_a_broken_target_is_found_and_its_input_kept(workshop: Path) -> None:
    def breaks_on_ff(data: bytes) -> None:
        if b"\xff" in data:
            raise KeyError
        raise RemoteProtocolError("as it should")

    assert not run.fuzz("t", breaks_on_ff, 60, random.Random(1), Idle())
    (data,) = run.kept(workshop / "seeds" / "t")
    assert b"\xff" in data


def test_new_lines_are_remembered(workshop: Path) -> None:
    coverage = Idle()

    def target(data: bytes) -> None:
        coverage.lines += data[:1] == b"Z"

    assert run.fuzz("t", target, 0.3, random.Random(1), coverage)
    assert all(data.startswith(b"Z") for data in run.kept(workshop / "corpus" / "t"))
