"""Rows of a table are trained by ops of their own: of the same optimizer, or of another."""

from functools import partial

import numpy as np
import pytest

from tests.tf1port.programs.program import converted, map_of, running, verified
from tests.tf1port.programs.sequences import V
from tf1port.keras_model import optimizer_search

# isort: split
import tensorflow.compat.v1 as tf1

pytestmark = pytest.mark.slow
T, F, U = 5, 3, 4


def table(*, use_resource=False, masked=False):
    """A table, rows of which a cell reads: some batches look one up twice, others not at all.

    masked: rows of the batch whose last word is 0 do not count, as padding does not.
    """
    words = tf1.placeholder(tf1.int32, [None, T], name="words")
    values = tf1.get_variable("table", [V, F], use_resource=use_resource)
    rows = tf1.nn.embedding_lookup(values, words)
    _, state = tf1.nn.dynamic_rnn(tf1.nn.rnn_cell.GRUCell(U), rows, dtype=tf1.float32)
    logits = tf1.layers.dense(state, 2, name="logits")
    feed = {words: np.array([[1, 2, 1, 1, 3], [4, 4, 2, 0, 0], [V - 1, 1, 2, 2, 3]])}
    squares = tf1.square(logits - 1)
    if masked:
        squares *= tf1.cast(tf1.not_equal(words[:, -1:], 0), tf1.float32)
    return feed, tf1.reduce_mean(squares, name="loss")


class ByPart:
    """One optimizer for the table, another one for all else."""

    def __init__(self, rest, of_table):
        self._rest, self._of_table = rest, of_table

    def minimize(self, loss, global_step):
        variables = tf1.trainable_variables()
        tables = [each for each in variables if each.op.name == "table"]
        others = [each for each in variables if each.op.name != "table"]
        of_table = self._of_table().minimize(loss, var_list=tables)
        return tf1.group(of_table, self._rest().minimize(loss, global_step, var_list=others))


class Changed(tf1.train.AdamOptimizer):
    """The gradients of rows alone are changed before they are applied."""

    def __init__(self, change, rate=0.01):
        super().__init__(rate)
        self._change = change

    def apply_gradients(self, gradients, **options):
        return super().apply_gradients(
            [
                (self._changed(g) if isinstance(g, tf1.IndexedSlices) else g, v)
                for g, v in gradients
            ],
            **options,
        )

    def _changed(self, gradient):
        values = self._change(gradient.values)
        return tf1.IndexedSlices(values, gradient.indices, gradient.dense_shape)


class Lazy(tf1.train.AdamOptimizer):
    """Adam that leaves the moments of other rows than the batch's, as LazyAdam of contrib."""

    def _apply_sparse_shared(self, grad, var, indices, scatter_add):
        def moved(slot, decay, value):
            rows = decay * tf1.gather(slot, indices) + (1 - decay) * value
            return scatter_add(slot, indices, rows - tf1.gather(slot, indices)), rows

        of_m, m = moved(self.get_slot(var, "m"), self._beta1_t, grad)
        of_v, v = moved(self.get_slot(var, "v"), self._beta2_t, grad * grad)
        first, second = self._get_beta_accumulators()
        rate = self._lr_t * tf1.sqrt(1 - second) / (1 - first)
        step = scatter_add(var, indices, -rate * m / (tf1.sqrt(v) + self._epsilon_t))
        return tf1.group(step, of_m, of_v)


class LazyByMask(tf1.train.AdamOptimizer):
    """The same by ops on the whole table, of which a mask leaves other rows as they are."""

    def _apply_sparse_shared(self, grad, var, indices, scatter_add):
        shape = tf1.shape(var)
        mask = tf1.minimum(tf1.scatter_nd(indices[:, None], tf1.ones_like(grad), shape), 1)
        whole = tf1.scatter_nd(indices[:, None], grad, shape)
        m, v = self.get_slot(var, "m"), self.get_slot(var, "v")
        m = tf1.assign_add(m, mask * (whole - m) * (1 - self._beta1_t))
        v = tf1.assign_add(v, mask * (whole * whole - v) * (1 - self._beta2_t))
        first, second = self._get_beta_accumulators()
        rate = self._lr_t * tf1.sqrt(1 - second) / (1 - first)
        return tf1.assign_sub(var, mask * (rate * m / (tf1.sqrt(v) + self._epsilon_t)))


class AfterTheSum(tf1.train.AdamOptimizer):
    """The gradients of rows are scaled once they are summed by row."""

    def _apply_sparse_shared(self, grad, var, indices, scatter_add):
        return super()._apply_sparse_shared(grad * 0.1, var, indices, scatter_add)


class OwnConstant(tf1.train.GradientDescentOptimizer):
    """TensorFlow 1.15 has the rate of a resource's rows as a constant of their own."""

    def _resource_apply_sparse_duplicate_indices(self, grad, handle, indices):
        return tf1.raw_ops.ResourceScatterAdd(
            resource=handle.handle, indices=indices, updates=-grad * self._learning_rate
        )


class ClippedTogether(tf1.train.AdagradOptimizer):
    """All gradients are clipped by their global norm."""

    def apply_gradients(self, gradients, **options):
        values, variables = zip(*gradients, strict=True)
        clipped, _ = tf1.clip_by_global_norm(values, 0.05)
        return super().apply_gradients(zip(clipped, variables, strict=True), **options)


class ClippedByValue(tf1.train.AdamOptimizer):
    """All gradients are clipped by value, rows before they are summed."""

    def apply_gradients(self, gradients, **options):
        clipped = [(tf1.clip_by_value(each, -0.01, 0.01), v) for each, v in gradients]
        return super().apply_gradients(clipped, **options)


BY_OP = ["--outputs", "logits/BiasAdd"]


def compared(optimizer, folder, capsys, flags=(), build=table):
    """The exit code and report of verify with steps, and what convert wrote and said."""
    with running(build, folder, steps=4, optimizer=optimizer()) as run:
        target = converted(run.prefix, *flags)
        said = " ".join(capsys.readouterr().out.split())
        code, report = verified(run.prefix, target, capsys, "--steps", "10", *flags)
    return code, report, map_of(target), said


def momentum(factor=0.9):
    return tf1.train.MomentumOptimizer(0.1, factor)


def adam(rate=0.01):
    return tf1.train.AdamOptimizer(rate)


def plain(rate):
    return tf1.train.GradientDescentOptimizer(rate)


def adagrad(rate=0.1):
    return tf1.train.AdagradOptimizer(rate)


SAME = {
    "Adam": adam,
    "SGD": partial(plain, 0.1),
    "SGD, rows at a constant of their own": partial(OwnConstant, 0.1),
    "Adagrad": adagrad,
    "Adagrad, clipped by the norm of all": partial(ClippedTogether, 0.1),
}


@pytest.mark.sampled(3)
@pytest.mark.parametrize("use_resource", [False, True], ids=["reference", "resource"])
@pytest.mark.parametrize("name", SAME)
def test_the_optimizer_of_rows_is_proved(name, use_resource, tmp_path, capsys):
    build = partial(table, use_resource=use_resource)
    code, report, contents, _ = compared(SAME[name], tmp_path, capsys, build=build)
    assert code == 0, report["verdict"]
    assert contents["complete"]


OTHERS = {
    "Adam at another rate": partial(ByPart, adam, partial(adam, 0.05)),
    "SGD at another rate": partial(ByPart, partial(plain, 0.01), partial(plain, 0.3)),
    "Adagrad at another rate": partial(ByPart, adagrad, partial(adagrad, 0.3)),
    "SGD beside Adam": partial(ByPart, adam, partial(plain, 0.3)),
    "Adam beside SGD": partial(ByPart, partial(plain, 0.3), adam),
    "another SGD at the same rate": partial(ByPart, partial(plain, 0.1), partial(plain, 0.1)),
    "another momentum": partial(ByPart, momentum, partial(momentum, 0.5)),
    "Adam of single rows": Lazy,
    "Adam of single rows, by a mask": LazyByMask,
    "Adam of scaled sums": AfterTheSum,
}


@pytest.mark.sampled(3)
@pytest.mark.parametrize("use_resource", [False, True], ids=["reference", "resource"])
@pytest.mark.parametrize("name", OTHERS)
def test_another_optimizer_of_rows_is_left_out(name, use_resource, tmp_path, capsys):
    build = partial(table, use_resource=use_resource)
    code, report, contents, said = compared(OTHERS[name], tmp_path, capsys, build=build)
    assert code == 3, report["verdict"]
    assert not contents["complete"]
    assert "trains rows of table, and is no" in said


OF_ROWS = {
    "Momentum": momentum,
    "RMSProp": partial(tf1.train.RMSPropOptimizer, 0.01),
    "RMSProp with a momentum": partial(tf1.train.RMSPropOptimizer, 0.01, momentum=0.5),
    "centered RMSProp": partial(tf1.train.RMSPropOptimizer, 0.01, centered=True),
    "Adadelta": partial(tf1.train.AdadeltaOptimizer, 1.0),
    "Ftrl": partial(tf1.train.FtrlOptimizer, 0.1),
}


@pytest.mark.sampled(3)
@pytest.mark.parametrize("name", OF_ROWS)
def test_what_trains_the_rows_of_a_batch_alone_is_converted_and_not_proved(name, tmp_path, capsys):
    code, report, contents, said = compared(OF_ROWS[name], tmp_path, capsys)
    assert code == 3, report["verdict"]
    assert contents["complete"], contents["left_out"]
    assert "TF1 trains the rows of a batch alone" in said
    assert "embedding is trained by the rows of a batch in TF1" in report["verdict"]


CHANGES = {
    "scaled": lambda values: values * 0.1,
    "clipped": lambda values: tf1.clip_by_value(values, -0.001, 0.001),
}


@pytest.mark.parametrize("name", CHANGES)
def test_changed_gradients_of_rows_are_not_proved(name, tmp_path, capsys):
    optimizer = partial(Changed, CHANGES[name])
    code, report, _, _ = compared(optimizer, tmp_path, capsys)
    assert code == 3, report["verdict"]
    assert "clipping or what else changes the gradients" in report["verdict"]


def test_rows_that_are_clipped_before_they_are_summed_are_not_proved(tmp_path, capsys):
    code, report, contents, _ = compared(ClippedByValue, tmp_path, capsys)
    assert code == 3, report["verdict"]
    assert contents["complete"]
    assert "clipped before they are summed" in report["verdict"]


@pytest.mark.sampled(3)
@pytest.mark.parametrize("masked", [False, True], ids=["", "masked"])
@pytest.mark.parametrize("flags", [[], BY_OP], ids=["stack", "by op"])
def test_steps_look_up_rows_of_the_whole_table(masked, flags, monkeypatch, tmp_path, capsys):
    """Of a few rows, all of which are in each batch, Adam trains single rows as it trains all."""
    monkeypatch.setattr(optimizer_search, "other_rows", lambda *arguments: None)
    code, report, _, _ = compared(Lazy, tmp_path, capsys, flags, partial(table, masked=masked))
    assert code == 1
    assert "losses of resumed steps differ" in report["verdict"]
