"""The results of a comparison: each from the store, or computed and stored."""

import dataclasses
from contextlib import nullcontext

from equivalence import calibration, proof, seeds, trainings
from equivalence.controls import matrix


class Results:
    """Computes the results that the report has.

    Args:
        config: the model's config, fitted to the dataset.
        dataset: shared.datasets.Dataset.
        options: equivalence.compare.Options.
        store: equivalence.result_store.ResultStore.
    """

    def __init__(self, config, dataset, options, *, store):
        self.config, self.dataset, self.options, self.store = config, dataset, options, store

    def all(self, out):
        """All results, by the keywords of tf1port.comparison.report.summary.report.

        The independent trainings run beside the ladder, which leaves a core idle.
        """
        quick = self.options.quick
        trained = None if quick else self._trainings(out)
        with self._seeds(seeds.begun) or nullcontext():
            ladders = self._ladders(self.config)
            controls = None if quick else self._controls()
        bands = self._seeds(seeds.measure)
        return {"ladders": ladders, "trained": trained, "controls": controls, "bands": bands}

    def calibration(self):
        """The entries of ladders with other seeds."""
        configs = [
            dataclasses.replace(self.config, seed=(self.config.seed + n) % 2**32)
            for n in range(1, calibration.SEEDS + 1)
        ]
        ladders = [ladder for config in configs for ladder in self._ladders(config).values()]
        return [entry for ladder in ladders for entry in ladder["checks"]]

    def _trainings(self, out):
        weights = proof.initial_weights(self.config)
        return trainings.train_both(self.config, self.dataset, weights, out=out, store=self.store)

    def _ladders(self, config):
        """The results of equivalence.proof.prove, by dtype."""
        return {dtype: self._ladder(config, dtype) for dtype in proof.dtypes(config)}

    def _ladder(self, config, dtype):
        def make():
            # Equal weights would hide a port that exchanges them.
            weights = proof.initial_weights(config)
            weights = proof.without_constants(weights, seed=config.seed)
            return proof.prove(config, self.dataset, weights, dtype=dtype)

        return self.store.get(f"ladder-{dtype}-seed-{config.seed}", make)

    def _controls(self):
        return self.store.get("controls", lambda: matrix.of_dataset(self.config, self.dataset))

    def _seeds(self, call):
        """The result of `call` for the independent trainings; None where there are none."""
        count, jobs = self.options.seeds, self.options.jobs
        if count is None:
            enough = self.dataset.name == "mnist" and not self.options.quick
            count = seeds.SEEDS[self.config.model] if enough else 0
        if not count:
            return None
        return call(self.config, self.dataset, seeds=count, jobs=jobs, store=self.store)
