"""Idioms of libraries on top of TF1, S8…."""

from tf1port.scanning.idioms.idiom import Becomes, Effort, idiom

CONVERTED, REWRITTEN, BY_HAND = Becomes.CONVERTED, Becomes.REWRITTEN, Becomes.BY_HAND
SMALL, MEDIUM, LARGE = Effort.SMALL, Effort.MEDIUM, Effort.LARGE

ALL = [
    idiom(
        801, "recurrent layer of TFLearn",
        "tflearn.{lstm,gru,simple_rnn,bidirectional_rnn} "
        "tflearn.layers.recurrent.{lstm,gru,simple_rnn,bidirectional_rnn,BasicLSTMCell,GRUCell,"
        "BasicRNNCell}",
        CONVERTED, "keras.layers.LSTM, GRU(reset_after=False), SimpleRNN, Bidirectional",
        "P3 P6 P7 P36",
    ),
    idiom(
        803, "training of TFLearn",
        "tflearn.{DNN,SequenceGenerator,regression,Trainer,TrainOp,Evaluator,is_training} "
        "tflearn.models.** tflearn.layers.estimator.regression tflearn.helpers.**",
        BY_HAND, "model.compile and fit", "P41 P51", MEDIUM,
    ),
    idiom(
        802, "layer of TFLearn",
        "tflearn.{input_data,fully_connected,embedding,dropout,conv_1d,conv_2d,max_pool_1d,"
        "max_pool_2d,avg_pool_2d,flatten,reshape,batch_normalization,activation,merge,"
        "single_unit,highway,one_hot_encoding,local_response_normalization,global_avg_pool,"
        "residual_block,residual_bottleneck,time_distributed} "
        "tflearn.layers.*.*",
        CONVERTED, "the layer of keras.layers; TFLearn's defaults written out", "P27 P45",
    ),
    idiom(
        804, "TFLearn", "tflearn.**", BY_HAND, "keras, keras.utils, keras.datasets", "", MEDIUM,
        module=True,
    ),
    idiom(
        805, "Sonnet 1",
        "sonnet.{LSTM,GRU,VanillaRNN,DeepRNN,ResidualCore,Linear,AbstractModule,RNNCore,BatchApply,"
        "TrainableInitialState,trainable_initial_state,Conv1DLSTM,Conv2DLSTM,lstm_with_zoneout,"
        "lstm_with_recurrent_dropout,SkipConnectionCore,python.**}",
        CONVERTED, "the layer of keras.layers; Sonnet's gates are in TF1's order", "P3 P6 P8 P34",
        MEDIUM,
    ),
    idiom(
        806, "slim", "tf_slim.**", BY_HAND, "keras.layers, with slim's defaults written out",
        "P27 P61", MEDIUM, module=True,
    ),
    idiom(
        807, "TensorFlow Addons", "tensorflow_addons.**", BY_HAND,
        "it is no longer kept: keras.layers, keras.losses, or a class of one's own", "", MEDIUM,
        module=True,
    ),
    idiom(
        808, "TensorLayer or TensorFlow Fold",
        "tensorlayer.** tensorflow_fold.** tensor2tensor.** prettytensor.**", BY_HAND,
        "keras.layers", "", LARGE, module=True,
    ),
]  # fmt: skip
