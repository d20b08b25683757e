"""An isolation forest as the second opinion: it supposes no ellipsoid, and tells nothing of why.

scikit-learn grows it; its trees are written as one ONNX tree ensemble whose leaves hold path lengths
(Liu, Ting & Zhou 2008), which is exact, and takes a fraction of what a general conversion takes.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from connectors.models.extra import needs
from connectors.models.graph import OPSET, sealed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

TREES, SAMPLES = 100, 256
ML_OPSET = 3
OUTPUT = "strange"
_LEAF = -1


def forest_of(features: NDArray[np.float64], seed: int, about: Mapping[str, str]) -> bytes:
    """The file of a forest fitted to features (m, f); the same features and seed give the same bytes.

    Raises ModelError where scikit-learn or onnx is not installed.
    """
    ensemble = needs("sklearn.ensemble")
    rows = features.astype(np.float32)
    samples = min(SAMPLES, len(rows))
    forest = ensemble.IsolationForest(n_estimators=TREES, max_samples=samples, random_state=seed).fit(rows)
    return sealed(_graph([one.tree_ for one in forest.estimators_], samples, rows.shape[1]), about)


def usual_path(samples: int) -> float:
    """The mean path length of an unsuccessful search in a binary tree of so many samples: c(n)."""
    if samples <= 1:
        return 0.0
    if samples == 2:  # noqa: PLR2004
        return 1.0
    return 2.0 * (math.log(samples - 1.0) + float(np.euler_gamma)) - 2.0 * (samples - 1.0) / samples


def _graph(trees: list[Any], samples: int, width: int) -> Any:
    onnx = needs("onnx")
    make: Any = onnx.helper
    columns: dict[str, list[Any]] = {name: [] for name in (*_NODES, *_LEAVES)}
    for number, tree in enumerate(trees):
        _add(columns, number, tree)
    node = make.make_node(
        "TreeEnsembleRegressor", ["features"], ["paths"], domain="ai.onnx.ml", n_targets=1, aggregate_function="SUM",
        **columns,
    )  # fmt: skip
    per_path = -math.log(2.0) / (len(trees) * usual_path(samples))
    number = onnx.TensorProto.FLOAT
    graph = make.make_graph(
        [node, make.make_node("Mul", ["paths", "per_path"], ["scaled"]), make.make_node("Exp", ["scaled"], [OUTPUT])],
        "isolation_forest",
        [make.make_tensor_value_info("features", number, ["n", width])],
        [make.make_tensor_value_info(OUTPUT, number, ["n", 1])],
        [onnx.numpy_helper.from_array(np.array([per_path], np.float32), "per_path")],
    )
    opsets = [make.make_opsetid("", OPSET), make.make_opsetid("ai.onnx.ml", ML_OPSET)]
    return make.make_model(graph, opset_imports=opsets)


_NODES = (
    "nodes_treeids", "nodes_nodeids", "nodes_featureids", "nodes_values", "nodes_modes", "nodes_truenodeids",
    "nodes_falsenodeids",
)  # fmt: skip
_LEAVES = ("target_treeids", "target_nodeids", "target_ids", "target_weights")


def _add(columns: dict[str, list[Any]], number: int, tree: Any) -> None:
    count = int(tree.node_count)
    is_leaf = tree.children_left == _LEAF
    depth = np.zeros(count)
    for parent in np.flatnonzero(~is_leaf).tolist():  # a parent stands before its children
        depth[[tree.children_left[parent], tree.children_right[parent]]] = depth[parent] + 1
    node = (
        [number] * count,
        list(range(count)),
        np.where(is_leaf, 0, tree.feature).tolist(),
        np.where(is_leaf, 0.0, _below(tree.threshold)).tolist(),
        ["LEAF" if leaf else "BRANCH_LEQ" for leaf in is_leaf],
        np.where(is_leaf, 0, tree.children_left).tolist(),
        np.where(is_leaf, 0, tree.children_right).tolist(),
    )
    leaves = np.flatnonzero(is_leaf).tolist()
    weights = [float(depth[one]) + usual_path(int(tree.n_node_samples[one])) for one in leaves]
    target = ([number] * len(leaves), leaves, [0] * len(leaves), weights)
    for name, values in zip((*_NODES, *_LEAVES), (*node, *target), strict=True):
        columns[name] += values


def _below(thresholds: NDArray[np.float64]) -> NDArray[np.float64]:
    """The largest single-precision number that is not above each: rows are single, so no comparison changes."""
    near = thresholds.astype(np.float32)
    found: NDArray[np.float64] = np.where(near > thresholds, np.nextafter(near, np.float32(-np.inf)), near).astype(
        np.float64
    )
    return found
