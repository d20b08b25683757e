"""The real clients, each in an environment of its own: their pins exclude each other, and ours.

An environment is made once, in a cache folder of the system's temporary folder, and named after its pins.
Where it cannot be made (no Node, no registry) `environment` says why.
"""

from __future__ import annotations

import fcntl
import functools
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

INSTALL_S = 400
NPM = ("npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "--no-package-lock", "--loglevel=error")


@dataclass(frozen=True)
class ThirdParty:
    """A client library as its registry has it, exactly these versions."""

    name: str
    registry: str
    packages: tuple[str, ...]
    licence: str

    @property
    def version(self) -> str:
        return self.packages[0].replace("==", "@").rpartition("@")[2]


PARTIES = {
    one.name: one
    for one in (
        ThirdParty("sparkplug-client", "npm", ("sparkplug-client@3.2.4", "sparkplug-payload@1.0.3"), "EPL-2.0"),
        ThirdParty("vda-5050-lib", "npm", ("vda-5050-lib@1.4.0",), "MIT"),
        ThirdParty("pysparkplug", "PyPI", ("pysparkplug==0.6.1", "paho-mqtt==1.6.1", "protobuf==7.36.2"), "Apache-2.0"),
        ThirdParty(
            "mqtt-spb-wrapper", "PyPI", ("mqtt-spb-wrapper==2.1.2", "paho-mqtt==1.6.1", "protobuf==3.20.3"), "EPL-2.0"
        ),
        ThirdParty("lerobot-doctor", "PyPI", ("lerobot-doctor==0.2.0",), "Apache-2.0"),
        ThirdParty("rerun-sdk", "PyPI", ("rerun-sdk==0.41.0",), "MIT OR Apache-2.0"),
        ThirdParty("deepen-grade", "PyPI", ("deepen-grade[mcap]==0.4.1",), "Apache-2.0"),
        ThirdParty("mlcroissant", "PyPI", ("mlcroissant[parquet]==1.1.1",), "Apache-2.0"),
        ThirdParty("vda5050-sdk", "PyPI", ("vda5050-sdk[mqtt]==0.2.0", "aiomqtt==2.5.1", "pydantic==2.14.4"), "MIT"),
    )
}


@dataclass(frozen=True)
class Environment:
    """How to run a script with the client's packages."""

    party: ThirdParty
    command: tuple[str, ...]
    variables: tuple[tuple[str, str], ...] = ()


class CannotInstall(Exception):
    """Why a client cannot be tried here."""


@functools.cache
def environment(name: str) -> Environment:
    """The environment of a client, made if it is not there; raises CannotInstall."""
    party = PARTIES[name]
    digest = hashlib.sha256("\n".join((*party.packages, sys.version)).encode()).hexdigest()[:12]
    folder = _cache() / f"{name}-{digest}"
    with (_cache() / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        make = _make_node if party.registry == "npm" else _make_python
        return make(party, folder)


def _cache() -> Path:
    """A folder that is ours alone: what lies in it is run."""
    folder = Path(tempfile.gettempdir()) / f"factory-twin-interop-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    told = folder.lstat()
    if told.st_uid != os.getuid() or told.st_mode & 0o022 or folder.is_symlink():
        raise CannotInstall(f"{folder} belongs to somebody else")
    return folder


def _make_node(party: ThirdParty, folder: Path) -> Environment:
    node = shutil.which("node")
    if node is None or shutil.which("npm") is None:
        raise CannotInstall("no node and npm on PATH")
    if not (folder / "whole").exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        (folder / "package.json").write_text('{"private": true}\n', encoding="utf-8")
        _run([*NPM, "--prefix", str(folder), *party.packages], folder)
        (folder / "whole").touch()
    return Environment(party, (node,), (("NODE_PATH", str(folder / "node_modules")),))


def _make_python(party: ThirdParty, folder: Path) -> Environment:
    python = folder / "bin" / "python"
    if not (folder / "whole").exists():
        shutil.rmtree(folder, ignore_errors=True)
        _run([sys.executable, "-m", "venv", str(folder)], folder.parent)
        _run(
            [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *party.packages],
            folder.parent,
        )
        (folder / "whole").touch()
    return Environment(party, (str(python), "-I", "-u"))


def _run(command: list[str], folder: Path) -> None:
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=INSTALL_S,
            check=False,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise CannotInstall(f"{' '.join(command[:3])}: {error}") from error
    if done.returncode:
        lines = [line for line in (done.stderr or done.stdout).splitlines() if line.strip()]
        errors = [line for line in lines if "err" in line.lower()] or lines or ["no word why"]
        raise CannotInstall(f"{' '.join(command[:3])} ended with {done.returncode}: {errors[0].strip()[:200]}")
