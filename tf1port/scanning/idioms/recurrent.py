"""Recurrent idioms, S1…: cells, what stands around them, and what runs them over time."""

from tf1port.scanning.idioms.idiom import Becomes, Effort, idiom
from tf1port.scanning.when import called, repeats_a_list

CONVERTED, REWRITTEN, BY_HAND = Becomes.CONVERTED, Becomes.REWRITTEN, Becomes.BY_HAND
SMALL, MEDIUM, LARGE = Effort.SMALL, Effort.MEDIUM, Effort.LARGE

LSTM_CELLS = "tf.{nn.rnn_cell,contrib.rnn}.LSTMCell keras.layers.LSTMCell"
DYNAMIC = "tf.nn.dynamic_rnn"
BOTH_WAYS = "tf.nn.bidirectional_dynamic_rnn"

CELLS = [
    idiom(
        101, "basic RNN cell", "tf.{nn.rnn_cell,contrib.rnn}.BasicRNNCell", CONVERTED,
        "keras.layers.SimpleRNNCell(n); over time keras.layers.SimpleRNN(n)", "P8 P10",
    ),
    idiom(
        102, "basic LSTM cell", "tf.{nn.rnn_cell,contrib.rnn}.BasicLSTMCell", CONVERTED,
        "keras.layers.LSTMCell(n); over time keras.layers.LSTM(n)", "P3 P4 P6 P8 P26",
    ),
    idiom(
        103, "LSTM cell", "tf.{nn.rnn_cell,contrib.rnn}.LSTMCell", CONVERTED,
        "keras.layers.LSTMCell(n); over time keras.layers.LSTM(n)", "P3 P4 P6 P8 P26",
    ),
    idiom(
        104, "GRU cell", "tf.{nn.rnn_cell,contrib.rnn}.GRUCell", CONVERTED,
        "keras.layers.GRUCell(n, reset_after=False)", "P7 P8 P36",
    ),
    idiom(
        105, "fused LSTM",
        "tf.contrib.rnn.{LSTMBlockCell,LSTMBlockFusedCell,LSTMBlockWrapper} tf.raw_ops.BlockLSTM",
        CONVERTED, "keras.layers.LSTM(n): it picks its kernel by itself", "P3 P6 P8 P26",
    ),
    idiom(
        106, "fused GRU", "tf.contrib.rnn.{GRUBlockCell,GRUBlockCellV2}", CONVERTED,
        "keras.layers.GRU(n, reset_after=False)", "P7 P8 P36",
    ),
    idiom(
        107, "cuDNN layer or cell",
        "tf.contrib.cudnn_rnn.Cudnn* "
        "tf.contrib.rnn.{CudnnCompatibleLSTMCell,CudnnCompatibleGRUCell}",
        CONVERTED, "keras.layers.LSTM(n), or GRU(n, reset_after=True); one per layer",
        "P6 P7 P36 P84",
        MEDIUM,
    ),
    idiom(
        108, "cell with layer normalization",
        "tf.contrib.rnn.{LayerNormBasicLSTMCell,LayerRNNCell,HighwayWrapper,IntersectionRNNCell}",
        CONVERTED, "a cell class of one's own: tf1port convert writes it", "P3 P4", MEDIUM,
    ),
    idiom(
        109, "rare cell",
        "tf.contrib.rnn.{UGRNNCell,NASCell,CoupledInputForgetGateLSTMCell,TimeFreqLSTMCell,"
        "GridLSTMCell,BidirectionalGridLSTMCell,IndRNNCell,IndyGRUCell,IndyLSTMCell,PhasedLSTMCell,"
        "SRUCell,GLSTMCell,BasicIndRNNCell,NTMCell,MinimalRNNCell,CFNCell,TimeReversedFusedRNN,"
        "FusedRNNCellAdaptor} tf.contrib.grid_rnn.*",
        CONVERTED, "a cell class of one's own: tf1port convert writes it", "P3 P6 P8", MEDIUM,
    ),
    idiom(
        110, "convolutional LSTM cell",
        "tf.contrib.rnn.{ConvLSTMCell,Conv1DLSTMCell,Conv2DLSTMCell,Conv3DLSTMCell}", BY_HAND,
        "keras.layers.ConvLSTM2D: gates in another order, another forget bias", "P3 P6", MEDIUM,
    ),
    idiom(
        111, "cell of one's own", "tf.{nn.rnn_cell,contrib.rnn}.RNNCell", CONVERTED,
        "a keras.Layer with state_size and call(inputs, states), in keras.layers.RNN", "P18 P34",
        MEDIUM,
    ),
    idiom(
        113, "one cell object several times",
        "tf.{nn.rnn_cell,contrib.rnn}.MultiRNNCell keras.layers.{StackedRNNCells,RNN}", BY_HAND,
        "a cell per layer, unless all layers are meant to share one kernel", "P10 P83",
        when=repeats_a_list,
    ),
    idiom(
        112, "stack of cells", "tf.{nn.rnn_cell,contrib.rnn}.MultiRNNCell", CONVERTED,
        "a list of cells in keras.layers.RNN, or one layer after the other", "P10",
    ),
    idiom(
        114, "dropout around a cell", "tf.{nn.rnn_cell,contrib.rnn}.DropoutWrapper", CONVERTED,
        "keras.layers.Dropout(1 - keep_prob) between layers, or dropout= of the layer",
        "P37 P45 P80",
    ),
    idiom(
        115, "recurrent dropout of a cell", "tf.{nn.rnn_cell,contrib.rnn}.DropoutWrapper", BY_HAND,
        "recurrent_dropout= drops what enters the kernel: compare masks and steps", "P45 P80",
        MEDIUM, argument="variational_recurrent:4",
    ),
    idiom(
        116, "residual connection around a cell", "tf.{nn.rnn_cell,contrib.rnn}.ResidualWrapper",
        CONVERTED, "x + keras.layers.LSTM(n, return_sequences=True)(x)",
    ),
    idiom(
        117, "device of a cell", "tf.{nn.rnn_cell,contrib.rnn}.DeviceWrapper", REWRITTEN,
        "leave it out: TensorFlow places weights and ops by itself",
    ),
    idiom(
        118, "layer in a cell's wrapper",
        "tf.contrib.rnn.{InputProjectionWrapper,OutputProjectionWrapper,EmbeddingWrapper} "
        "tf.nn.rnn_cell.{InputProjectionWrapper,OutputProjectionWrapper,EmbeddingWrapper}",
        CONVERTED, "keras.layers.Dense or Embedding before or after the recurrent layer", "P66",
    ),
    idiom(
        119, "attention around a cell", "tf.contrib.rnn.AttentionCellWrapper", CONVERTED,
        "a cell class of one's own: tf1port convert writes it", "", LARGE,
    ),
    idiom(
        120, "state of an LSTM as a tuple", "tf.{nn.rnn_cell,contrib.rnn}.LSTMStateTuple",
        REWRITTEN, "[h, c]: Keras has the states in this order, TF1 (c, h)", "P26",
    ),
    idiom(
        121, "peepholes", LSTM_CELLS, CONVERTED,
        "a cell class of one's own: keras.layers.LSTM has none", "P6 P8 P85", MEDIUM,
        argument="use_peepholes:1",
    ),
    idiom(
        122, "clipped cell state",
        LSTM_CELLS + " tf.contrib.rnn.{LSTMBlockCell,LSTMBlockFusedCell}", CONVERTED,
        "a cell class of one's own: keras.layers.LSTM does not clip c", "P35", MEDIUM,
        argument="cell_clip:2",
    ),
    idiom(
        123, "projected LSTM", LSTM_CELLS, CONVERTED,
        "a cell class of one's own: keras.layers.LSTM has no projection", "P8", MEDIUM,
        argument="num_proj:4",
    ),
    idiom(
        124, "state as one tensor",
        "tf.{nn.rnn_cell,contrib.rnn}.{BasicLSTMCell,LSTMCell,MultiRNNCell}", BY_HAND,
        "a list of states; one tensor held [c, h] side by side", "P26", MEDIUM,
        argument="state_is_tuple",
    ),
    idiom(
        125, "weights kept by a custom scope",
        "tf.{nn.rnn_cell,contrib.rnn}.{BasicRNNCell,BasicLSTMCell,LSTMCell,GRUCell}", REWRITTEN,
        "leave it out: a Keras layer that is called twice has its weights once",
        argument="reuse",
    ),
]  # fmt: skip

LOOPS = [
    idiom(
        140, "dynamic_rnn", DYNAMIC, CONVERTED,
        "keras.layers.RNN(cell, return_sequences=True, return_state=True)(x)", "P30 P34 P81",
    ),
    idiom(
        141, "lengths of the sequences", DYNAMIC, CONVERTED,
        "mask= in the call, and zero_output_for_mask=True: TF1's zeros beyond the end",
        "P30 P31 P32", argument="sequence_length:2",
    ),
    idiom(
        142, "initial state", DYNAMIC, CONVERTED,
        "initial_state=[h, c] in the call of the layer", "P26 P33 P34 P127",
        argument="initial_state:3",
    ),
    idiom(
        143, "time-major sequences",
        f"{DYNAMIC} {BOTH_WAYS} keras.layers.{{RNN,LSTM,GRU,SimpleRNN}}", REWRITTEN,
        "keras.ops.transpose to [batch, time, feature]: Keras 3 has no time_major", "P21 P87",
        argument="time_major",
    ),
    idiom(
        144, "bidirectional_dynamic_rnn", BOTH_WAYS, CONVERTED,
        "keras.layers.Bidirectional(layer, merge_mode=None)", "P21 P31 P32",
    ),
    idiom(
        145, "lengths of both directions", BOTH_WAYS, CONVERTED,
        "mask=: the backward layer begins at each sequence's own end", "P30 P31 P32 P88",
        argument="sequence_length:3",
    ),
    idiom(
        146, "steps as a list",
        "tf.nn.{static_rnn,rnn,static_bidirectional_rnn,bidirectional_rnn} "
        "tf.contrib.rnn.{static_rnn,static_bidirectional_rnn}",
        CONVERTED, "one tensor [batch, time, feature] into keras.layers.RNN; no unstack",
        "P21 P30",
    ),
    idiom(
        147, "stack of both directions",
        "tf.contrib.rnn.{stack_bidirectional_dynamic_rnn,stack_bidirectional_rnn}", CONVERTED,
        "keras.layers.Bidirectional after Bidirectional", "P10 P21",
    ),
    idiom(
        148, "state saved from batch to batch",
        "tf.nn.{static_state_saving_rnn,state_saving_rnn} "
        "tf.contrib.rnn.static_state_saving_rnn tf.contrib.training.batch_sequences_with_states",
        BY_HAND, "stateful=True and reset_state(), or states in and out of the model",
        "P33 P34 P104",
        LARGE,
    ),
    idiom(
        149, "raw_rnn", "tf.nn.raw_rnn", CONVERTED,
        "a cell class in keras.layers.RNN; what ends early needs a mask", "P18 P32", LARGE,
    ),
    idiom(
        150, "zero state", ".zero_state", REWRITTEN,
        "leave it out: a layer begins at zeros; or cell.get_initial_state(batch_size)", "P34",
        when=called,
    ),
    idiom(
        151, "last step of the outputs", "tf.nn.dynamic_rnn()[0][-1]", CONVERTED,
        "return_sequences=False; of padded sequences with a mask", "P30 P32 P81",
    ),
    idiom(
        152, "reversed sequences", "tf.reverse_sequence", CONVERTED,
        "go_backwards=True with a mask, or keras.layers.Bidirectional", "P21 P31 P88",
    ),
    idiom(
        153, "loop of one's own", "tf.{while_loop,scan,map_fn,foldl}", CONVERTED,
        "a cell class in keras.layers.RNN, or keras.ops.while_loop, scan, map", "P18 P49",
        MEDIUM,
    ),
    idiom(
        154, "branch in the graph", "tf.{cond,case}", CONVERTED,
        "keras.ops.cond; a branch on training is the training argument of call()",
        "P37 P119", MEDIUM,
    ),
    idiom(
        155, "loop's tensors by step", "tf.TensorArray", CONVERTED,
        "what keras.layers.RNN returns, or keras.ops.stack", "", MEDIUM,
    ),
    idiom(
        156, "mask of lengths", "tf.sequence_mask", CONVERTED,
        "keras.ops.arange(time) < lengths[:, None], or keras.layers.Masking", "P31 P86",
    ),
    idiom(
        157, "gradient cut between steps", "tf.stop_gradient", CONVERTED,
        "keras.ops.stop_gradient, at the same place", "P49 P50",
    ),
    idiom(
        158, "recurrent layer of Keras in a TF1 program",
        "keras.layers.{LSTM,GRU,SimpleRNN,RNN,Bidirectional,ConvLSTM2D,LSTMCell,GRUCell}",
        CONVERTED, "the same layer of Keras 3; GRU with the reset_after that it was trained with",
        "P27 P36", legacy_only=True,
    ),
    idiom(
        159, "one step of a cell", "tf.{nn.rnn_cell,contrib.rnn}.*()", CONVERTED,
        "keras.layers.RNN(cell) over all steps; for one step cell(x, states)", "P18 P26",
        when=called,
    ),
    idiom(
        161, "lengths of a list of steps", "tf.{nn,contrib.rnn}.static_rnn", CONVERTED,
        "mask= in the call, and zero_output_for_mask=True: TF1's zeros beyond the end",
        "P30 P31 P32", argument="sequence_length:4",
    ),
    idiom(
        162, "initial state of a list of steps", "tf.{nn,contrib.rnn}.static_rnn tf.nn.rnn",
        CONVERTED, "initial_state=[h, c] in the call of the layer", "P26 P33 P34 P127",
        argument="initial_state:2",
    ),
    idiom(
        163, "initial states of both directions",
        "tf.nn.{bidirectional_dynamic_rnn,static_bidirectional_rnn} "
        "tf.contrib.rnn.static_bidirectional_rnn",
        CONVERTED, "initial_state=[h, c, h, c] in the call of Bidirectional", "P26 P34 P127",
        argument="{initial_state_fw,initial_state_bw}",
    ),
    idiom(
        160, "recurrence in a Python loop", "tf.steps_in_a_loop", CONVERTED,
        "keras.layers.LSTM, if it is one, or a cell class in keras.layers.RNN", "P18 P49",
        MEDIUM, legacy_only=True,
    ),
]  # fmt: skip

OTHERS = [
    idiom(
        126, "other name of contrib.rnn", "tf.contrib.rnn.*", BY_HAND,
        "keras.layers.RNN with a cell; see the name's own page", "", MEDIUM,
    ),
    idiom(
        127, "other name of rnn_cell", "tf.nn.rnn_cell.*", BY_HAND,
        "a cell of keras.layers", "", MEDIUM,
    ),
]  # fmt: skip

ALL = [*CELLS, *LOOPS, *OTHERS]
