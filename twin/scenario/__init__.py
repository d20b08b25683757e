"""Scenarios: a simulated plant, what happens to it, and what is expected to follow. Pure.

A scenario is a function of (hub, scenario, seed): the same batches, events, alarms and hash on any machine.
``model`` is what a scenario is, ``read`` makes one of TOML with all its mistakes reported together, ``play``
folds it batch by batch as ingest does, ``expect`` says whether what was expected came about.
"""

from twin.scenario.expect import Told, Verdict
from twin.scenario.model import Scenario
from twin.scenario.play import Played, Playing
from twin.scenario.read import parse_scenario

__all__ = ["Played", "Playing", "Scenario", "Told", "Verdict", "parse_scenario"]
