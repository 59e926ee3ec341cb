"""Programs of our own with the idioms that are to be found, as `#: ID ID` at the end of a line.

A line without such a comment has none: what is found there is a false positive.
"""

RECURRENT = {
    "basic cell": """
import tensorflow as tf
cell = tf.nn.rnn_cell.BasicLSTMCell(128)  #: S102
""",
    "contrib module": """
from tensorflow.contrib import rnn  #: S351
def cell(size):
    return rnn.LSTMCell(size, forget_bias=0.0)  #: S103
""",
    "contrib class": """
from tensorflow.contrib.rnn import GRUCell, BasicRNNCell as Plain  #: S351 S351
cells = [GRUCell(32), Plain(32)]  #: S104 S101
""",
    "compat.v1 as tf": """
import tensorflow.compat.v1 as tf  #: S353
tf.disable_v2_behavior()  #: S325
outputs, state = tf.nn.dynamic_rnn(cell, x, dtype=tf.float32)  #: S140
""",
    "from compat import v1": """
from tensorflow.compat import v1  #: S353
outputs, state = v1.nn.dynamic_rnn(cell, x, sequence_length=n, dtype=v1.float32)  #: S140 S141
""",
    "compat.v1 written out": """
import tensorflow as tf
cell = tf.compat.v1.nn.rnn_cell.GRUCell(8)  #: S104
x = tf.compat.v1.placeholder(tf.float32, [None, 3])  #: S301
tf.compat.v1.experimental.output_all_intermediates(True)  #: S354
""",
    "private module": """
from tensorflow.python.ops import rnn_cell_impl  #: S352
class Cell(rnn_cell_impl.RNNCell):  #: S111
    pass
""",
    "module of the first releases": """
from tensorflow.models.rnn import rnn, rnn_cell
cell = rnn_cell.BasicLSTMCell(200)  #: S102
outputs, states = rnn.rnn(cell, inputs, initial_state=state)  #: S146 S162
""",
    "alias of a module": """
import tensorflow as tf
rnn_cell = tf.nn.rnn_cell
def build(n):
    return rnn_cell.MultiRNNCell([rnn_cell.GRUCell(n) for _ in range(2)])  #: S112 S104
""",
    "alias of a class": """
import tensorflow as tf
make = tf.contrib.rnn.LSTMBlockCell if fused else tf.contrib.rnn.LSTMCell  #: S105 S103
kind = tf.contrib.rnn.BasicLSTMCell  #: S102
cell = kind(5, state_is_tuple=True)  #: S124
""",
    "options of an LSTM": """
import tensorflow as tf
cell = tf.nn.rnn_cell.LSTMCell(  #: S103
    64,
    use_peepholes=True,  #: S121
    cell_clip=3.0,  #: S122
    num_proj=32,  #: S123
)
""",
    "options by position": """
import tensorflow as tf
cell = tf.nn.rnn_cell.LSTMCell(64, True, 5.0, None, 16)  #: S103 S121 S122 S123
""",
    "options that are off": """
import tensorflow as tf
cell = tf.nn.rnn_cell.LSTMCell(64, use_peepholes=False, cell_clip=None)  #: S103
""",
    "one object twice": """
import tensorflow as tf
cell = tf.nn.rnn_cell.BasicLSTMCell(64)  #: S102
stack = tf.nn.rnn_cell.MultiRNNCell([cell] * 3, state_is_tuple=False)  #: S113
other = tf.nn.rnn_cell.MultiRNNCell(cells=[cell] * layers)  #: S113
""",
    "wrappers": """
import tensorflow as tf
from tensorflow.contrib import rnn  #: S351
cell = tf.nn.rnn_cell.DropoutWrapper(cell, output_keep_prob=0.5)  #: S114
cell = tf.nn.rnn_cell.DropoutWrapper(cell, 0.5, variational_recurrent=True)  #: S114 S115
cell = tf.nn.rnn_cell.ResidualWrapper(cell)  #: S116
cell = tf.nn.rnn_cell.DeviceWrapper(cell, "/gpu:0")  #: S117
cell = rnn.OutputProjectionWrapper(cell, 10)  #: S118
cell = rnn.AttentionCellWrapper(cell, 5)  #: S119
""",
    "rare cells": """
from tensorflow import contrib  #: S351
cells = [
    contrib.rnn.NASCell(8),  #: S109
    contrib.rnn.UGRNNCell(8),  #: S109
    contrib.rnn.LayerNormBasicLSTMCell(8),  #: S108
    contrib.rnn.ConvLSTMCell(2, [8, 8, 1], 4, [3, 3]),  #: S110
    contrib.rnn.GRUBlockCellV2(8),  #: S106
    contrib.grid_rnn.Grid2LSTMCell(8),  #: S109
    contrib.rnn.BidirectionalGridLSTMCell(8),  #: S109
]
""",
    "cuDNN": """
import tensorflow as tf
lstm = tf.contrib.cudnn_rnn.CudnnLSTM(2, 64)  #: S107
cell = tf.contrib.cudnn_rnn.CudnnCompatibleGRUCell(64)  #: S107
""",
    "state tuple": """
import tensorflow as tf
state = tf.nn.rnn_cell.LSTMStateTuple(c, h)  #: S120
isinstance(state, tf.contrib.rnn.LSTMStateTuple)  #: S120
""",
    "dynamic_rnn with all": """
import tensorflow as tf
outputs, final = tf.nn.dynamic_rnn(  #: S140
    cell=cell,
    inputs=x,
    sequence_length=lengths,  #: S141
    initial_state=state,  #: S142
    time_major=True,  #: S143
)
last = outputs[:, -1, :]  #: S151
""",
    "dynamic_rnn by position": """
import tensorflow as tf
outputs, final = tf.nn.dynamic_rnn(cell, x, lengths, state)  #: S140 S141 S142
every = outputs[:, 0]
""",
    "both directions": """
import tensorflow as tf
(fw, bw), states = tf.nn.bidirectional_dynamic_rnn(a, b, x, sequence_length=n)  #: S144 S145
""",
    "steps as a list": """
import tensorflow as tf
from tensorflow.contrib.rnn import static_bidirectional_rnn  #: S351
outputs, state = tf.nn.static_rnn(cell, tf.unstack(x, axis=1), dtype=tf.float32)  #: S146
outputs, _, _ = static_bidirectional_rnn(a, b, steps)  #: S146
stacked = tf.contrib.rnn.stack_bidirectional_dynamic_rnn([a], [b], x)  #: S147
""",
    "state saver": """
import tensorflow as tf
outputs, state = tf.nn.static_state_saving_rnn(cell, steps, saver, "lstm")  #: S148
outputs, state, _ = tf.nn.raw_rnn(cell, loop_fn)  #: S149
""",
    "zero state of what is not known": """
import tensorflow as tf
class Model:
    def __init__(self, batch):
        self.state = self.cell.zero_state(batch, tf.float32)  #: S150
""",
    "zero state of a known cell": """
import tensorflow as tf
cell = tf.nn.rnn_cell.GRUCell(4)  #: S104
state = cell.zero_state(8, tf.float32)  #: S150
""",
    "a method below its object": """
import tensorflow as tf
state = (
    tf.nn.rnn_cell.GRUCell(4)  #: S104
    .zero_state(8, tf.float32)  #: S150
)
""",
    "one step of a cell": """
import tensorflow as tf
cell = tf.nn.rnn_cell.GRUCell(4)  #: S104
for t in range(10):
    output, state = cell(x[:, t], state)  #: S159
    tf.get_variable_scope().reuse_variables()  #: S307 S308
""",
    "written out": """
import tensorflow as tf
x = tf.placeholder(tf.float32, [None, 5, 3])  #: S301
for t in range(5):  #: S160
    h = tf.tanh(tf.matmul(x[:, t], wx) + tf.matmul(h, wh) + b)
""",
    "a loop that carries no state is no recurrence": """
import tensorflow as tf
x = tf.placeholder(tf.float32, [None, 5, 3])  #: S301
for t in range(5):
    rows.append(tf.matmul(x[:, t], w))
    total = total + 1
""",
    "a loop over layers is no recurrence": """
import tensorflow as tf
x = tf.placeholder(tf.float32, [None, 3])  #: S301
for size in sizes:
    x = tf.layers.dense(x, size)  #: S501
""",
    "loops in the graph": """
import tensorflow as tf
x = tf.placeholder(tf.float32)  #: S301
_, state = tf.while_loop(condition, body, [0, state])  #: S153
states = tf.scan(step, x, initializer=state)  #: S153
y = tf.cond(training, lambda: x, lambda: 2 * x)  #: S154
array = tf.TensorArray(tf.float32, 10)  #: S155
back = tf.reverse_sequence(x, n, 1, 0)  #: S152
mask = tf.sequence_mask(n, 10)  #: S156
state = tf.stop_gradient(state)  #: S157
""",
    "the same loops in TF2": """
import tensorflow as tf
states = tf.scan(step, x, initializer=state)
mask = tf.sequence_mask(n, 10)
array = tf.TensorArray(tf.float32, 10)
state = tf.stop_gradient(state)
""",
    "Keras in a TF1 program": """
import tensorflow as tf
x = tf.placeholder(tf.float32, [None, 5, 3])  #: S301
y = tf.keras.layers.LSTM(8)(x)  #: S158
""",
    "fused op": """
import tensorflow.compat.v1 as tf  #: S353
parts = tf.raw_ops.BlockLSTM(seq_len_max=n, x=x)  #: S105
""",
    "unknown name of contrib.rnn": """
import tensorflow as tf
tf.contrib.rnn.best_effort_input_batch_size(x)  #: S126
tf.nn.rnn_cell.LayerRNNCellOfTomorrow(3)  #: S127
""",
    "import that may fail": """
try:
    import tensorflow.compat.v1 as tf  #: S353
except ImportError:
    import tensorflow as tf
cell = tf.nn.rnn_cell.GRUCell(3)  #: S104
""",
    "tf of a module of one's own": """
from setup import tf, run
cell = tf.nn.rnn_cell.GRUCell(3)  #: S104
""",
    "tf by a star": """
from setup import *
cell = tf.nn.rnn_cell.GRUCell(3)  #: S104
""",
    "names that hide tf": """
import tensorflow as tf
def documents(tf, idf):
    return tf.placeholder * idf
class Terms:
    def placeholder(self):
        return self.tf.placeholder
for rnn in range(3):
    rnn.GRUCell(3)
def rows():
    for tf in frequencies:
        yield tf.placeholder
def pairs():
    return [tf.log(1) for tf, _ in frequencies]
""",
    "import that leaves None": """
try:
    import tensorflow.compat.v1 as tf  #: S353
except ImportError:
    tf = None
cell = tf.nn.rnn_cell.GRUCell(3)  #: S104
""",
    "import in a function": """
def build():
    import tensorflow as tf
    return tf.nn.rnn_cell.GRUCell(3)  #: S104
def other():
    return rnn.GRUCell(3)
""",
    "function before the import": """
def build():
    return tf.nn.rnn_cell.GRUCell(3)  #: S104
import tensorflow as tf
""",
    "decorators, defaults, bases and keywords": """
import tensorflow as tf
@tf.contrib.framework.add_arg_scope  #: S513
def build(cell=tf.nn.rnn_cell.GRUCell(3), *more, kind=tf.placeholder):  #: S104 S301
    return lambda: tf.nn.rnn_cell.GRUCell(3)  #: S104
class Cell(Mixin, tf.nn.rnn_cell.RNNCell, metaclass=tf.nn.rnn_cell.Meta):  #: S111 S127
    state = tf.placeholder(tf.float32)  #: S301
""",
    "comprehensions and conditions": """
import tensorflow as tf
cells = {n: tf.nn.rnn_cell.GRUCell(n) for n in sizes if tf.placeholder}  #: S104 S301
f"{tf.nn.rnn_cell.GRUCell(3)}"  #: S104
async def later():
    async for tf in streams:
        await tf.nn.rnn_cell
""",
    "unicode before it": """
import tensorflow as tf
größe = "ä"; zelle = tf.nn.rnn_cell.GRUCell(3)  #: S104
""",
}

AROUND = {
    "attention": """
from tensorflow.contrib import seq2seq  #: S351
attention = seq2seq.BahdanauAttention(8, memory, lengths)  #: S201
cell = seq2seq.AttentionWrapper(cell, attention)  #: S202
helper = seq2seq.TrainingHelper(x, lengths)  #: S203
decoder = seq2seq.BasicDecoder(cell, helper, state)  #: S206
outputs, _, _ = seq2seq.dynamic_decode(decoder)  #: S206
loss = seq2seq.sequence_loss(logits, targets, weights)  #: S207
""",
    "sampling": """
import tensorflow as tf
helper = tf.contrib.seq2seq.GreedyEmbeddingHelper(table, start, end)  #: S204
beam = tf.contrib.seq2seq.BeamSearchDecoder(cell, table, start, end, state, 4)  #: S205
sample = tf.multinomial(logits, 1)  #: S217
""",
    "first seq2seq": """
import tensorflow as tf
outputs = tf.contrib.legacy_seq2seq.rnn_decoder(steps, state, cell)  #: S208
loss = tf.nn.seq2seq.sequence_loss_by_example([x], [y], [w])  #: S207
model = tf.nn.seq2seq.embedding_attention_seq2seq(a, b, cell, 5, 5)  #: S208
""",
    "CRF": """
from tensorflow.contrib.crf import crf_log_likelihood, viterbi_decode  #: S351 S351
likelihood, transitions = crf_log_likelihood(scores, tags, lengths)  #: S210
path, score = viterbi_decode(scores, transitions)  #: S210
""",
    "CTC": """
import tensorflow.compat.v1 as tf  #: S353
loss = tf.nn.ctc_loss(labels, logits, lengths)  #: S211
decoded, _ = tf.nn.ctc_beam_search_decoder(logits, lengths)  #: S212
distance = tf.edit_distance(decoded[0], labels)  #: S218
""",
    "sampled softmax": """
import tensorflow as tf
ids = tf.placeholder(tf.int32)  #: S301
loss = tf.nn.sampled_softmax_loss(w, b, labels, x, 64, 1000)  #: S213
rows = tf.nn.embedding_lookup(table, ids, partition_strategy="div")  #: S214 S216
mean = tf.nn.embedding_lookup_sparse(table, ids, None)  #: S215
""",
    "embedding in TF2": """
import tensorflow as tf
rows = tf.nn.embedding_lookup(table, ids)
loss = tf.nn.sampled_softmax_loss(w, b, labels, x, 64, 1000)
""",
    "losses": """
import tensorflow as tf
a = tf.losses.sparse_softmax_cross_entropy(labels, logits, weights=mask)  #: S401 S221
b = tf.losses.softmax_cross_entropy(y, logits, label_smoothing=0.1)  #: S402 S222
c = tf.losses.sigmoid_cross_entropy(y, logits)  #: S403
d = tf.losses.mean_squared_error(y, x)  #: S404
e = tf.losses.huber_loss(y, x)  #: S405
f = tf.losses.get_total_loss()  #: S406
g = tf.nn.l2_loss(w)  #: S407
h = tf.contrib.layers.l2_regularizer(0.1)  #: S408
""",
    "cross entropies": """
import tensorflow as tf
labels = tf.placeholder(tf.int64)  #: S301
a = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=x)  #: S401
b = tf.nn.softmax_cross_entropy_with_logits_v2(labels=y, logits=x)  #: S402
c = tf.nn.sigmoid_cross_entropy_with_logits(labels=y, logits=x)  #: S403
d = tf.nn.in_top_k(x, labels, 1)  #: S410
""",
    "a loss in TF2": """
import tensorflow as tf
loss = tf.nn.softmax_cross_entropy_with_logits(labels=y, logits=x)
penalty = tf.nn.l2_loss(w)
mse = tf.keras.losses.MeanSquaredError()
""",
    "metrics": """
import tensorflow as tf
value, update = tf.metrics.accuracy(labels, predictions)  #: S409
other = tf.contrib.metrics.streaming_auc(labels, predictions)  #: S409
""",
    "optimizers": """
import tensorflow as tf
a = tf.train.GradientDescentOptimizer(0.1).minimize(loss)  #: S420 S428
b = tf.train.MomentumOptimizer(0.1, 0.9)  #: S421
c = tf.train.AdamOptimizer(1e-3)  #: S422
d = tf.train.RMSPropOptimizer(1e-3)  #: S423
e = tf.train.AdagradOptimizer(0.1)  #: S424
f = tf.train.AdadeltaOptimizer()  #: S425
g = tf.train.FtrlOptimizer(0.1)  #: S426
h = tf.contrib.opt.LazyAdamOptimizer()  #: S427
""",
    "clipped gradients": """
import tensorflow as tf
optimizer = tf.train.AdamOptimizer()  #: S422
variables = tf.trainable_variables()  #: S311
gradients, _ = tf.clip_by_global_norm(tf.gradients(loss, variables), 5)  #: S431 S326
train = optimizer.apply_gradients(zip(gradients, variables))  #: S437
pairs = optimizer.compute_gradients(loss)  #: S429
pairs = [(tf.clip_by_norm(g, 1.0), v) for g, v in pairs]  #: S432
pairs = [(tf.clip_by_value(g, -1.0, 1.0), v) for g, v in pairs]  #: S433
""",
    "gradients in TF2": """
import tensorflow as tf
with tf.GradientTape() as tape:
    loss = tf.reduce_mean(x)
gradients, _ = tf.clip_by_global_norm(tape.gradient(loss, variables), 5)
optimizer.apply_gradients(zip(gradients, variables))
""",
    "rate and step": """
import tensorflow as tf
step = tf.train.get_or_create_global_step()  #: S435
rate = tf.train.exponential_decay(0.1, step, 100, 0.9, staircase=True)  #: S434
average = tf.train.ExponentialMovingAverage(0.99)  #: S436
train = tf.contrib.layers.optimize_loss(loss, step, rate, "Adam")  #: S430
""",
    "checkpoints": """
import tensorflow as tf
saver = tf.train.Saver(max_to_keep=3)  #: S440
saver.restore(session, tf.train.latest_checkpoint(folder))  #: S440
tf.train.init_from_checkpoint(folder, {"a/": "b/"})  #: S441
saver = tf.train.import_meta_graph(path)  #: S319
""",
    "checkpoints in TF2": """
import tensorflow as tf
checkpoint = tf.train.Checkpoint(model=model)
checkpoint.restore(tf.train.latest_checkpoint(folder))
""",
    "supervised": """
import tensorflow as tf
supervisor = tf.train.Supervisor(logdir=folder)  #: S442
with supervisor.managed_session() as session:
    session.run(train)  #: S304
with tf.train.MonitoredTrainingSession(hooks=hooks) as session:  #: S442
    session.run(train)  #: S303
class Hook(tf.train.SessionRunHook):  #: S443
    pass
hooks = [tf.train.StopAtStepHook(100)]  #: S443
""",
    "Estimator": """
import tensorflow as tf
estimator = tf.estimator.Estimator(model_fn, params=params)  #: S445
spec = tf.estimator.EstimatorSpec(mode, loss=loss)  #: S445
learn = tf.contrib.learn.DNNClassifier(columns)  #: S445
""",
    "summaries": """
import tensorflow as tf
tf.summary.scalar("loss", loss)  #: S446
merged = tf.summary.merge_all()  #: S447
writer = tf.summary.FileWriter(folder)  #: S447
""",
    "summaries in TF2": """
import tensorflow as tf
tf.compat.v1.logging.set_verbosity(2)  #: S342
tf.summary.scalar("loss", loss, step=3)
tf.summary.histogram("w", w, step=step)
""",
    "export": """
import tensorflow as tf
tf.saved_model.simple_save(session, folder, {"x": x}, {"y": y})  #: S448
builder = tf.saved_model.builder.SavedModelBuilder(folder)  #: S448
converter = tf.lite.TFLiteConverter.from_session(session, [x], [y])  #: S449
frozen = tf.graph_util.convert_variables_to_constants(session, graph, names)  #: S319
""",
    "export in TF2": """
import tensorflow as tf
tf.saved_model.save(model, folder)
converter = tf.lite.TFLiteConverter.from_keras_model(model)
""",
    "layers": """
import tensorflow as tf
x = tf.layers.dense(x, 10, activation=tf.nn.relu)  #: S501
x = tf.layers.conv2d(x, 8, 3)  #: S502
x = tf.layers.max_pooling2d(x, 2, 2)  #: S503
x = tf.layers.batch_normalization(x, training=training)  #: S504
x = tf.layers.dropout(x, 0.5)  #: S505
x = tf.layers.flatten(x)  #: S506
x = tf.layers.masked(x)  #: S507
x = tf.contrib.layers.fully_connected(x, 10)  #: S508
x = tf.contrib.layers.batch_norm(x)  #: S509
x = tf.nn.dropout(x, keep_prob=keep)  #: S512
""",
    "slim": """
import tensorflow.contrib.slim as slim  #: S351
net = slim.conv2d(x, 32, [3, 3])  #: S509
with slim.arg_scope([slim.conv2d]):  #: S513 S509
    pass
""",
    "initializers": """
import tensorflow as tf
a = tf.get_variable("a", [2], initializer=tf.zeros_initializer())  #: S310 S522
b = tf.random_uniform_initializer(-1, 1)  #: S520
c = tf.truncated_normal_initializer(stddev=0.1)  #: S521
d = tf.orthogonal_initializer()  #: S523
e = tf.contrib.layers.xavier_initializer()  #: S524
f = tf.variance_scaling_initializer()  #: S525
""",
    "initializers in TF2": """
import tensorflow as tf
a = tf.zeros_initializer()
b = tf.initializers.orthogonal()
c = tf.keras.initializers.GlorotUniform()
""",
    "old names": """
import tensorflow as tf
a = tf.log(x)  #: S540
b = tf.random_normal([3])  #: S541
c = tf.pack([x, y])  #: S542
d = tf.to_float(x)  #: S542
e = tf.matrix_band_part(x, 0, -1)  #: S543
f = tf.string_split(x)  #: S544
g = tf.sparse_tensor_to_dense(x)  #: S545
h = tf.reduce_sum(x, reduction_indices=1, keep_dims=True)  #: S546 S547
i = tf.argmax(x, dimension=1)  #: S548
j = tf.image.resize_bilinear(x, [2, 2])  #: S549
k = tf.distributions.Normal(0.0, 1.0)  #: S550
""",
    "names of today": """
import tensorflow as tf
a = tf.math.log(x) + tf.random.normal([3]) + tf.stack([x, y])
b = tf.cast(x, tf.float32) + tf.reduce_sum(x, axis=1, keepdims=True)
c = tf.argmax(x, axis=1)
d = tf.nest.flatten(x)
""",
}

PROGRAMS = {
    "session": """
import tensorflow as tf
x = tf.placeholder(tf.float32)  #: S301
with tf.Graph().as_default(), tf.Session() as sess:  #: S306 S302
    sess.run(tf.global_variables_initializer())  #: S303 S312
    sess.run(train, feed_dict={x: batch})  #: S303
    value = loss.eval({x: batch})  #: S305
    other = loss.eval(session=sess)  #: S305
""",
    "session of an object": """
import tensorflow as tf
class Trainer:
    def step(self, batch):
        self._sess.run(self.train, {self.x: batch})  #: S304
        self.session.run(self.train)  #: S304
        self.train.run(feed_dict={self.x: batch})  #: S304
        self.app.run()
        self.history.eval("x")
""",
    "other run and eval": """
import subprocess
import tensorflow as tf
import pandas as pd
subprocess.run(["ls"])
pd.eval("1 + 1")
app.run(debug=True)
""",
    "scopes": """
import tensorflow as tf
with tf.variable_scope("a", reuse=tf.AUTO_REUSE):  #: S307 S309 S307
    w = tf.get_variable("w", [3])  #: S310
with tf.name_scope("b"):  #: S307
    v = tf.Variable(3.0)  #: S328
""",
    "variables in TF2": """
import tensorflow as tf
with tf.name_scope("b"), tf.device("/cpu:0"):
    v = tf.Variable(3.0)
    v.assign_add(1.0)
""",
    "collections": """
import tensorflow as tf
updates = tf.get_collection(tf.GraphKeys.UPDATE_OPS)  #: S314 S313
with tf.control_dependencies(updates):  #: S315
    step = tf.assign_add(counter, 1)  #: S316
losses = tf.get_collection(tf.GraphKeys.REGULARIZATION_LOSSES)  #: S314 S314
""",
    "graph by names": """
import tensorflow as tf
graph = tf.get_default_graph()  #: S306
x = graph.get_tensor_by_name("x:0")  #: S320
tf.set_random_seed(1)  #: S317
config = tf.ConfigProto(gpu_options=tf.GPUOptions(allow_growth=True))  #: S318 S318
y = tf.py_func(f, [x], tf.float32)  #: S321
y = tf.Print(y, [y])  #: S322
with tf.device("/gpu:0"):  #: S324
    pass
""",
    "flags": """
import tensorflow as tf
flags = tf.app.flags  #: S340
flags.DEFINE_integer("n", 1, "")
FLAGS = flags.FLAGS
tf.flags.DEFINE_string("s", "", "")  #: S340
print(FLAGS.n)
tf.logging.info("x")  #: S342
if not tf.gfile.Exists(path):  #: S343
    tf.app.run(main)  #: S341
""",
    "flags imported": """
from tensorflow.python.platform import flags  #: S352
from tensorflow import flags, logging  #: S340 S342
flags.DEFINE_integer("n", 1, "")
logging.info("x")
""",
    "queues": """
import tensorflow as tf
names = tf.train.string_input_producer(files)  #: S604
key, value = tf.TFRecordReader().read(names)  #: S605
x = tf.train.shuffle_batch([value], 32, 100, 10)  #: S604
queue = tf.FIFOQueue(10, tf.float32)  #: S606
coordinator = tf.train.Coordinator()  #: S444
threads = tf.train.start_queue_runners(coord=coordinator)  #: S444
""",
    "iterators": """
import tensorflow as tf
data = tf.data.Dataset.from_tensor_slices(x).batch(2)
iterator = data.make_initializable_iterator()  #: S601
x, y = iterator.get_next()  #: S603
other = tf.data.Iterator.from_structure(types, shapes)  #: S602
old = tf.contrib.data.TextLineDataset(files)  #: S607
buckets = tf.contrib.training.bucket_by_sequence_length(n, [x], 32, [10])  #: S608
values = tf.contrib.training.HParams(rate=0.1)  #: S609
""",
    "datasets in TF2": """
import tensorflow as tf
data = tf.data.Dataset.from_tensor_slices(x).shuffle(10).batch(2).prefetch(1)
for batch in data:
    model.train_on_batch(batch)
iterator = iter(data)
first = iterator.get_next()
""",
    "data set of the tutorials": """
from tensorflow.examples.tutorials.mnist import input_data  #: S611
data = input_data.read_data_sets("MNIST")
""",
    "part of it is TF1": """
import tensorflow as tf
model = tf.keras.Sequential([tf.keras.layers.Dense(3)])
model.compile("adam", "mse")
model.fit(x, y)
graph = tf.compat.v1.get_default_graph()  #: S306
""",
    "no TensorFlow": """
import numpy as np
class Layer:
    def zero_state(self): ...
Layer().zero_state()
session.run(1, feed_dict={})
""",
    "text that speaks of it": '''
"""tf.nn.dynamic_rnn and tensorflow.contrib are gone."""
import tensorflow as tf
# tf.placeholder(tf.float32)
text = "tf.Session()"
''',
    "Keras 3": """
import keras
from keras import layers, ops
inputs = keras.Input([None, 8])
x = layers.LSTM(32, return_sequences=True, recurrent_dropout=0.1)(inputs)
x = layers.RNN(layers.StackedRNNCells([layers.GRUCell(8), layers.LSTMCell(8)]))(x)
model = keras.Model(inputs, ops.tanh(x))
model.compile(keras.optimizers.Adam(1e-3, clipnorm=1.0), "mse")
keras.backend.clear_session()
keras.utils.pad_sequences([[1]])
""",
}

KERAS_2 = {
    "cuDNN of Keras": """
from keras.layers import CuDNNLSTM, Dense
x = CuDNNLSTM(64)(x)  #: S701
x = Dense(3)(x)
""",
    "arguments of Keras 2": """
from tensorflow.keras.layers import LSTM, Embedding
x = Embedding(10, 8, input_length=5)(x)  #: S705
x = LSTM(8, implementation=2, batch_input_shape=(1, 2, 3))(x)  #: S702 S704
x = LSTM(8, stateful=True, unroll=True)(x)
""",
    "Keras 1": """
from keras.layers import LSTM, merge
x = LSTM(output_dim=8, init="uniform", inner_activation="sigmoid", dropout_W=0.1)(x)  #: S706
z = merge([x, y], mode="concat")  #: S707
model.fit(x, y, nb_epoch=3)  #: S724
""",
    "private modules of Keras": """
from keras.layers.recurrent import LSTM  #: S709
from keras.engine.topology import Layer  #: S709
from keras.utils import np_utils  #: S721
x = LSTM(8, implementation=1)(x)  #: S702
y = np_utils.to_categorical(y)
""",
    "backend": """
from keras import backend as K
loss = K.mean(K.square(x - y))  #: S710 S710
K.set_session(session)  #: S727
K.clear_session()
K.learning_phase()  #: S710
if K.image_data_format() == "channels_last":
    eps = K.epsilon()
""",
    "backend of tf.keras": """
import tensorflow as tf
y = tf.keras.backend.permute_dimensions(x, (0, 2, 1))  #: S710
""",
    "training of Keras 2": """
import keras
model.fit_generator(batches, steps_per_epoch=10)  #: S711
model.predict_classes(x)  #: S712
model.reset_states()  #: S713
keras.optimizers.Adam(lr=0.1, decay=1e-6)  #: S714 S715
keras.optimizers.legacy.Adam()  #: S716
""",
    "tokens": """
from keras.preprocessing.text import Tokenizer
from keras.preprocessing.sequence import pad_sequences
tokens = Tokenizer(100)  #: S717
x = pad_sequences(tokens.texts_to_sequences(texts))
""",
    "tools of Keras 2": """
from keras.preprocessing.image import ImageDataGenerator
from keras.wrappers.scikit_learn import KerasClassifier  #: S719
from keras.utils import multi_gpu_model
from keras.models import Model
from keras.callbacks import ModelCheckpoint
pictures = ImageDataGenerator()  #: S718
model = multi_gpu_model(model, 2)  #: S720
model = Model(input=x, output=y)  #: S723
save = ModelCheckpoint("a", period=3)  #: S725
""",
    "layers that are gone": """
import tensorflow as tf
x = tf.keras.layers.LocallyConnected1D(8, 3)(x)  #: S708
x = tf.keras.layers.ThresholdedReLU()(x)  #: S708
""",
    "Keras 2 beside Keras 3": """
import tf_keras as keras  #: S726
x = keras.layers.LSTM(8, implementation=2)(x)  #: S702
""",
    "sessions of Keras": """
import tensorflow as tf
from tensorflow.python.keras import backend as K  #: S352
session = tf.Session()  #: S302
K.set_session(session)  #: S727
""",
    "scikit-learn beside Keras 3": """
import keras
from sklearn.linear_model import LogisticRegression
LogisticRegression().fit(x, y).predict_proba(x)
grid.fit(x, y, epochs=3)
""",
}

LIBRARIES = {
    "TFLearn": """
import tflearn  #: S804
net = tflearn.input_data([None, 100])  #: S802
net = tflearn.lstm(net, 128, dropout=0.8)  #: S801
net = tflearn.regression(net, optimizer="adam")  #: S803
model = tflearn.DNN(net)  #: S803
""",
    "TFLearn's modules": """
from tflearn.layers.recurrent import bidirectional_rnn, BasicLSTMCell  #: S804 S804
from tflearn.layers.core import fully_connected  #: S804
net = bidirectional_rnn(net, BasicLSTMCell(8), BasicLSTMCell(8))  #: S801 S801 S801
net = fully_connected(net, 2)  #: S802
""",
    "Sonnet 1": """
import sonnet as snt
import tensorflow as tf
x = tf.placeholder(tf.float32)  #: S301
lstm = snt.LSTM(8)  #: S805
""",
    "addons and slim": """
import tensorflow_addons as tfa  #: S807
import tf_slim as slim  #: S806
cell = tfa.rnn.LayerNormLSTMCell(8)
""",
}

ALL = {**RECURRENT, **AROUND, **PROGRAMS, **KERAS_2, **LIBRARIES}
