"""Docs cannot drift: commands, plug-ins and settings are checked against the code."""

from __future__ import annotations

import dataclasses
import importlib.util
import re
import tomllib
from pathlib import Path

import pytest
import typer.main

from connectors import plugins
from dashboards.cli import app
from twin import config
from twin.quality import Thresholds

ROOT = Path(__file__).parent.parent
spec = importlib.util.spec_from_file_location("reference", ROOT / "docs/reference/generate.py")
assert spec is not None
assert spec.loader is not None
reference = importlib.util.module_from_spec(spec)
spec.loader.exec_module(reference)


@pytest.mark.parametrize("page", reference.PAGES)
def test_a_generated_page_is_what_the_code_gives_today(page: str) -> None:
    assert (ROOT / "docs/reference" / page).read_text(encoding="utf-8") == reference.PAGES[page](), (
        "run: python docs/reference/generate.py"
    )


def test_every_command_named_in_the_readme_exists() -> None:
    group = typer.main.get_command(app)
    verbs = set(group.commands)
    named = set(re.findall(r"(?:^|`)twin ([a-z]+)", (ROOT / "README.md").read_text(encoding="utf-8"), re.MULTILINE))
    assert named <= verbs


def test_every_verb_is_named_in_the_readme() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    for verb in typer.main.get_command(app).commands:
        assert re.search(rf"\b{verb}\b", text), verb


def test_every_setting_is_explained() -> None:
    text = (ROOT / "docs/reference/factory-file.md").read_text(encoding="utf-8")
    sections = {
        "broker": config.BrokerConfig,
        "store": config.StoreConfig,
        "web": config.WebConfig,
        "ingest": config.IngestConfig,
        "simulate": config.SimulateConfig,
        "source": config.SourceConfig,
        "quality": Thresholds,
    }
    for section, values in sections.items():
        for field in dataclasses.fields(values):
            assert re.search(rf"`{section}\.{field.name}`", text), f"{section}.{field.name}"


def test_every_source_in_the_guide_to_connecting_works() -> None:
    text = (ROOT / "docs/how-to/connect-a-device.md").read_text(encoding="utf-8")
    snippets = re.findall(r"```toml\n(.*?)```", text, re.DOTALL)
    shown = set()
    for snippet in snippets:
        hub = '[hub]\nid = "h"\nname = "h"\n[[site]]\nid = "jeonju"\nname = "j"\n'
        (source,) = config.parse_factory(tomllib.loads(hub + snippet), ()).sources
        assert plugins.check_source(source.type, source.decoder, source.options) == []
        shown.add(source.decoder)
    assert set(plugins.names("decoders")) - shown <= {"json_object", "json_topic", "json_array", "sparkplug_b"}


def test_every_link_between_documents_leads_somewhere() -> None:
    for page in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]:
        for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name} → {target}"
