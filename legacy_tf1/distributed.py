"""Training on more than one machine: a parameter server, SyncReplicasOptimizer and its hook.

The parameter server has the variables. Every worker reads them, trains on its shard of each batch
and sends its gradients in turn with the others; the chief applies their mean (D21).
"""

import time
from contextlib import contextmanager, suppress

import numpy as np
import tensorflow.compat.v1 as tf

from legacy_tf1 import parameter_server, synchronized, training
from shared import cluster as clusters
from shared import reachable, runs, step_log
from shared.config import train_split
from shared.errors import UserError
from shared.interrupt import Interrupt

# What the others get when a process of the cluster is gone.
_LOST = (
    tf.errors.UnavailableError,
    tf.errors.AbortedError,
    tf.errors.CancelledError,
    tf.errors.DeadlineExceededError,
    tf.errors.FailedPreconditionError,  # another parameter server, without values, in its place
    tf.errors.NotFoundError,
    ConnectionError,
)
_STEP_SECONDS = 600  # s; the others' tests and checkpoints are waited for within a step
_CLOSING_SECONDS = 3  # s; 1.15.5 waits for ever for a session's end on a server that is gone
_ABANDONED = []  # sessions of a cluster that has lost a process


def train(run, dataset, *, cluster, initial_weights=None):
    """Trains as one worker of a cluster, each on its shard of every batch.

    Args:
        run: shared.runs.Run, new or resumed; that of the chief is kept.
        dataset: shared.datasets.Dataset, the same for all workers.
        cluster: shared.cluster.Cluster, with one parameter server.
        initial_weights: named weights to start from; None: drawn from the config's seed.

    Returns:
        The content of result.json; `finished` is False after Ctrl-C or SIGTERM.

    Raises:
        UserError: as training.train; a worker is gone, or the workers do not agree.
    """
    clusters.check_shards(run.config, cluster.workers)
    log = step_log.StepLog(run.config, run.write_line)
    digest = clusters.digest(run.config, train_split(run.config, dataset))
    server = _server(cluster)
    with run, tf.Graph().as_default(), Interrupt() as interrupt:
        with tf.device(_devices(cluster)):
            worker = _Worker(run, log, cluster=cluster, digest=digest)
        try:
            worker.wait_for_chief(server.target)
            with _closing(worker.session(server.target, initial_weights)) as monitored:
                # Without MonitoredSession's recovery: it would start from other values than ours.
                session = monitored.run_step_fn(lambda step_context: step_context.session)
                # 1.15.5 takes a server that was killed for one that has yet to start.
                server_address = cluster.jobs[clusters.SERVER][0]
                session.run = reachable.while_there(session.run, server_address)
                worker.work(session, dataset, interrupt)
        except _LOST:
            if not worker.has_ended:  # else it is of the chief's thread, which waits for gradients
                raise UserError(
                    "a worker is gone after step %d: start all of them again with --resume"
                    % log.step
                ) from None
        run.signal = interrupt.signal
    return run.result() if cluster.is_chief else log.summary()


def serve(cluster):
    """Holds the variables until all workers are done, or one of them aborts the training."""
    server = _server(cluster)
    with tf.Graph().as_default():
        ended = parameter_server.ended().dequeue()
        with tf.Session(server.target, config=_session_config(cluster)) as session:
            for _ in range(cluster.workers):
                if session.run(ended) == parameter_server.ABORT:
                    break
            time.sleep(_CLOSING_SECONDS)


class _Worker(training.Trainer):
    """One worker's training; its variables are those of the parameter server.

    Attributes:
        requested: whether a signal came to any of the workers.
        has_ended: whether all is done.
        rejoins: whether it was killed in this training and started again.
        sent_step: the last step whose gradients it had sent by then.
    """

    def __init__(self, run, log, *, cluster, digest):
        self.cluster, self.shard = cluster, cluster.shard
        self.interrupt, self.requested, self.has_ended = None, False, False
        self.rejoins, self.sent_step = False, 0
        # What the workers share besides the model's variables; in no checkpoint
        self.digest = digest
        self.facts = parameter_server.Facts(cluster.workers, digest)
        turns = parameter_server.Turns(cluster.workers)
        self.step = tf.placeholder_with_default(np.int64(0), [], name="step")  # a test has none
        model = self._model(run.config)
        # The update: the chief applies the mean of all workers' gradients
        self.optimizer = tf.train.SyncReplicasOptimizer(
            model.optimizer, cluster.workers, total_num_replicas=cluster.workers
        )
        gradients = self.optimizer.compute_gradients(model.loss, tf.trainable_variables())
        noted = self.facts.begin(self.step, self.shard[0], [model.loss, model.accuracy])
        with tf.control_dependencies([noted, *self._averages()]):
            turn = turns.wait(self.shard[0])
        with tf.control_dependencies([turn]):
            gradients = [(tf.identity(gradient), variable) for gradient, variable in gradients]
        self.train_op = self.optimizer.apply_gradients(gradients, tf.train.get_global_step())
        with tf.control_dependencies(_sending(tf.get_default_graph())):
            passed_on = turns.end(self.shard[0])
        with tf.control_dependencies([passed_on]):
            self.sent = self.facts.end(self.step, self.shard[0])
        with tf.device(tf.train.get_global_step().device):
            token = self.optimizer._sync_token_queue.dequeue()
        self.next_token = tf.assign(self.optimizer._local_step, token)
        self.first_turn = turns.begin()
        self.results = tf.reduce_mean(self.facts.results[self.step % 2], axis=0)  # [2]
        self.asked = tf.placeholder(tf.int64, [], name="asked")
        self.ask = tf.assign(self.facts.last_step, self.asked).op
        self.go_to = tf.assign(self.optimizer._local_step, self.asked).op
        super().__init__(run, model, log)

    def wait_for_chief(self, target):
        """Returns when the variables are there; ends a training that began without this process.

        Raises:
            UserError: this process was killed while it sent what is of a step, which would be there
                twice; or the chief has other flags or data, or was there before.
        """
        facts, number = self.facts, self.shard[0]
        with _closing(tf.Session(target, config=_session_config(self.cluster))) as session:
            if self.cluster.is_chief:
                if facts.are_initialized(session):
                    self._abort(session, "a chief started while its former training was at work")
                return
            while not facts.are_initialized(session) or facts.is_closed(session, number):
                time.sleep(0.1)
            self.rejoins = facts.has_started(session, number)
            if self.rejoins:
                begun, self.sent_step = facts.sent(session, number)
                if begun > max(self.sent_step, session.run(self.global_step)):
                    self._abort(session, "worker %d was killed in the middle of a step" % number)
            if session.run(facts.digest).decode() != self.digest:
                self._abort(session, "worker %d has other flags or data than the chief" % number)
            session.run(facts.starting[number])

    def session(self, target, initial_weights):
        """The MonitoredTrainingSession, in which the chief has set all variables."""
        chief = self.cluster.is_chief
        return tf.train.MonitoredTrainingSession(
            target,
            is_chief=chief,
            scaffold=tf.train.Scaffold(
                init_op=self.facts.initializer,  # the model's runs once: it draws anew each time
                init_fn=lambda scaffold, session: self._start(session, initial_weights),
                saver=self.saver,
            ),
            # No token at the start: a worker would run ahead of the update with the first ones.
            hooks=[self.optimizer.make_session_run_hook(chief, num_tokens=0)],
            config=_session_config(self.cluster),
            stop_grace_period_secs=1,  # the chief's thread waits for gradients that never come
            log_step_count_steps=None,
        )

    def work(self, session, dataset, interrupt):
        """Trains and tests to the end, or to the step at which a signal came to any worker."""
        self.interrupt, log = interrupt, self.log
        with self._aborting(session):
            if self.cluster.is_chief:
                session.run([self.facts.opening, self.first_turn])
            else:
                self._join(session, int(session.run(self.global_step)))
            while not log.finished and not self.requested:
                if log.test_due:
                    self.test(session, dataset.test)
                else:
                    self.train_on(session, train_split(self.config, dataset), self)
                self.save(session)
            session.run(self.facts.ending[parameter_server.DONE])
        self.has_ended = True
        session.close()  # before the coordinator's end: the chief's thread reports to it

    def save(self, session):
        """Writes the checkpoint and the records, if this is the chief."""
        if self.cluster.is_chief:
            super().save(session)

    def _model(self, config):
        """The model of this worker's shard, whose normalization sees those of all."""
        number = self.shard[0]
        exchange = synchronized.Exchange(
            self.shard,
            device=parameter_server.DEVICE,
            begin=lambda: self.facts.sending(self.step, number),
        )
        with synchronized.over_workers(exchange):
            return training.MODELS[config.model].build_model(config)

    def _averages(self):
        """The ops that update moving averages: once for all workers, before any of them tests."""
        return tf.get_collection(tf.GraphKeys.UPDATE_OPS) if self.cluster.is_chief else []

    def _train_step(self, session, feed):
        step = self.log.step + 1
        feed = {**feed, self.step: step}
        if self.interrupt.requested:
            session.run(self.ask, {self.asked: step})
        limit = tf.RunOptions(timeout_in_ms=1000 * _STEP_SECONDS)
        reached = step - 1
        if step > self.sent_step:
            reached, _ = session.run([self.train_op, self.sent], feed, options=limit)
        while reached < step:  # the token is of a step after which a worker was killed
            reached = session.run(self.next_token, options=limit)
        (loss, accuracy), last = session.run([self.results, self.facts.last_step], feed)
        self.log.add([loss], [accuracy])
        self.requested = step >= last
        if step % self.config.summary_every == 0:
            values = {runs.LOSS: loss, runs.TRAIN_ACCURACY: accuracy}
            self._write_summary("train", values)

    def _join(self, session, step):
        """Another worker's start, at the step of the chief's checkpoint or of the others."""
        if self.rejoins:
            session.run(self.go_to, {self.asked: step})
            self.log.skip_to(step)
        elif self.run.resumed:
            self.log.restore(self.run, step)
        if self.log.step != step:
            raise UserError(
                "the chief goes on from step %d, worker %d begins: pass --resume to both or neither"
                % (step, self.shard[0])
            )

    def _start(self, session, initial_weights):
        """The chief's start, while the others wait for it."""
        with self._aborting(session):
            if initial_weights is None and not self.run.resumed:
                initial_weights = _drawn(self.config)
            self.start(session, initial_weights)

    def _abort(self, session, reason):
        session.run(self.facts.ending[parameter_server.ABORT])
        raise UserError("%s: start all processes of the cluster again, with --resume" % reason)

    @contextmanager
    def _aborting(self, session):
        """While entered, what a user has to know ends the parameter server, so all others too."""
        try:
            yield
        except UserError:
            session.run(self.facts.ending[parameter_server.ABORT])
            session.close()  # as in `work`
            raise


def _drawn(config):
    """The named weights that one process draws.

    From a graph of its own: TF1 seeds an op by the number of those before it, and here are others.
    """
    side = training.MODELS[config.model]
    with tf.Graph().as_default():
        tf.set_random_seed(config.seed)
        variables = side.build_model(config).variables
        with tf.Session(config=training.session_config()) as session:
            session.run(tf.global_variables_initializer())
            values = session.run({variable.op.name: variable for variable in variables})
    return side.from_variables(values, config)


@contextmanager
def _closing(session):
    """Closes a session in the end, unless a process is gone, whose answer it would wait for."""
    try:
        yield session
    except _LOST:
        _ABANDONED.append(session)  # a session without references closes itself
        raise
    except UserError:
        with suppress(*_LOST):
            session.close()
        raise
    session.close()


def _sending(graph):
    """The ops of a graph that send gradients to the parameter server."""
    return [op for op in graph.get_operations() if op.type.endswith("AccumulatorApplyGradient")]


def _server(cluster):
    """TensorFlow's server of this process, which the others reach at its address."""
    spec = tf.train.ClusterSpec(cluster.jobs)
    return tf.train.Server(spec, cluster.job, cluster.task, config=training.session_config())


def _devices(cluster):
    """Variables on the parameter server, all else on this worker."""
    return tf.train.replica_device_setter(
        cluster=tf.train.ClusterSpec(cluster.jobs),
        worker_device="/job:%s/task:%d" % (cluster.job, cluster.task),
    )


def _session_config(cluster):
    """A session that waits for the parameter server alone, not for other workers."""
    config = training.session_config()
    own = "/job:%s/task:%d" % (cluster.job, cluster.task)
    config.device_filters.extend(["/job:%s" % clusters.SERVER, own])
    return config
