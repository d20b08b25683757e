"""The host's checklist: each of its rules has a test that bears the rule's id, and the page lists them."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SPEC = importlib.util.spec_from_file_location("reference_pages", ROOT / "docs/reference/generate.py")
reference = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(reference)

_HOST = "operational-behavior-host-application"
_ENDED = "operational-behavior-edge-node-termination-host-action"
_ASKED = "operational-behavior-data-commands"
CHECKLIST = {
    "H1": ["message-flow-phid-sparkplug-clean-session-311", "message-flow-phid-sparkplug-clean-session-50"],
    "H2": [
        *(f"{_HOST}-connect-will{end}" for end in ("", "-topic", "-payload", "-qos", "-retained")),
        *(f"payloads-state-will-message{end}" for end in ("", "-qos", "-retain", "-payload")),
        *(f"host-topic-phid-death-{end}" for end in ("required", "topic", "qos", "retain", "payload", "payload-timestamp-connect")),
    ],
    "H3": ["host-topic-phid-birth-sub-required", "message-flow-phid-sparkplug-subscription", "payloads-state-subscribe"],
    "H4": [
        *(f"host-topic-phid-birth-{end}" for end in ("message", "topic", "qos", "retain", "payload", "payload-timestamp", "required")),
        *(f"message-flow-phid-sparkplug-state-publish{end}" for end in ("", "-payload", "-payload-timestamp")),
        *(f"{_HOST}-connect-birth{end}" for end in ("", "-topic", "-payload", "-qos", "-retained")),
        "principles-birth-certificates-order", "conformance-primary-host", "intro-sparkplug-host-state", "components-ph-state",
    ],
    "H5": ["message-flow-hid-sparkplug-state-message-delivered"],
    "H6": [
        *(f"{_HOST}-{end}" for end in ("termination", "death-topic", "death-payload", "death-qos", "death-retained", "disconnect-intentional")),
        *(f"host-topic-phid-death-payload-timestamp-disconnect-{end}" for end in ("clean", "with-no-disconnect-packet")),
    ],
    "H7": [
        f"{_HOST}-host-id", f"{_HOST}-multi-server-timestamp",
        *(f"operational-behavior-primary-application-state-with-multiple-servers-{end}" for end in ("state", "state-subs")),
    ],
    "T1": [
        *(f"topic-structure-namespace-device-id-{end}-message-types" for end in ("associated", "non-associated")),
        "topic-structure-namespace-duplicate-device-id-across-edge-node", "case-sensitivity-sparkplug-ids", "case-sensitivity-metric-names",
    ],
    "B1": [
        "payloads-nbirth-seq", "topics-nbirth-metrics", "topics-nbirth-metric-reqs", "payloads-nbirth-timestamp", "payloads-nbirth-bdseq",
        *(f"{_ASKED}-rebirth-{end}" for end in ("name", "name-aliases", "datatype", "value")),
    ],
    "B2": [
        "message-flow-device-birth-publish-nbirth-wait", "message-flow-device-birth-publish-dbirth-match-edge-node-topic",
        "message-flow-device-birth-publish-dbirth-payload-seq", "payloads-dbirth-order",
    ],
    "B3": [*(f"{_ENDED}-ndeath-{end}" for end in ("node-offline", "node-tags-stale", "devices-offline", "devices-tags-stale")), "topics-ndeath-seq"],
    "B4": ["topics-ndeath-payload", "payloads-ndeath-bdseq", "message-flow-edge-node-birth-publish-will-message-payload-bdSeq"],
    "B5": [f"{_ENDED}-ddeath-devices-offline", f"{_ENDED}-ddeath-devices-tags-stale"],
    "D1": ["payloads-sequence-num-always-included", "payloads-sequence-num-incrementing", "payloads-ncmd-seq", "payloads-dcmd-seq"],
    "D2": [f"operational-behavior-host-reordering-{end}" for end in ("param", "start", "success", "rebirth")],
    "D3": [
        *(f"{_ASKED}-ncmd-rebirth-{end}" for end in ("verb", "name", "value")),
        *(f"topics-ncmd-{end}" for end in ("topic", "mqtt", "timestamp", "payload")),
        *(f"payloads-ncmd-{end}" for end in ("timestamp", "seq", "qos", "retain")),
    ],
    "D4": ["payloads-alias-uniqueness", "payloads-alias-birth-requirement", "payloads-alias-data-cmd-requirement"],
    "D5": ["payloads-metric-datatype-req", "payloads-metric-datatype-not-req"],
    "D6": ["payloads-name-birth-data-requirement"],
    "D7": [f"operational-behavior-data-publish-{verb}-{end}" for verb in ("nbirth", "dbirth") for end in ("order", "values")],
    "D8": [f"payloads-propertyset-{end}" for end in ("quality-value-type", "quality-value-value", "keys-array-size", "values-array-size")],
    "D9": [
        *(f"payloads-dataset-{end}" for end in ("column-size", "column-num-headers", "types-def", "types-num", "types-type", "types-value", "parameter-type-req")),
        "payloads-template-definition-nbirth-only", "payloads-template-instance-members-data",
    ],
    "D10": ["payloads-metric-datatype-value", "payloads-metric-datatype-value-type"],
    "D11": [f"{_ASKED}-{verb}-{end}" for verb in ("ncmd", "dcmd") for end in ("verb", "metric-name", "metric-value")],
    "D12": [f"conformance-mqtt-aware-{verb}-mqtt-{end}" for verb in ("nbirth", "dbirth") for end in ("topic", "retain")],
}  # fmt: skip


def test_each_rule_of_the_checklist_has_a_test_with_its_id():
    covered = reference.covered_rules()
    missing = {f"{part} {rule}" for part, wanted in CHECKLIST.items() for rule in wanted if rule not in covered}
    assert not missing


def test_ids_are_written_as_the_specification_writes_them():
    for rule, tests in reference.covered_rules().items():
        assert re.fullmatch(r"[a-z][a-zA-Z0-9-]+", rule)
        assert not rule.startswith("tck-id-")
        assert tests
