"""Models on disk: ``NAME/VERSION/`` with ONNX files and one JSON, frozen once written, refused where they differ."""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from connectors.models.runtime import OnnxForest, OnnxScorer
from twin.anomaly.model import Model, model_of
from twin.errors import IdError, ModelError
from twin.ids import segment

if TYPE_CHECKING:
    from collections.abc import Mapping

ABOUT, PCA, FOREST = "model.json", "pca.onnx", "forest.onnx"
_SQLITE = "sqlite:///"


def folder_of(store_url: str, given: str = "") -> Path:
    """Where the models of a store lie: the folder that was given, else ``models`` beside a SQLite file.

    Raises ModelError for another database where none was given.
    """
    if given:
        return Path(given)
    if not store_url.startswith(_SQLITE):
        raise ModelError("the models of this store lie nowhere yet", "name a folder: --models DIR, or [models] folder")
    return Path(store_url.removeprefix(_SQLITE)).parent / "models"


def sha256(data: bytes) -> str:
    """Of bytes, hexadecimal."""
    return hashlib.sha256(data).hexdigest()


class Shelf:
    """The models of one folder. Any process may read; `keep` writes a version whole, under its name, or not at all."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def versions(self) -> list[tuple[str, int]]:
        """(name, version) of all, in order."""
        if not self.folder.is_dir():
            return []
        found = [
            (name.name, int(version.name))
            for name in self.folder.iterdir()
            if name.is_dir()
            for version in name.iterdir()
            if version.name.isdecimal() and (version / ABOUT).is_file()
        ]
        return sorted(found)

    def newest(self, name: str) -> int:
        """The newest version of a name; raises ModelError where there is none."""
        mine = [version for one, version in self.versions() if one == name]
        if not mine:
            known = sorted({one for one, _ in self.versions()})
            raise ModelError(f"there is no model {name!r}", f"there are: {', '.join(known) or 'none'}")
        return max(mine)

    def place(self, name: str, version: int) -> Path:
        """The folder of a version."""
        return self.folder / _checked(name) / str(version)

    def about(self, name: str, version: int) -> tuple[Model, str]:
        """What a version's JSON tells, and its SHA-256; raises ModelError where there is none, or it is damaged."""
        path = self.place(name, version) / ABOUT
        try:
            data = path.read_bytes()
            return model_of(json.loads(data)), sha256(data)
        except OSError as error:
            raise ModelError(f"{name} has no version {version}", f"{path}: {error.strerror}") from error
        except ValueError as error:
            raise ModelError(f"{path} is no JSON: {error}", "train the model anew") from error

    def file(self, model: Model, version: int, name: str) -> bytes:
        """One of a version's ONNX files; raises ModelError where it is not the one that was trained."""
        path = self.place(model.name, version) / name
        try:
            data = path.read_bytes()
        except OSError as error:
            raise ModelError(f"{path}: {error.strerror}", "train the model anew") from error
        if sha256(data) != model.files.get(name):
            raise ModelError(
                f"{path} is not the file that was trained: its SHA-256 is {sha256(data)[:16]}…,"
                f" {model.files.get(name, 'none')[:16]}… was kept",
                "bring the file back, or train the model anew",
            )
        return data

    def scorer(self, model: Model, version: int) -> OnnxScorer:
        """What scores by a version; raises ModelError as `file`."""
        return OnnxScorer(self.file(model, version, PCA))

    def forest(self, model: Model, version: int) -> OnnxForest | None:
        """Its second opinion, None where it has none; raises ModelError as `file`."""
        return OnnxForest(self.file(model, version, FOREST)) if FOREST in model.files else None

    def keep(self, model: Model, files: Mapping[str, bytes]) -> tuple[int, Model, bool]:
        """Write a new version, or find the one that is the same to the byte.

        Returns its number, the model with its files' hashes, and whether it is new.
        """
        whole = replace(model, files={name: sha256(data) for name, data in sorted(files.items())})
        about = json.dumps(whole.told(), ensure_ascii=False, indent=1, sort_keys=True).encode() + b"\n"
        mine = [version for name, version in self.versions() if name == model.name]
        for version in mine:
            if (self.place(model.name, version) / ABOUT).read_bytes() == about:
                return version, whole, False
        version = max(mine, default=0) + 1
        place = self.place(model.name, version)
        making = place.with_name(f".{version}.making")
        shutil.rmtree(making, ignore_errors=True)
        making.mkdir(parents=True)
        for name, data in {**files, ABOUT: about}.items():
            (making / name).write_bytes(data)
        making.rename(place)
        return version, whole, True


def _checked(name: str) -> str:
    try:
        if segment(name) == name and not name.startswith("."):
            return name
    except IdError:
        pass
    raise ModelError(f"a model cannot be called {name!r}", "letters, digits, - and _")
