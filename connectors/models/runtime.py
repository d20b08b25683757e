"""ONNX files run by onnxruntime, one thread each: scoring must not take cores from ingest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from connectors.models.extra import needs
from connectors.models.forest import OUTPUT
from connectors.models.graph import OUTPUTS
from twin.anomaly import Scores
from twin.errors import ModelError

if TYPE_CHECKING:
    from numpy.typing import NDArray

BATCH = 4096
"""So many windows at once: their memory is bounded, however long a stretch is scored."""


def _session(file: bytes) -> Any:
    runtime = needs("onnxruntime")
    options = runtime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.execution_mode = runtime.ExecutionMode.ORT_SEQUENTIAL
    options.log_severity_level = 3
    try:
        return runtime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's own, of no common kind
        raise ModelError(f"a file that onnxruntime cannot load: {error}", "train the model anew") from error


class OnnxScorer:
    """A `twin.anomaly.Scorer` of the file that `graph_of` made. Any thread may use it."""

    def __init__(self, file: bytes) -> None:
        self._session = _session(file)

    def score(self, windows: NDArray[np.float64]) -> Scores:
        """See `Scorer`; single precision inside."""
        parts = [self._run(windows[at : at + BATCH]) for at in range(0, max(1, len(windows)), BATCH)]
        t2, q, t2_by, q_by = (np.concatenate(column) for column in zip(*parts, strict=True))
        return Scores(t2[:, 0], q[:, 0], t2_by, q_by)

    def _run(self, windows: NDArray[np.float64]) -> list[NDArray[np.float64]]:
        found = self._session.run(list(OUTPUTS), {"windows": windows.astype(np.float32)})
        return [one.astype(np.float64) for one in found]

    def raw(self, windows: NDArray[np.float32]) -> Any:
        """As the runtime answers, nothing converted: for measuring it."""
        return self._session.run(list(OUTPUTS), {"windows": windows})


class OnnxForest:
    """A `twin.anomaly.Second` of the file that `forest_of` made. Any thread may use it."""

    def __init__(self, file: bytes) -> None:
        self._session = _session(file)

    def strange(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """See `Second`: 0…1, about a half where nothing is strange."""
        parts = []
        for at in range(0, max(1, len(features)), BATCH):
            rows = features[at : at + BATCH].astype(np.float32)
            (found,) = self._session.run([OUTPUT], {"features": rows})
            parts.append(found.astype(np.float64).reshape(-1))
        return np.concatenate(parts)
