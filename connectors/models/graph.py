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
    adds = np.tile(np.eye(signals), (MOMENTS, 1))
    numbers = {
        "middle": pca.middle,
        "centre": pca.centre,
        "per_scale": 1.0 / pca.scale,
        "loadings": pca.loadings,
        "back": pca.loadings.T,
        "per_variance": 1.0 / pca.variances,
        "adds": adds,
    }
    fixed = [onnx.numpy_helper.from_array(np.ascontiguousarray(v, np.float32), name) for name, v in numbers.items()]
    fixed.append(onnx.numpy_helper.from_array(np.array([1], np.int64), "by_signal"))
    nodes = [
        make.make_node("Sub", ["windows", "middle"], ["values"]),
        make.make_node("ReduceMean", ["values"], ["mean_row"], axes=[1], keepdims=1),
        make.make_node("Sub", ["values", "mean_row"], ["apart"]),
        make.make_node("Mul", ["apart", "apart"], ["apart_squared"]),
        make.make_node("ReduceMean", ["apart_squared"], ["variance"], axes=[1], keepdims=0),
        make.make_node("Sqrt", ["variance"], ["deviation"]),
        make.make_node("ReduceMean", ["values"], ["mean"], axes=[1], keepdims=0),
        make.make_node("Concat", ["mean", "deviation"], ["features"], axis=1),
        make.make_node("Sub", ["features", "centre"], ["centred"]),
        make.make_node("Mul", ["centred", "per_scale"], ["z"]),
        make.make_node("MatMul", ["z", "loadings"], ["along"]),
        make.make_node("Mul", ["along", "per_variance"], ["weighed"]),
        make.make_node("MatMul", ["weighed", "back"], ["weighed_back"]),
        make.make_node("Mul", ["z", "weighed_back"], ["in_t2"]),
        make.make_node("MatMul", ["in_t2", "adds"], ["t2_by"]),
        make.make_node("ReduceSum", ["t2_by", "by_signal"], ["t2"], keepdims=0),
        make.make_node("MatMul", ["along", "back"], ["fitted"]),
        make.make_node("Sub", ["z", "fitted"], ["off"]),
        make.make_node("Mul", ["off", "off"], ["in_q"]),
        make.make_node("MatMul", ["in_q", "adds"], ["q_by"]),
        make.make_node("ReduceSum", ["q_by", "by_signal"], ["q"], keepdims=0),
    ]
    number = onnx.TensorProto.FLOAT
    shapes = {"t2": ["n"], "q": ["n"], "t2_by": ["n", signals], "q_by": ["n", signals]}
    graph = make.make_graph(
        nodes,
        "windowed_pca",
        [make.make_tensor_value_info("windows", number, ["n", rows, signals])],
        [make.make_tensor_value_info(name, number, shapes[name]) for name in OUTPUTS],
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
