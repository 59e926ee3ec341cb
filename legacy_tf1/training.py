"""Training and testing: a Session, feed_dict per step, Saver and FileWriter."""

import os

import numpy as np
import tensorflow.compat.v1 as tf

from legacy_tf1 import feedforward, input_pipeline, nested_rnn, row_lstm, window_rnn
from shared import runs, step_log, versions, weights
from shared.config import train_split
from shared.errors import UserError
from shared.interrupt import Interrupt

tf.get_logger().setLevel("ERROR")
# TF1's graphs have loops and conditions as plain ops; TensorFlow 2 would put them into functions,
# which readers of TF1 graphs do not expect.
tf.disable_control_flow_v2()

MODELS = {
    "window-rnn": window_rnn,
    "row-lstm": row_lstm,
    "nested-rnn": nested_rnn,
    "dense": feedforward,
    "conv": feedforward,
}


def train(run, dataset, *, initial_weights=None, final_tests=1):
    """Trains and tests a model, from test to test, and keeps its checkpoints in the run's folder.

    Builds the graph, finalizes it, and runs it in one Session.

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
    with run, log.showing(run.quiet), Interrupt() as interrupt, tf.Graph().as_default() as graph:
        tf.set_random_seed(config.seed)
        model = MODELS[config.model].build_model(config)
        trainer = Trainer(run, model, log)
        graph.finalize()
        with tf.Session(config=session_config()) as session:
            trainer.start(session, initial_weights)
            while not log.finished and not interrupt.requested:
                if log.test_due:
                    trainer.test(session, dataset.test)
                else:
                    trainer.train_on(session, train_split(config, dataset), interrupt)
                trainer.save(session)
            run.signal = interrupt.signal
    return run.result()


def evaluate(run, dataset):
    """Test loss and accuracy of a run's last checkpoint, as shared.step_log.statistics has them."""
    with tf.Graph().as_default():
        model = MODELS[run.config.model].build_model(run.config)
        saver = tf.train.Saver()
        with tf.Session(config=session_config()) as session:
            restore(session, saver, run)
            losses, accuracies = _test(session, model, run.config, split=dataset.test)
    return step_log.statistics(losses, accuracies)


def session_config():
    """A session that allocates GPU memory as needed, not all at once."""
    return tf.ConfigProto(gpu_options=tf.GPUOptions(allow_growth=True))


def restore(session, saver, run):
    """Loads the last whole checkpoint of a run. Raises UserError where there is none that fits."""
    checkpoint = run.checkpoint() or _unrecorded(run)
    try:
        saver.restore(session, checkpoint)
    except (tf.errors.InvalidArgumentError, tf.errors.NotFoundError, ValueError):
        raise UserError("%s is broken or of another config: train again" % checkpoint) from None
    except (tf.errors.DataLossError, tf.errors.OutOfRangeError):
        raise UserError("%s is broken: train again" % checkpoint) from None


def assign(session, variables, values):
    """Sets variables, in the order given, to the arrays of their names."""
    for variable in variables:
        variable.load(values[variable.op.name], session)


class Trainer:
    """One training: its tensors, Saver, FileWriters and log.

    shard: the part of each batch that it trains on, its number and of how many.
    """

    shard = (0, 1)

    def __init__(self, run, model, log):
        self.run, self.model, self.log, self.config = run, model, log, run.config
        self.initializer = tf.global_variables_initializer()
        self.variables = model.variables
        self.global_step = tf.train.get_global_step()
        tf.summary.scalar(runs.LOSS, model.loss)
        tf.summary.scalar(runs.TRAIN_ACCURACY, model.accuracy)
        self.summary = tf.summary.merge_all()
        # The records decide which are removed; relative paths survive a move of the folder.
        self.saver = tf.train.Saver(max_to_keep=None, save_relative_paths=True)
        graph = tf.get_default_graph()
        self.writers = {
            split: tf.summary.FileWriter(run.events(split), graph) for split in ("train", "test")
        }

    def start(self, session, initial_weights):
        """Initializes the variables, or restores those of the resumed run."""
        if self.run.resumed:
            restore(session, self.saver, self.run)
            self.log.restore(self.run, int(session.run(self.global_step)))
            return
        session.run(self.initializer)
        if initial_weights is not None:
            values = MODELS[self.config.model].to_variables(initial_weights, self.config)
            assign(session, self.variables, values)
        self._save_initial_weights(session)
        self.save(session)

    def train_on(self, session, split, interrupt):
        """Trains until a test or checkpoint is due, or to the step at which a signal came."""
        log = self.log
        count = self.run.pace.next_step(log.step, end=log.next_test) - log.step
        batches = input_pipeline.train_batches(
            split,
            self.config,
            epoch=log.epoch,
            skip=log.step_in_epoch,
            count=count,
            shard=self.shard,
        )
        log.start()
        for images, labels in batches:
            self._train_step(session, self.model.feed(images, labels, training=True))
            if interrupt.requested or self.run.pace.is_due:
                break
        log.stop()

    def test(self, session, split):
        """Tests the model in its present state and writes the summary."""
        losses, accuracies = _test(session, self.model, self.config, split=split)
        test = self.log.add_test(losses, accuracies)
        values = {runs.LOSS: test["loss"], runs.TEST_ACCURACY: test["accuracy"]}
        self._write_summary("test", values)

    def save(self, session):
        """Writes the checkpoint with slots and the .meta graph, then the records, which name it."""
        name = "model.ckpt-%d" % self.log.step
        if not self.run.has_checkpoint(name):  # a test changes no weight
            self.saver.save(session, self.run.file("model.ckpt"), global_step=self.log.step)
        for writer in self.writers.values():
            writer.flush()
        self.run.save_records(
            self.log,
            name,
            parameters=sum(variable.shape.num_elements() for variable in self.variables),
            versions=versions.installed("tensorflow"),
            peak_memory_bytes=versions.peak_memory_bytes(),
        )

    def _train_step(self, session, feed):
        model, step = self.model, self.log.step + 1
        fetches = [model.loss, model.accuracy, model.train_op]
        if step % self.config.summary_every == 0:
            loss, accuracy, _, summary = session.run([*fetches, self.summary], feed)
            self.writers["train"].add_summary(summary, step)
        else:
            loss, accuracy, _ = session.run(fetches, feed)
        self.log.add([loss], [accuracy])

    def _write_summary(self, split, values):
        summary = tf.Summary(
            value=[tf.Summary.Value(tag=tag, simple_value=value) for tag, value in values.items()]
        )
        self.writers[split].add_summary(summary, self.log.step)

    def _save_initial_weights(self, session):
        values = dict(zip([v.op.name for v in self.variables], session.run(self.variables)))
        named = MODELS[self.config.model].from_variables(values, self.config)
        weights.save(self.run.file(runs.INITIAL_WEIGHTS), named)


def _unrecorded(run):
    """The last checkpoint in a folder whose records name none."""
    state = tf.train.get_checkpoint_state(run.path)
    if state is None:
        raise UserError("%s has no checkpoint: train a run first" % run.path)
    # The state file may have the folder's path before it was moved or copied.
    return run.file(os.path.basename(state.model_checkpoint_path))


def _test(session, model, config, *, split):
    """Losses [n] and accuracies [n] of the test batches."""
    results = [
        session.run([model.loss, model.accuracy], model.feed(images, labels))
        for images, labels in input_pipeline.test_batches(split, config)
    ]
    return tuple(np.array(results, np.float32).T)
