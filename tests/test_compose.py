"""docker-compose.yml without an engine: the specification's own model, and the promises its comments make."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import typer.main
import yaml
from compose_spec import PyCompose

from connectors.factory_file import read_factory
from dashboards.cli import app

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
COMPOSE: dict[str, Any] = yaml.safe_load(TEXT)
OURS = [name for name, service in COMPOSE["services"].items() if service["image"] == "factory-twin"]


def test_the_file_follows_the_compose_specification() -> None:
    resolved = yaml.safe_dump(COMPOSE)  # the model knows no merge keys
    compose = PyCompose.from_yaml(resolved)
    compose.validate()
    assert set(compose.service_names()) == {"broker", "database", "ingest", "web", "simulator"}


def test_every_command_is_one_that_twin_knows() -> None:
    group = typer.main.get_command(app)
    for name in OURS:
        verb, *arguments = shlex.split(COMPOSE["services"][name]["command"])
        group.commands[verb].make_context(verb, list(arguments), resilient_parsing=False)


def test_every_service_but_the_simulator_says_whether_it_is_well() -> None:
    for name, service in COMPOSE["services"].items():
        assert "healthcheck" in service or name == "simulator", name


def test_ports_are_published_on_loopback_only() -> None:
    for service in COMPOSE["services"].values():
        for port in service.get("ports", []):
            assert port.startswith("127.0.0.1:"), port


def test_no_secret_stands_in_the_file() -> None:
    for line in TEXT.splitlines():
        if re.search(r"password", line, re.IGNORECASE) and "#" not in line:
            assert "${POSTGRES_PASSWORD:?" in line, line


def test_our_containers_have_no_more_rights_than_they_need() -> None:
    for name in OURS:
        service = COMPOSE["services"][name]
        assert service["read_only"], name
        assert service["cap_drop"] == ["ALL"], name
    assert re.search(r"^USER twin$", (ROOT / "Dockerfile").read_text(encoding="utf-8"), re.MULTILINE)


def test_the_environment_of_each_service_makes_a_valid_factory() -> None:
    for name in OURS:
        service = COMPOSE["services"][name]
        file = ROOT / service["volumes"][0].split(":")[0]
        environ = {key: re.sub(r"\$\{[^}]*\}", "secret", str(value)) for key, value in service["environment"].items()}
        factory = read_factory(file, environ)
        assert factory.store.url.startswith("postgresql://twin:")
        assert factory.broker.use == "mqtt://broker:1883"
