"""Reading a factory file: TOML from disk, overrides from the environment, typed values out.

Overrides follow one rule: ``TWIN__SECTION__KEY`` sets ``section.key`` (``TWIN__STORE__URL``). The value
is read as TOML where it is valid TOML, else as text. Relative paths are relative to the file.
"""

from __future__ import annotations

import dataclasses
import os
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from connectors.plugins import asset_types, check_source, type_rules
from twin.alarms.given import mistakes as rule_mistakes
from twin.config import BrokerConfig, Factory, parse_factory
from twin.errors import ConfigError, Mistake

if TYPE_CHECKING:
    from collections.abc import Mapping

    from twin.secret import Secret

PREFIX = "TWIN__"
_SQLITE = "sqlite:///"


def read_factory(path: Path, environ: Mapping[str, str] | None = None) -> Factory:
    """Read, override, parse and check a factory file; raises ConfigError with all its mistakes."""
    try:
        text = path.read_bytes()
    except OSError as error:
        raise ConfigError(
            (Mistake("file", error.strerror or str(error), "`twin new DIR` makes one"),), str(path)
        ) from error
    return factory_of(text, path, environ)


def factory_of(text: bytes, path: Path, environ: Mapping[str, str] | None = None) -> Factory:
    """The same of a text that stands, or could stand, at ``path``."""
    try:
        data = tomllib.loads(text.decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError((Mistake("file", f"not TOML: {error}"),), str(path)) from error
    mistakes: list[Mistake] = []
    try:
        override(data, os.environ if environ is None else environ)
    except ConfigError as error:
        mistakes.extend(error.mistakes)
    factory = None
    try:
        factory = parse_factory(data, tuple(asset_types()), str(path))
    except ConfigError as error:
        mistakes.extend(error.mistakes)
    mistakes.extend(_source_mistakes(data))
    if factory is not None:
        mistakes.extend(rule_mistakes(factory.hub, type_rules(), factory.alarms))
    if mistakes or factory is None:
        raise ConfigError(tuple(mistakes), str(path))
    folder = path.parent
    return dataclasses.replace(
        factory,
        store=dataclasses.replace(
            factory.store, url=_absolute(factory.store.url, folder), archive=_file(factory.store.archive, folder)
        ),
        broker=_beside(factory.broker, folder),
        models=dataclasses.replace(factory.models, folder=_file(factory.models.folder, folder)),
        mail=dataclasses.replace(
            factory.mail, password=_secret(factory.mail.password, folder), ca_file=_file(factory.mail.ca_file, folder)
        ),
        notify=tuple(dataclasses.replace(one, secret=_secret(one.secret, folder)) for one in factory.notify),
        sources=tuple(
            dataclasses.replace(source, path=_file(source.path, folder), map=_file(source.map, folder))
            for source in factory.sources
        ),
    )


def _file(name: str, folder: Path) -> str:
    return str((folder / name).resolve()) if name else ""


def override(data: dict[str, Any], environ: Mapping[str, str]) -> None:
    """Lay ``TWIN__A__B=value`` over the parsed TOML, in place; raises ConfigError for those that fit nowhere."""
    mistakes: list[Mistake] = []
    for name in sorted(environ):
        if not name.startswith(PREFIX) or name.startswith("TWIN__BENCH__"):
            continue
        *tables, key = name.removeprefix(PREFIX).lower().split("__")
        table = data
        for part in tables:
            table = table.setdefault(part, {})
            if not isinstance(table, dict):
                mistakes.append(Mistake(name, f"{part!r} is no table", "TWIN__SECTION__KEY sets section.key"))
                break
        else:
            table[key] = _value(environ[name])
    if mistakes:
        raise ConfigError(tuple(mistakes))


def _value(text: str) -> object:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def _source_mistakes(data: Mapping[str, Any]) -> list[Mistake]:
    sources = data.get("source", [])
    if not isinstance(sources, list):
        return []
    return [
        Mistake(f"source[{i}].{key}", problem)
        for i, source in enumerate(sources)
        if isinstance(source, dict) and isinstance(source.get("decoder"), str)
        for key, problem in check_source(
            str(source.get("type", "mqtt")), str(source.get("decoder", "")), source.get("options", {})
        )
    ]


def _beside(broker: BrokerConfig, folder: Path) -> BrokerConfig:
    return dataclasses.replace(
        broker,
        password=_secret(broker.password, folder),
        ca_file=_file(broker.ca_file, folder),
        cert_file=_file(broker.cert_file, folder),
        key_file=_file(broker.key_file, folder),
    )


def _secret(secret: Secret | None, folder: Path) -> Secret | None:
    return dataclasses.replace(secret, file=_file(secret.file, folder)) if secret else None


def _absolute(url: str, folder: Path) -> str:
    if not url.startswith(_SQLITE):
        return url
    return _SQLITE + str((folder / url.removeprefix(_SQLITE)).resolve())


def read_secret(secret: Secret | None) -> str:
    """The secret itself, from its environment variable or file; raises ConfigError where there is none."""
    if secret is None:
        return ""
    if secret.env:
        try:
            return os.environ[secret.env]
        except KeyError:
            raise ConfigError((Mistake("password", f"environment variable {secret.env} is not set"),)) from None
    try:
        return Path(secret.file).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise ConfigError((Mistake("password", f"{secret.file}: {error.strerror}"),)) from error
