"""Training on more than one machine: MultiWorkerMirroredStrategy, and a loop of one's own.

Every worker has all variables and trains on its shard of each batch; an all-reduce sums the
gradients (D21). `fit` does this for the devices of one machine; for several, Keras 3's fails (D23).
"""

import keras
import tensorflow as tf

from modern_tf2 import input_pipeline, training
from shared import cluster as clusters
from shared import runs, step_log
from shared.config import train_split
from shared.errors import UserError
from shared.interrupt import Interrupt

# What the others get when a process of the cluster is gone.
_LOST = (tf.errors.UnavailableError, tf.errors.AbortedError, tf.errors.InternalError)


def train(run, dataset, *, cluster, initial_weights=None):
    """Trains as one worker of a cluster, each on its shard of every batch.

    Args:
        run: shared.runs.Run, new or resumed; that of the chief is kept.
        dataset: shared.datasets.Dataset, the same for all workers.
        cluster: shared.cluster.Cluster, whose `config()` is in TF_CONFIG.
        initial_weights: named weights to start from; None: drawn from the config's seed.

    Returns:
        The content of result.json; `finished` is False after Ctrl-C or SIGTERM.

    Raises:
        UserError: as training.train; a worker is gone, or the workers do not agree.
    """
    clusters.check_shards(run.config, cluster.workers)
    strategy = tf.distribute.MultiWorkerMirroredStrategy()  # before TensorFlow runs anything
    if strategy.num_replicas_in_sync != cluster.workers:
        raise UserError("a worker has several GPUs: set CUDA_VISIBLE_DEVICES to one for each")
    keras.utils.set_random_seed(run.config.seed)
    log = step_log.StepLog(run.config, run.write_line)
    with run, Interrupt() as interrupt:
        try:
            worker = _Worker(run, log, strategy=strategy, cluster=cluster)
            worker.start(initial_weights)
            worker.check_agreement(dataset)
            while not log.finished and not worker.stopped:
                if log.test_due:
                    worker.test(dataset.test)
                else:
                    worker.train_on(train_split(run.config, dataset), interrupt)
                worker.save()
        except _LOST:
            raise UserError(
                "a worker is gone after step %d: start all of them again with --resume" % log.step
            ) from None
        run.signal = interrupt.signal
    return run.result() if cluster.is_chief else log.summary()


def train_mirrored(run, dataset, *, workers=None, initial_weights=None):
    """Trains on the devices of one machine through compile and fit.

    Args:
        workers: how many of the CPU's logical devices; None: all GPUs.
    """
    strategy = _mirrored(workers)
    clusters.check_shards(run.config, strategy.num_replicas_in_sync)
    with strategy.scope():
        return training.train(run, dataset, initial_weights=initial_weights)


def _mirrored(workers):
    if workers is None:
        if not tf.config.list_logical_devices("GPU"):
            raise UserError("--strategy mirrored finds no GPU: give --workers N for parts of a CPU")
        return tf.distribute.MirroredStrategy()
    cpu, *_ = tf.config.list_physical_devices("CPU")
    parts = [tf.config.LogicalDeviceConfiguration()] * workers
    try:
        tf.config.set_logical_device_configuration(cpu, parts)
    except RuntimeError:  # TensorFlow has run something
        if len(tf.config.list_logical_devices("CPU")) != workers:
            raise
    return tf.distribute.MirroredStrategy([f"CPU:{number}" for number in range(workers)])


class _Worker(training.Trainer):
    """One worker's training.

    It has the model twice: as training.Trainer has it, which is tested and saved, and under the
    strategy, which is trained.

    Attributes:
        stopped: whether a signal came to any of the workers.
    """

    def __init__(self, run, log, *, strategy, cluster):
        super().__init__(run, log)
        self.strategy, self.shard, self.is_chief = strategy, cluster.shard, cluster.is_chief
        self.stopped = False
        with strategy.scope():
            self.replica = training.MODELS[self.config.model].build_model(self.config)
            self.replica.optimizer.build(self.replica.trainable_variables)

    def start(self, initial_weights):
        """Initializes the variables, or continues from those of the run."""
        super().start(initial_weights)
        _copy(self.model, self.replica)

    def check_agreement(self, dataset):
        """Raises UserError unless all workers have the same config, data and variables."""
        variables = (*self.model.weights, *self.model.optimizer.variables)
        digest = clusters.digest(
            self.config,
            train_split(self.config, dataset),
            [variable.numpy() for variable in variables],
        )
        value = tf.constant([list(bytes.fromhex(digest))])  # [1, 32] int32
        gathered = tf.function(self.strategy.gather)(value, axis=0).numpy()  # [workers, 32]
        if (gathered != gathered[0]).any():
            raise UserError(
                "the workers differ in flags, data or checkpoint: give all of them the same"
            )

    def train_on(self, split, interrupt):
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
            stop = tf.constant(float(interrupt.requested))
            loss, accuracy, stops = self._train_step(images, labels, stop).numpy()
            log.add([loss], [accuracy])
            self._write_summary(loss, accuracy)
            self.stopped = stops > 0
            if self.stopped or self.run.pace.is_due:
                break
        log.stop()
        _copy(self.replica, self.model)

    def save(self):
        """Writes the checkpoint and the records, if this is the chief."""
        if self.is_chief:
            super().save()

    @tf.function
    def _train_step(self, images, labels, stop):
        """One step of all workers: loss, accuracy and how many of them want to stop, [3]."""
        results = self.strategy.run(self._replica_step, args=(images, labels, stop))
        return self.strategy.reduce("sum", results, axis=None)

    def _replica_step(self, images, labels, stop):
        """This worker's part of a step on its shard: its share of the sums, [3]."""
        model, share = self.replica, 1 / self.shard[1]
        # The shard's share of the loss: a Keras loss divides by the number of replicas itself
        with tf.GradientTape() as tape:
            logits = model(images, training=True)
            loss = model.loss(labels, logits)
        # The update: `apply` sums the gradients of all workers
        variables = model.trainable_variables
        model.optimizer.apply(tape.gradient(loss, variables), variables)
        right = tf.equal(tf.argmax(logits, axis=-1), labels)
        return tf.stack([loss, tf.reduce_mean(tf.cast(right, tf.float32)) * share, stop])

    def _write_summary(self, loss, accuracy):
        if self.log.step % self.config.summary_every == 0:
            with self.writers["train"].as_default(self.log.step):
                tf.summary.scalar(runs.LOSS, loss)
                tf.summary.scalar(runs.TRAIN_ACCURACY, accuracy)


def _copy(source, target):
    """Copies weights and optimizer state, in their order, from a model to another of its kind."""
    pairs = ((model.weights, model.optimizer.variables) for model in (source, target))
    for sources, targets in zip(*pairs, strict=True):
        for one, other in zip(sources, targets, strict=True):
            other.assign(one.numpy())
