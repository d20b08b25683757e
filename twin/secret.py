"""Where a secret is kept: a factory file names the place, never the secret."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from twin._table import Table


@dataclass(frozen=True, slots=True)
class Secret:
    """The name of an environment variable, or the path of a file. Never the secret."""

    env: str = ""
    file: str = ""


def secret_of(table: Table, key: str) -> Secret | None:
    """The place that a table names at ``key``; None where it names none."""
    if not table.has(key):
        return None
    if not isinstance(table.data[key], dict):
        table.wrong(key, "must not stand in the file", '{ file = "…" } or { env = "…" }')
        return None
    given = table.table(key)
    secret = Secret(given.get("env", str, ""), given.get("file", str, ""))
    given.done()
    if bool(secret.env) == bool(secret.file):
        table.wrong(key, "needs one of env and file", '{ env = "MQTT_PASSWORD" }')
    return secret
