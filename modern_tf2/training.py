"""Training and testing: compile, fit and evaluate, callbacks, `.keras` files."""

import zipfile

import keras
import tensorflow as tf

from modern_tf2 import feedforward, input_pipeline, nested_rnn, row_lstm, window_rnn
from shared import runs, step_log, versions, weights
from shared.config import train_split
from shared.errors import UserError
from shared.files import link, replacing
from shared.interrupt import Interrupt

MODELS = {
    "window-rnn": window_rnn,
    "row-lstm": row_lstm,
    "nested-rnn": nested_rnn,
    "dense": feedforward,
    "conv": feedforward,
}

# Steps between two returns to Python; a divisor of `log_every`, so that log lines are timed (D6).
STEPS_PER_EXECUTION = 100

# Examples at once in a test. The time of a small batch is that of its ops, not of its numbers; on a
# CPU, those of a larger one leave the cache (D6).
TEST_EXAMPLES = 1024


def train(run, dataset, *, initial_weights=None, final_tests=1):
    """Trains and tests a model, from test to test, and keeps its checkpoints in the run's folder.

    Calls fit for the steps up to each test and evaluate after them.

    Args:
        run: shared.runs.Run, new or resumed.
        dataset: shared.datasets.Dataset.
        initial_weights: named weights to start from; None: drawn from the config's seed.
        final_tests: tests towards the end, see shared.step_log.StepLog.

    Returns:
        The content of result.json; `finished` is False after Ctrl-C or SIGTERM.

    Raises:
        UserError: a loss is not finite, the run cannot be written, or the checkpoint does not fit
            the config.
    """
    config, log = run.config, step_log.StepLog(run.config, run.write_line, final_tests)
    keras.utils.set_random_seed(config.seed)
    with run, log.showing(run.quiet), Interrupt() as interrupt:
        trainer = Trainer(run, log)
        trainer.start(initial_weights)
        while not log.finished and not interrupt.requested:
            if log.test_due:
                trainer.test(dataset.test)
            else:
                trainer.train_on(train_split(config, dataset), interrupt)
            trainer.save()
        run.signal = interrupt.signal
    return run.result()


def evaluate(run, dataset):
    """Test loss and accuracy of a run's last checkpoint, as shared.step_log.statistics has them."""
    losses, accuracies = Tester(restore(run), run.config).test(dataset.test)
    return step_log.statistics(losses, accuracies)


def recorded(model, *, capacity, batch_size=None):
    """A model over the same layers and optimizer that keeps the numbers of up to `capacity` steps.

    The model itself is compiled with Keras' own classes, so that its `.keras` file loads anywhere.

    Args:
        batch_size: see StepRecorder.

    Returns:
        The compiled model and its StepRecorder.
    """
    recorder = StepRecorder(capacity, batch_size)
    # Else the first step would build the slots, and Keras would trace it a second time.
    model.optimizer.build(model.trainable_variables)
    twin = keras.Model(model.input, model.output, name=model.name)
    twin.compile(
        optimizer=model.optimizer,
        loss=model.loss,
        metrics=[recorder],
        steps_per_execution=1 if _replicas() > 1 else STEPS_PER_EXECUTION,  # D23
    )
    return twin, recorder


def restore(run):
    """Loads the last whole checkpoint of a run. Raises UserError where there is none that fits."""
    feedforward.check_layout(run.config)
    path = run.checkpoint() or _unrecorded(run)
    try:
        model = keras.models.load_model(path)
        values = {variable.path: variable for variable in model.weights}
        named = MODELS[run.config.model].from_variables(values, run.config)
        shapes = {name: tuple(variable.shape) for name, variable in named.items()}
    except (ValueError, OSError, KeyError, TypeError, zipfile.BadZipFile):
        raise UserError(f"{path} is broken or of another config: train again") from None
    inputs = {tensor.name: tensor.shape[1:] for tensor in model.inputs}
    if shapes != run.config.weight_shapes() or inputs != run.config.input_shapes:
        raise UserError(f"{path} is of another config: train again")
    _synchronize(model)
    return model


def assign(variables, values):
    """Sets variables, in the order given, to the arrays of their names."""
    for variable in variables:
        variable.assign(values[variable.path])


class StepRecorder(keras.metrics.Metric):
    """Loss and accuracy of every batch since the last reset.

    Keras returns to Python every STEPS_PER_EXECUTION steps and with running means only: the results
    of single steps, above all the smallest batch accuracy, are recorded inside the graph (D6).

    batch_size: examples of a step, of which an update has one or several; None: it has one.
    """

    def __init__(self, capacity, batch_size=None, name="accuracy"):
        super().__init__(name=name)
        self.batch_size = batch_size
        same = {"initializer": "zeros", "aggregation": "only_first_replica"}  # in all replicas
        self.count = self.add_variable((), dtype="int32", name="count", **same)
        self.losses = self.add_variable((capacity,), name="losses", **same)
        self.accuracies = self.add_variable((capacity,), name="accuracies", **same)

    def update_state(self, y_true, y_pred, sample_weight=None):
        """Records one or several batches: labels [N] or [N, 1] and logits [N, C]."""
        labels = keras.ops.reshape(y_true, (-1,))
        losses = keras.losses.sparse_categorical_crossentropy(labels, y_pred, from_logits=True)
        predicted = keras.ops.argmax(y_pred, axis=-1)
        wrong = predicted - keras.ops.cast(labels, predicted.dtype)
        size = self.batch_size or keras.ops.shape(y_pred)[0]
        losses, wrong = (keras.ops.reshape(value, (-1, size)) for value in (losses, wrong))
        wrong = keras.ops.cast(keras.ops.count_nonzero(wrong, axis=1), "float32")  # [steps]
        size = keras.ops.cast(size, "float32")
        results = _of_whole_batch(keras.ops.mean(losses, axis=1), 1 - wrong / size, size=size)
        for values, value in zip((self.losses, self.accuracies), results, strict=True):
            self._note(values, value)
        self.count.assign_add(keras.ops.shape(wrong)[0])

    def result(self):
        """Mean accuracy of the batches."""
        count = keras.ops.cast(keras.ops.maximum(self.count, 1), self.accuracies.dtype)
        return keras.ops.sum(self.accuracies) / count

    def since(self, step):
        """Losses [n] and accuracies [n] of the batches after the first `step`."""
        end = int(self.count.numpy())
        return self.losses.numpy()[step:end], self.accuracies.numpy()[step:end]

    def _note(self, values, results):
        indices = self.count + keras.ops.arange(keras.ops.shape(results)[0], dtype="int32")
        results = keras.ops.cast(results, values.dtype)
        values.assign(keras.ops.scatter_update(values, indices[:, None], results))


class _Recording(keras.callbacks.Callback):
    """Copies the recorder's numbers to the log and to TensorBoard.

    Stops the fit at a signal, and where a checkpoint is due.
    """

    def __init__(self, trainer, interrupt):
        super().__init__()
        self.recorder, self.log, self.pace = trainer.recorder, trainer.log, trainer.run.pace
        self.writer, self.interrupt = trainer.writers["train"], interrupt
        self.seen = 0

    def on_train_batch_end(self, batch, logs=None):
        losses, accuracies = self.recorder.since(self.seen)
        self.seen += len(losses)
        first = self.log.step + 1
        self.log.add(losses, accuracies)
        every = self.log.config.summary_every
        with self.writer.as_default():
            for index in range(-first % every, len(losses), every):
                tf.summary.scalar(runs.LOSS, losses[index], step=first + index)
                tf.summary.scalar(runs.TRAIN_ACCURACY, accuracies[index], step=first + index)
        if self.interrupt.requested or self.pace.is_due:
            self.model.stop_training = True


class _Graph(keras.callbacks.TensorBoard):
    """Keras' TensorBoard callback for the graph alone: the scalars have tags of both sides' own."""

    def on_epoch_end(self, epoch, logs=None):
        super().on_epoch_end(epoch, logs=None)


class Tester:
    """Tests a model, as it is at that moment: many batches at once.

    Under a strategy of several replicas it is one, of which each has its part.
    """

    def __init__(self, model, config):
        self.config = config
        size = config.test_batch_size if _replicas() == 1 else None
        self.joined = max(1, TEST_EXAMPLES // size) if size else 1
        self.model, self.recorder = recorded(model, capacity=config.test_steps, batch_size=size)

    def test(self, split):
        """Losses [n] and accuracies [n] of the test batches."""
        pairs = input_pipeline.joined_test_batches(split, self.config, count=self.joined)
        self.model.evaluate(pairs, verbose=0)
        return self.recorder.since(0)


class Trainer:
    """One training: its model, recorder, summary writers and log."""

    def __init__(self, run, log):
        self.run, self.log, self.config = run, log, run.config
        if run.resumed:
            self.model = restore(run)
        else:
            self.model = MODELS[self.config.model].build_model(self.config)
        self.recorded, self.recorder = recorded(self.model, capacity=self.config.steps_per_epoch)
        self.tester = Tester(self.model, self.config)
        self.writers = {
            split: tf.summary.create_file_writer(run.events(split)) for split in ("train", "test")
        }

    def start(self, initial_weights):
        """Initializes the variables, or continues from those of the run."""
        variables = self.model.weights
        if self.run.resumed:
            self.log.restore(self.run, int(self.model.optimizer.iterations))
            return
        if initial_weights is not None:
            assign(variables, self._side.to_variables(initial_weights, self.config))
        self._save_initial_weights(variables)
        self.save()

    def train_on(self, split, interrupt):
        """Trains until a test or checkpoint is due, or to the execution at which a signal came."""
        log = self.log
        batches = input_pipeline.train_batches(
            split,
            self.config,
            epoch=log.epoch,
            skip=log.step_in_epoch,
            count=self.run.pace.next_step(log.step, end=log.next_test) - log.step,
        )
        callbacks = [_Recording(self, interrupt)]
        if log.step == 0:  # once a run, not once a fit
            callbacks.append(_Graph(self.run.file("events")))
        log.start()
        self.recorded.fit(
            batches,
            initial_epoch=log.epoch,
            epochs=log.epoch + 1,
            callbacks=callbacks,
            shuffle=False,  # the plan is the order
            verbose=0,  # the log has a bar for the whole training
        )
        log.stop()

    def test(self, split):
        """Tests the model in its present state and writes the summary."""
        test = self.log.add_test(*self.tester.test(split))
        with self.writers["test"].as_default(self.log.step):
            tf.summary.scalar(runs.LOSS, test["loss"])
            tf.summary.scalar(runs.TEST_ACCURACY, test["accuracy"])

    def save(self):
        """Writes the `.keras` file with the optimizer's state, then the records, which name it."""
        name = f"model-{self.log.step}.keras"
        if not self.run.has_checkpoint(name):  # a test changes no weight
            with replacing(self.run.file(name)) as beside:
                self.model.save(beside)
            link(self.run.file(name), self.run.file(runs.FINAL_MODEL))
        for writer in self.writers.values():
            writer.flush()
        self.run.save_records(
            self.log,
            name,
            parameters=self.model.count_params(),
            versions=versions.installed("tensorflow", "keras"),
            peak_memory_bytes=versions.peak_memory_bytes(),
        )

    def _save_initial_weights(self, variables):
        values = {variable.path: variable.numpy() for variable in variables}
        named = self._side.from_variables(values, self.config)
        weights.save(self.run.file(runs.INITIAL_WEIGHTS), named)

    @property
    def _side(self):
        return MODELS[self.config.model]


def _of_whole_batch(*means, size):
    """The means over all replicas' parts of a batch of those over one part, of `size` examples."""
    replica = tf.distribute.get_replica_context()
    if replica is None or replica.num_replicas_in_sync == 1:  # None: Keras builds the metric
        return means
    *sums, total = replica.all_reduce("sum", [*(mean * size for mean in means), size])
    return [value / total for value in sums]


def _synchronize(model):
    """Has batch normalization see the whole batch, whatever it was saved with (D22)."""
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.synchronized = _replicas() > 1


def _replicas():
    """How many replicas train together under the present strategy."""
    return tf.distribute.get_strategy().num_replicas_in_sync


def _unrecorded(run):
    """The last checkpoint in a folder whose records name none."""
    path = run.file(runs.FINAL_MODEL)
    if not tf.io.gfile.exists(path):
        raise UserError(f"{run.path} has no checkpoint: train a run first")
    return path
