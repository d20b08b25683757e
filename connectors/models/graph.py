"""Principal components as one ONNX graph: windows in; T², Q and what each sensor adds to them out.

Single precision, matrix products and sums only, a free batch axis: what an accelerator takes. Nothing is
claimed of how fast one would be.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from connectors.models.extra import needs
from twin.anomaly.windows import MOMENTS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from twin.anomaly import Pca

OPSET = 17
IR_VERSION = 8
"""Fixed, not the newest there is: the same model must come to the same bytes, and to a runtime that knows them."""
OUTPUTS = ("t2", "q", "t2_by", "q_by")


def graph_of(pca: Pca, rows: int, about: Mapping[str, str]) -> bytes:
    """The model's file; ``about`` goes into its metadata. Raises ModelError where the package onnx is not installed."""
    onnx = needs("onnx")
    make: Any = onnx.helper
    signals = len(pca.middle)
    # Few nodes, because each costs a runtime about a microsecond: what can be worked out beforehand is.
    off = np.eye(MOMENTS * signals) - pca.loadings @ pca.loadings.T
    left = np.concatenate([np.eye(MOMENTS * signals), off], axis=1)
    right = np.concatenate([pca.weights, off], axis=1)
    # A deviation is the length of what is left of a window without its mean, over the root of its rows.
    length = np.repeat([1.0, rows**0.5], signals)
    by_signal = np.tile(np.eye(signals), (MOMENTS, 1))
    ones = np.ones((MOMENTS * signals, 1))
    numbers = {
        "middle": pca.middle,
        "centre": pca.centre * length,
        "left": left / (pca.scale * length)[:, None],
        "right": right / (pca.scale * length)[:, None],
        "adds": np.block(
            [
                [ones, np.zeros_like(ones), by_signal, np.zeros_like(by_signal)],
                [np.zeros_like(ones), ones, np.zeros_like(by_signal), by_signal],
            ]
        ),
    }
    fixed = [onnx.numpy_helper.from_array(np.ascontiguousarray(v, np.float32), name) for name, v in numbers.items()]
    fixed.append(onnx.numpy_helper.from_array(np.array([1, 1, signals, signals], np.int64), "widths"))
    fixed.append(onnx.numpy_helper.from_array(np.array([1], np.int64), "row_axis"))
    nodes = [
        make.make_node("Sub", ["windows", "middle"], ["values"]),
        make.make_node("ReduceMean", ["values"], ["mean"], axes=[1], keepdims=1),
        make.make_node("Sub", ["values", "mean"], ["apart"]),
        make.make_node("ReduceL2", ["apart"], ["length"], axes=[1], keepdims=1),
        make.make_node("Concat", ["mean", "length"], ["row"], axis=2),
        make.make_node("Squeeze", ["row", "row_axis"], ["features"]),
        make.make_node("Sub", ["features", "centre"], ["centred"]),
        make.make_node("MatMul", ["centred", "left"], ["z_and_off"]),
        make.make_node("MatMul", ["centred", "right"], ["weighed_and_off"]),
        make.make_node("Mul", ["z_and_off", "weighed_and_off"], ["parts"]),
        make.make_node("MatMul", ["parts", "adds"], ["sums"]),
        make.make_node("Split", ["sums", "widths"], list(OUTPUTS), axis=1),
    ]
    number = onnx.TensorProto.FLOAT
    widths = {"t2": 1, "q": 1, "t2_by": signals, "q_by": signals}
    graph = make.make_graph(
        nodes,
        "windowed_pca",
        [make.make_tensor_value_info("windows", number, ["n", rows, signals])],
        [make.make_tensor_value_info(name, number, ["n", widths[name]]) for name in OUTPUTS],
        fixed,
    )
    model = make.make_model(graph, opset_imports=[make.make_opsetid("", OPSET)])
    onnx.checker.check_model(model)
    return sealed(model, about)


def sealed(model: Any, about: Mapping[str, str]) -> bytes:
    """A model's bytes, the same for the same model: who made it fixed, its metadata in order."""
    onnx = needs("onnx")
    model.ir_version = IR_VERSION
    model.producer_name, model.producer_version = "factory-twin", ""
    onnx.helper.set_model_props(model, dict(sorted(about.items())))
    found: bytes = model.SerializeToString(deterministic=True)
    return found
