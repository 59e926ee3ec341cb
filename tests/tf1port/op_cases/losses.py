"""Cross-entropies per example, and their gradients."""

import numpy as np
from tensorflow import raw_ops as raw

from tests.tf1port.op_cases.harness import Case
from tests.tf1port.op_cases.values import integers, normal, positive

LABELS = positive(3, 4) / positive(3, 4).sum(axis=1, keepdims=True)

CASES = [
    *(Case(f"SparseSoftmaxCrossEntropyWithLogits-{dtype}",
           lambda given, dtype=dtype: raw.SparseSoftmaxCrossEntropyWithLogits(
               features=given(normal(3, 4) * 5), labels=given(integers(0, 4, 3, dtype=dtype))),
           rounds=True) for dtype in ("int32", "int64")),
    Case("SoftmaxCrossEntropyWithLogits", lambda given: raw.SoftmaxCrossEntropyWithLogits(
        features=given(normal(3, 4) * 5), labels=given(LABELS)), rounds=True),
    Case("SoftmaxCrossEntropyWithLogits-one-hot",
         lambda given: raw.SoftmaxCrossEntropyWithLogits(
             features=given(normal(4, 4) * 20), labels=given(np.eye(4)[[1, 0, 3, 3]])),
         rounds=True),
]  # fmt: skip
