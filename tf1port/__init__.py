"""TF1 recurrent checkpoints and graphs as Keras 3 models, proved equal.

    import tf1port

    print(tf1port.inspect("model.ckpt-100"))
    tf1port.convert("model.ckpt-100", "model.keras")
    assert tf1port.verify("model.ckpt-100", "model.keras").passed

The names in `__all__` are public. TensorFlow is imported when one of these is used, not before.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "1.1.0"

if TYPE_CHECKING:
    from tf1port.api import (
        compare,
        controls,
        convert,
        draft_map,
        explain,
        inspect,
        load_port,
        load_weights,
        prove,
        reverse,
        scan,
        verify,
    )
    from tf1port.comparison.port.port import Port
    from tf1port.comparison.sides.protocol import NotApplicable, NotOffered, Side, State
    from tf1port.comparison.sides.traits import Traits
    from tf1port.errors import UserError
    from tf1port.numerics.outcome import Outcome
    from tf1port.results import (
        Comparison,
        Controls,
        Converted,
        Explanation,
        Inspection,
        LoadedWeights,
        MapDraft,
        Reversed,
        Scan,
        Verification,
    )

__all__ = [
    "inspect", "convert", "reverse", "verify",
    "draft_map", "load_weights", "compare", "prove", "controls", "load_port", "scan",
    "explain",
    "Inspection", "Converted", "Reversed", "Verification", "Comparison", "Controls", "Scan",
    "MapDraft", "LoadedWeights", "Explanation",
    "Port", "Side", "State", "Traits", "NotOffered", "NotApplicable",
    "Outcome", "UserError",
]  # fmt: skip

_API = (
    "inspect", "convert", "reverse", "verify", "compare", "prove", "controls", "load_port", "scan",
    "draft_map", "load_weights", "explain",
)  # fmt: skip
_RESULTS = (
    "Inspection", "Converted", "Reversed", "Verification", "Comparison", "Controls", "Scan",
    "MapDraft", "LoadedWeights", "Explanation",
)  # fmt: skip
_SIDES = ("Side", "State", "NotOffered", "NotApplicable")
_HOMES = {
    **dict.fromkeys(_API, "tf1port.api"),
    **dict.fromkeys(_RESULTS, "tf1port.results"),
    **dict.fromkeys(_SIDES, "tf1port.comparison.sides.protocol"),
    "Port": "tf1port.comparison.port.port",
    "Traits": "tf1port.comparison.sides.traits",
    "Outcome": "tf1port.numerics.outcome",
    "UserError": "tf1port.errors",
}


def __getattr__(name: str) -> Any:
    """A public name, imported at its first use (PEP 562)."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
