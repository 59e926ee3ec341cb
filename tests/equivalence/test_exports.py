"""Check 8: SavedModels of both sides compute as their models, and one that does not is noticed."""

import pytest

from equivalence.legacy_side import LegacySide
from equivalence.modern_side import ModernSide
from equivalence.proof import initial_weights
from shared.config import DenseConfig
from tf1port.comparison.ladder import ladder

SMALL = DenseConfig(units=5, batch_size=8)


class Shifted(ModernSide):
    """A port that exports other weights than it has."""

    def export(self, folder):
        bias = self.model.get_layer("logits").bias
        right = bias.numpy()
        bias.assign_add([0.001] * 10)
        super().export(folder)
        bias.assign(right)


class Beside(LegacySide):
    """A side that answers otherwise than what it exports."""

    def forward(self, images):
        outputs = super().forward(images)
        return {**outputs, "logits": outputs["logits"] + 0.001}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("legacy", "modern", "passes"),
    [
        (LegacySide, ModernSide, True),
        (LegacySide, Shifted, False),
        (Beside, ModernSide, False),
    ],
)
def test_exports_compute_as_their_models(config, batches, tmp_path, legacy, modern, passes):
    weights = initial_weights(config)
    sides = [side(config, weights) for side in (legacy, modern)]
    *_, last = ladder.run(*sides, batches[:3], dtype="float32", exports=tmp_path)
    assert last.quantity == "exported logits"
    assert last.passed is passes
