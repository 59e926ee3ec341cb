"""Comparisons of made-up numbers that summary.report puts together, as it does real ones."""

import numpy as np

from tf1port.comparison.ladder import checks
from tf1port.comparison.report import summary
from tf1port.numerics.comparison import Check

CHECKS = list(checks.NAMES)
LAYERS = ["rnn_0", "rnn_1", "rnn_2"]
STEPS = 19
PARAMETERS = [f"cell_{n}/{part}" for n in range(3) for part in ("kernel", "bias")]
PARAMETERS += ["dense/kernel", "dense/bias"]
DTYPES = ("float32", "float64")

# quantity, dtype, max-abs, place, bound
_FOUND = [
    ("weights", "float32", 0.0, "cell_0/kernel[0, 0]", 0.0),
    ("weights", "float64", 0.0, "cell_0/kernel[0, 0]", 0.0),
    ("outputs", "float32", 6.13e-7, "rnn_2[40, 18, 7]", 1e-5),
    ("outputs", "float64", 1.33e-15, "rnn_2[3, 17, 22]", 1e-12),
    ("logits", "float32", 6.57e-7, "logits[72, 9]", 1e-5),
    ("logits", "float64", 1.14e-15, "logits[124, 4]", 1e-12),
    ("loss", "float32", 2.38e-7, "loss", 1e-6),
    ("loss", "float64", 4.44e-16, "loss[]", 1e-12),
    ("accuracy", "float32", 0.0, "accuracy[]", 0.0),
    ("gradients", "float32", 5.21e-8, "cell_0/bias[1]", 1e-6),
    ("gradients", "float64", 5.55e-17, "cell_0/bias[30]", 1e-14),
    ("slots", "float32", 5.59e-9, "cell_0/bias/m[1]", 1e-7),
    ("stepped weights", "float32", 9.31e-7, "cell_1/kernel[4, 2]", 5e-5),
    ("stepped weights", "float64", 8.01e-13, "cell_1/kernel[4, 2]", 1e-9),
    ("losses of 50 steps", "float32", 4.77e-7, "step[44]", 1e-5),
    ("losses of 200 steps", "float32", 1.19e-6, "step[194]", 5e-4),
    ("losses of 200 steps", "float64", 7.02e-7, "step[194]", 2e-6),
    ("losses of 200 steps, TF1's powers", "float64", 1.31e-15, "step[194]", 1e-9),
    ("resumed losses", "float32", 3.58e-7, "step[12]", 1e-5),
    ("exported logits", "float32", 5.96e-8, "logits[3, 1]", 1e-6),
    ("test accuracy", "float32", 0.00622, "difference +0.0029, interval -0.0004 to +0.0062", 0.01),
]
# The outputs and all that follows from them in the comparison that fails.
_FAILED = ("outputs", "loss", "gradients")


def passing():
    """A full comparison in which everything holds."""
    return _report(_entries(), bands=_bands(), controls=_controls(), trained=True)


def failing():
    """A comparison that breaks on the outputs, with what would explain it."""
    entries = [_compared(*_failed(*row)) for row in _FOUND]
    ladders = _ladders()
    for run in ladders.values():
        run["heat"]["max_abs"][2][4:] = [0.1 + 0.04 * step for step in range(STEPS - 4)]
    for row in ladders["float64"]["gradients"][4:]:
        row["max_abs"] = 0.0137
    ladders["float32"]["breaks"] = {
        "number": 2,
        "check": "outputs",
        "dtype": "float32",
        "quantity": "outputs",
        "place": "rnn_2[0, 4, 29]",
        "layer": "rnn_2",
        "step": 4,
        "gradient": None,
        "diagnosis": [
            _cause("gates reordered i, c, f, o", "P6", 1.11e-15, explains=True),
            _cause("forget bias left out", "P3", 0.213, explains=False),
        ],
    }
    return _report(entries, ladders=ladders, bands=_bands(), controls=_controls(), trained=True)


def quick():
    """A quick comparison: no trainings to the end, no bands, no controls, no exports."""
    return _report(_quick_entries(), mode="quick", ladders=_ladders(equal_losses=True, heat=False))


def unproved():
    """A comparison in which a check that the claim needs raised something."""
    entries = [entry for entry in _quick_entries() if entry["number"] < 9]
    entries.append(checks.left_out(9, "raised KeyError: 'bands'", needed=True))
    return _report(entries, mode="quick", ladders=_ladders(equal_losses=True, heat=False))


def _report(entries, *, mode="full", ladders=None, bands=None, controls=None, trained=False):
    ladders = ladders or _ladders()
    model, command = "window-rnn", "python -m equivalence window-rnn --seed 0"
    if mode == "quick":
        model, command = "dense", "python -m equivalence dense --quick"
    begin = {
        **summary.facts(
            model,
            "mnist",
            mode=mode,
            command=command,
            seed=0,
            config={"model": model, "batch_size": 128, "learning_rate": 0.001, "steps": None},
        ),
        "versions": {"python": "3.12.3", "tensorflow": "2.21.0", "keras": "3.15.1"},
        "machine": {"system": "Linux", "processor": "x86_64", "cores": 2},
    }
    random = np.random.default_rng(0)
    runs = {side: Run(random) for side in ("legacy", "modern")} if trained else None
    return summary.report(
        begin,
        entries,
        ladders=ladders,
        trained=runs,
        bands=bands,
        controls=controls,
        timings=_timings(ladders, trained),
    )


class Run:
    """A training of 8592 steps, as far as a report asks for it (shared.runs.Run)."""

    def __init__(self, random):
        steps = np.arange(1, 8593)
        self.loss = 0.2 + 2.1 * np.exp(-steps / 1500) + random.normal(0, 0.02, len(steps))
        self.accuracy = 0.94 - 0.82 * np.exp(-steps / 1300) + random.normal(0, 0.01, len(steps))
        self.test = [
            {"step": step, "loss": loss, "accuracy": accuracy, "min_accuracy": accuracy - 0.07}
            for step, loss, accuracy in ((4296, 0.298, 0.914), (8592, 0.188, 0.9455))
        ]

    def steps(self):
        return self.loss, self.accuracy

    def result(self):
        return {"test": self.test}


def _entries():
    return [_compared(*row) for row in _FOUND]


def _quick_entries():
    found = [entry for entry in _entries() if entry["number"] < 9]
    return [*found, checks.left_out(9, "no accuracies are compared", needed=False)]


def _compared(quantity, dtype, max_abs, place, bound):
    reason = "sums of another order: rounding of 60 to 62 values"
    return checks.compared(Check(quantity, dtype, max_abs, place, bound, reason))


def _failed(quantity, dtype, max_abs, place, bound):
    if quantity == "exported logits":
        max_abs = float("inf")
    if quantity in _FAILED:
        max_abs, place = 0.731, "rnn_2[0, 4, 29]"
    return quantity, dtype, max_abs, place, bound


_SIZES = {"float32": 5e-8, "float64": 1e-16}
_BOUNDS = {5e-8: 1e-6, 1e-16: 1e-14}


def _ladders(*, equal_losses=False, heat=True):
    """By dtype what a run of the ladder finds besides its entries, which do not stand here."""
    random = np.random.default_rng(1)
    return {
        dtype: {
            "checks": [],
            "heat": _heat(random, size) if heat else {"layers": [], "max_abs": []},
            "gradients": _gradients(random, size),
            "losses": _losses(random, 0.0 if equal_losses else size, exact=dtype == "float64"),
            "breaks": None,
            "seconds": {name: 0.75 * number for number, name in enumerate(CHECKS, 1)},
        }
        for dtype, size in _SIZES.items()
    }


def _losses(random, size, *, exact):
    legacy = np.linspace(2.3, 0.9, 200)
    gap = size * np.geomspace(1, 1e4, 200) * random.uniform(0.05, 1, 200)
    found = {"legacy": legacy, "modern": legacy + gap, **({"exact": legacy} if exact else {})}
    return {name: series.tolist() for name, series in found.items()}


def _heat(random, size):
    values = size * random.uniform(0.5, 2, (len(LAYERS), STEPS)) * np.linspace(1, 9, STEPS)
    values[0, 0] = 0.0
    return {"layers": list(LAYERS), "max_abs": values.tolist()}


def _gradients(random, size):
    return [
        {"name": name, "max_abs": float(size * random.uniform(0.1, 1)), "bound": _BOUNDS[size]}
        for name in PARAMETERS
    ]


def _bands():
    random = np.random.default_rng(2)
    legacy, modern = (random.normal(0.943, 0.004, 10).round(4).tolist() for _ in range(2))
    return {
        "seeds": list(range(10)),
        "tests": 7,
        "quantity": "test accuracy",
        "legacy": legacy,
        "modern": modern,
        "margin": 0.01,
        "alpha": 0.05,
        "difference": float(np.mean(modern) - np.mean(legacy)),
        "interval": [-0.00042, 0.00622],
        "p": 0.00012,
        "equivalent": True,
        "band": [0.93, 0.96],
    }


def _cause(words, pitfall, max_abs, *, explains):
    return {"cause": words, "pitfalls": [pitfall], "max_abs": max_abs, "explains": explains}


def _controls():
    caught = [
        ("P6", "gates swapped", "the kernel's gates in Keras order i, f, c, o", 2),
        ("P3", "forget bias left out", "TF1 adds 1 at run time, the checkpoint has not", 2),
        ("P54", "epsilon 1e-7", "Keras' default instead of TF1's 1e-8", 5),
        ("P63", "counter + 1", "the slots' step count begins one late", 7),
        ("P60", "UPDATE_OPS left out", "moving means never move", 8),
    ]
    return [
        {
            "id": pitfall,
            "name": name,
            "description": what,
            "check": CHECKS[number - 1],
            "results": {
                check: "passes" if at < number else "fails" if at == number else "not reached"
                for at, check in enumerate(CHECKS, 1)
            },
            "caught": True,
            "diagnosis": name if number == 2 else None,
            "pitfalls": [pitfall] if number == 2 else [],
        }
        for pitfall, name, what, number in caught
    ]


def _timings(ladders, trained):
    sides = {"legacy": (0.00676, 812_000_000), "modern": (0.00227, 933_000_000)} if trained else {}
    return {
        "seconds_per_step": {side: seconds for side, (seconds, _) in sides.items()},
        "peak_memory_bytes": {side: size for side, (_, size) in sides.items()},
        "checks": summary.seconds_of_checks(ladders),
        "total": 412.7,
    }
