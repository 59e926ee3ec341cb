"""Comparisons made up to the form of report.json: equal, different, quick, not proved."""

import numpy as np

RUNGS = [
    "variables", "outputs", "loss", "gradients", "one step",
    "losses of N steps", "resume", "exports", "bands",
]  # fmt: skip
LAYERS = ["rnn_0", "rnn_1", "rnn_2"]
STEPS = 19
PARAMETERS = [f"cell_{n}/{part}" for n in range(3) for part in ("kernel", "bias")]
PARAMETERS += ["dense/kernel", "dense/bias"]

# number, quantity, dtype, max-abs, place, bound
_FOUND = [
    (1, "weights", "float32", 0.0, "cell_0/kernel[0, 0]", 0.0),
    (1, "weights", "float64", 0.0, "cell_0/kernel[0, 0]", 0.0),
    (2, "outputs", "float32", 6.13e-7, "rnn_2[40, 18, 7]", 1e-5),
    (2, "outputs", "float64", 1.33e-15, "rnn_2[3, 17, 22]", 1e-12),
    (2, "logits", "float32", 6.57e-7, "logits[72, 9]", 1e-5),
    (2, "logits", "float64", 1.14e-15, "logits[124, 4]", 1e-12),
    (3, "loss", "float32", 2.38e-7, "loss", 1e-6),
    (3, "loss", "float64", 4.44e-16, "loss[]", 1e-12),
    (3, "accuracy", "float32", 0.0, "accuracy[]", 0.0),
    (4, "gradients", "float32", 5.21e-8, "cell_0/bias[1]", 1e-6),
    (4, "gradients", "float64", 5.55e-17, "cell_0/bias[30]", 1e-14),
    (5, "slots", "float32", 5.59e-9, "cell_0/bias/m[1]", 1e-7),
    (5, "stepped weights", "float32", 9.31e-7, "cell_1/kernel[4, 2]", 5e-5),
    (5, "stepped weights", "float64", 8.01e-13, "cell_1/kernel[4, 2]", 1e-9),
    (6, "losses of 50 steps", "float32", 4.77e-7, "step[44]", 1e-5),
    (6, "losses of 200 steps", "float32", 1.19e-6, "step[194]", 5e-4),
    (6, "losses of 200 steps", "float64", 7.02e-7, "step[194]", 2e-6),
    (6, "losses of 200 steps, TF1's powers", "float64", 1.31e-15, "step[194]", 1e-9),
    (7, "resumed losses", "float32", 3.58e-7, "step[12]", 1e-5),
    (8, "exported predictions", "float32", 5.96e-8, "probabilities[3, 1]", 1e-6),
    (9, "final accuracy", "float32", 0.00582, "mean over 10 seeds", 0.01),
]


def passing():
    """A full comparison in which everything holds."""
    random = np.random.default_rng(0)
    return {
        "model": "window-rnn",
        "dataset": "mnist",
        "mode": "full",
        "command": "python -m equivalence window-rnn --seed 0",
        "seed": 0,
        "config": {"model": "window-rnn", "batch_size": 128, "learning_rate": 0.001, "steps": None},
        "versions": {"python": "3.12.3", "tensorflow": "2.21.0", "keras": "3.15.1"},
        "machine": {"system": "Linux", "processor": "x86_64", "cores": 2},
        "passed": True,
        "outcome": "equal",
        "verdict": "PASS: equal on 21 of 21 checks",
        "checks": {"equal": 21, "different": 0, "not compared": 0},
        "breaks": None,
        "rungs": [_rung(*row) for row in _FOUND],
        "curves": {side: _curve(random) for side in ("legacy", "modern")},
        "loss_gap": {
            "float32": _gap(random, 1200, 1e-7, 2.5e-4),
            "float64": _gap(random, 200, 1e-16, 7.02e-7),
            "float64, TF1's powers": _gap(random, 200, 1e-16, 1.31e-15),
        },
        "heat": {dtype: _heat(random, size) for dtype, size in _SIZES.items()},
        "gradients": {dtype: _gradients(random, size) for dtype, size in _SIZES.items()},
        "losses": _losses(),
        "bands": _bands(random),
        "controls": _controls(),
        "timings": _timings(),
    }


def failing():
    """A comparison that breaks on the outputs, with what would explain it."""
    case = passing()
    verdict = (
        "FAIL: outputs differ at rnn_2[0, 4, 29] (float64): 0.73 > 1e-12; "
        "probable cause: gates reordered i, c, f, o"
    )
    case.update(passed=False, outcome="different", verdict=verdict)
    case["breaks"] = {
        "number": 2,
        "rung": "outputs",
        "dtype": "float64",
        "quantity": "outputs",
        "place": "rnn_2[0, 4, 29]",
        "layer": "rnn_2",
        "step": 4,
        "gradient": "cell_2/kernel",
        "diagnosis": [
            {"cause": "gates reordered i, c, f, o", "max_abs": 1.11e-15, "explains": True},
            {"cause": "forget bias left out", "max_abs": 0.213, "explains": False},
        ],
    }
    for rung in case["rungs"]:
        if rung["quantity"] in ("outputs", "loss", "gradients"):
            rung.update(max_abs=0.731, place="rnn_2[0, 4, 29]", passed=False)
            rung["margin"] = rung["bound"] / rung["max_abs"]
        elif rung["quantity"] == "exported predictions":
            rung.update(max_abs=float("inf"), margin=0.0, passed=False)
    for heat in case["heat"].values():
        heat["max_abs"][2][4:] = [0.1 + 0.04 * step for step in range(STEPS - 4)]
    for row in case["gradients"]["float64"][4:]:
        row["max_abs"] = 0.0137
    return case


def quick():
    """A quick comparison, of fewer steps, without bands, controls and the rungs that are slow."""
    case = passing()
    case.update(model="dense", mode="quick", command="python -m equivalence dense --quick")
    case.update(bands=None, controls=None)
    case["loss_gap"] = {"float32": [0.0] * 50, "float64": [0.0] * 50}
    case["heat"] = {}
    case["rungs"] = [rung for rung in case["rungs"] if rung["number"] < 7] + [
        _left_out(7, "left out by --quick"),
        _left_out(8, "left out by --quick"),
        _left_out(9, "left out by --quick"),
    ]
    case["timings"]["seconds_per_step"]["modern"] = None
    return case


def unproved():
    """A comparison in which a check that the claim needs raised something."""
    case = quick()
    case["rungs"][-1] = _left_out(9, "raised KeyError: 'bands'", needed=True)
    verdict = "NOT PROVED: equal on 18 of 19 checks; not compared: bands: raised KeyError: 'bands'"
    return {**case, "passed": False, "outcome": "not proved", "verdict": verdict}


def _left_out(number, why, *, needed=False):
    rung = {"number": number, "rung": RUNGS[number - 1], "applies": False}
    return {**rung, "needed": needed, "why": why}


_SIZES = {"float32": 5e-8, "float64": 1e-16}
_BOUNDS = {5e-8: 1e-6, 1e-16: 1e-14}


def _rung(number, quantity, dtype, max_abs, place, bound):
    return {
        "number": number,
        "rung": RUNGS[number - 1],
        "quantity": quantity,
        "dtype": dtype,
        "applies": True,
        "max_abs": max_abs,
        "place": place,
        "bound": bound,
        "passed": True,
        "margin": bound / max_abs if max_abs else None,
        "reason": "sums of another order: rounding of 60 to 62 values",
    }


def _curve(random):
    steps = np.arange(22, 8592, 22)
    loss = 0.2 + 2.1 * np.exp(-steps / 1500) + random.normal(0, 0.02, len(steps))
    accuracy = 0.94 - 0.82 * np.exp(-steps / 1300) + random.normal(0, 0.008, len(steps))
    test = [
        {"step": 4296, "loss": 0.298 + random.normal(0, 0.01), "accuracy": 0.914},
        {"step": 8592, "loss": 0.188 + random.normal(0, 0.01), "accuracy": 0.9455},
    ]
    return {
        "step": steps.tolist(),
        "loss": loss.tolist(),
        "accuracy": accuracy.tolist(),
        "test": test,
    }


def _gap(random, steps, first, last):
    growth = np.geomspace(first, last, steps)
    return np.where(
        np.arange(steps) % 17 == 3, 0.0, growth * random.uniform(0.05, 1, steps)
    ).tolist()


def _heat(random, size):
    values = size * random.uniform(0.5, 2, (len(LAYERS), STEPS)) * np.linspace(1, 9, STEPS)
    values[0, 0] = 0.0
    return {"layers": list(LAYERS), "max_abs": values.tolist()}


def _gradients(random, size):
    return [
        {"name": name, "max_abs": float(size * random.uniform(0.1, 1)), "bound": _BOUNDS[size]}
        for name in PARAMETERS
    ]


def _losses():
    return [
        {"steps": 1, "legacy": 2.3312, "modern": 2.3312, "max_abs": 0.0, "mean_abs": 0.0},
        {"steps": 50, "legacy": 1.9127, "modern": 1.9127, "max_abs": 4.77e-7, "mean_abs": 9.1e-8},
        {"steps": 8592, "legacy": 0.1511, "modern": 0.1689, "max_abs": 0.207, "mean_abs": 0.0312},
    ]


def _bands(random):
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


def _controls():
    caught = [
        ("gates swapped", "the kernel's gates in Keras order i, f, c, o", 2),
        ("forget bias forgotten", "TF1 adds 1 at run time, the checkpoint has not", 2),
        ("epsilon 1e-7", "Keras' default instead of TF1's 1e-8", 5),
        ("counter + 1", "the slots' step count begins one late", 7),
        ("UPDATE_OPS left out", "moving means never move", 8),
    ]
    return [
        {
            "name": name,
            "what": what,
            "rung": RUNGS[number - 1],
            "found": {
                rung: "passes" if at < number else "fails" if at == number else "not reached"
                for at, rung in enumerate(RUNGS, 1)
            },
            "caught": True,
            "diagnosis": name if number == 2 else None,
        }
        for name, what, number in caught
    ]


def _timings():
    return {
        "seconds_per_step": {"legacy": 0.00676, "modern": 0.00227},
        "peak_memory_bytes": {"legacy": 812_000_000, "modern": 933_000_000},
        "rungs": {rung: 1.5 * number for number, rung in enumerate(RUNGS, 1)},
        "total": 412.7,
    }
