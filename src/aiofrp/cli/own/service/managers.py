"""The service managers: where the files of services go, and the programs that take them up."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from aiofrp.cli.own.service.units import Service, property_list, unit
from aiofrp.errors import ConfigError

#: Seconds that a program of the service manager may take.
_PATIENCE = 120.0


class Manager:
    """A service manager; the subclasses say how it is spoken to."""

    def __init__(self, service: Service) -> None:
        self.service = service

    @property
    def path(self) -> Path:
        """The file of the service."""
        raise NotImplementedError

    def text(self) -> str:
        """What the file has to say."""
        raise NotImplementedError

    def install(self) -> None:
        """Write the file, and start the service now and with the machine. Raises
        :class:`~aiofrp.errors.ConfigError`."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.path.write_text(self.text(), encoding="utf-8")
        except OSError as error:
            raise ConfigError(f"cannot write {self.path}: {(error.strerror or str(error)).lower()}") from None
        self.start()

    def uninstall(self) -> None:
        """Stop the service and delete its file. Raises :class:`~aiofrp.errors.ConfigError`."""
        if not self.path.exists():
            raise ConfigError(f"there is no service {self.service.name}: no file {self.path}")
        self.stop()
        try:
            self.path.unlink()
        except OSError as error:
            raise ConfigError(
                f"cannot delete {self.path}: {(error.strerror or str(error)).lower()}"
            ) from None
        self.forget()

    def start(self) -> None:
        """Start the service, now and with the machine."""
        raise NotImplementedError

    def stop(self) -> None:
        """Stop the service, now and with the machine."""
        raise NotImplementedError

    def forget(self) -> None:
        """The file is deleted."""

    def status(self) -> int:
        """Show what the service does; the exit code of the program that shows it."""
        raise NotImplementedError


def run(*words: str) -> None:
    """Run a program of the service manager. Raises :class:`~aiofrp.errors.ConfigError` with what it said."""
    try:
        done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=_PATIENCE)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ConfigError(f"{' '.join(words)}: {error}") from None
    if done.returncode:
        said = (done.stderr or done.stdout).strip()
        raise ConfigError(f"{' '.join(words)}: exit status {done.returncode}: {said}")


class Systemd(Manager):
    """systemd, of the machine or of the user."""

    @property
    def path(self) -> Path:
        if not self.service.of_user:
            folder = Path("/etc/systemd/system")
        else:
            folder = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "systemd" / "user"
        return folder / f"{self.service.name}.service"

    def text(self) -> str:
        return unit(self.service)

    def start(self) -> None:
        self._control("daemon-reload")
        self._control("enable", self.path.name)
        self._control("restart", self.path.name)

    def stop(self) -> None:
        self._control("disable", "--now", self.path.name)

    def forget(self) -> None:
        self._control("daemon-reload")

    def status(self) -> int:
        return subprocess.call([*self._words, "status", "--no-pager", self.path.name])

    @property
    def _words(self) -> list[str]:
        return ["systemctl", "--user"] if self.service.of_user else ["systemctl"]

    def _control(self, *words: str) -> None:
        run(*self._words, *words)


class Launchd(Manager):
    """launchd of macOS. Never tested on a Mac."""

    @property
    def path(self) -> Path:
        folder = (
            Path.home() / "Library/LaunchAgents" if self.service.of_user else Path("/Library/LaunchDaemons")
        )
        return folder / f"aiofrp.{self.service.name}.plist"

    def text(self) -> str:
        folder = Path.home() / "Library/Logs" if self.service.of_user else Path("/var/log")
        return property_list(self.service, str(folder / f"{self.service.name}.log"))

    def start(self) -> None:
        run("launchctl", "bootstrap", self._domain, str(self.path))

    def stop(self) -> None:
        run("launchctl", "bootout", f"{self._domain}/aiofrp.{self.service.name}")

    def status(self) -> int:
        return subprocess.call(["launchctl", "print", f"{self._domain}/aiofrp.{self.service.name}"])

    @property
    def _domain(self) -> str:
        return f"gui/{os.getuid()}" if self.service.of_user else "system"


def manager_of(service: Service) -> Manager:
    """The service manager of this system. Raises :class:`~aiofrp.errors.ConfigError` where none is known."""
    if sys.platform == "darwin":
        return Launchd(service)
    if sys.platform == "linux":
        return Systemd(service)
    raise ConfigError("aiofrp service knows systemd and launchd; this system has neither")
