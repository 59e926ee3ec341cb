"""Idioms of Keras 2 that Keras 3 no longer has, S7…."""

from tf1port.scanning.idioms.idiom import Becomes, Effort, idiom
from tf1port.scanning.when import called, gone_from_backend

CONVERTED, REWRITTEN, BY_HAND = Becomes.CONVERTED, Becomes.REWRITTEN, Becomes.BY_HAND
SMALL, MEDIUM, LARGE = Effort.SMALL, Effort.MEDIUM, Effort.LARGE

RECURRENT = "keras.layers.{LSTM,GRU,SimpleRNN,RNN,LSTMCell,GRUCell,SimpleRNNCell}"
LAYERS = "keras.layers.*"

ALL = [
    idiom(
        701, "cuDNN layer of Keras 2", "keras.layers.{CuDNNLSTM,CuDNNGRU}", REWRITTEN,
        "keras.layers.LSTM(n), or GRU(n, reset_after=True)", "P7 P36 P84",
    ),
    idiom(
        702, "implementation of a recurrent layer", RECURRENT, REWRITTEN,
        "leave it out: it chose between two forms of one product", argument="implementation",
    ),
    idiom(
        703, "unrolled recurrent layer", "keras.layers.{LSTM,GRU,SimpleRNN,RNN}", REWRITTEN,
        "unroll= still works; leave it out unless it was measured", argument="unroll",
        legacy_only=True,
    ),
    idiom(
        704, "batch's shape of a layer", LAYERS, REWRITTEN,
        "keras.Input(batch_shape=…) before it", "P33",
        argument="batch_input_shape",
    ),
    idiom(
        705, "length of an embedding", "keras.layers.Embedding", REWRITTEN,
        "leave it out: the input has it", argument="input_length",
    ),
    idiom(
        706, "arguments of Keras 1", LAYERS, BY_HAND,
        "units, kernel_initializer, kernel_regularizer, dropout …", "",
        argument="{init,inner_init,forget_bias_init,inner_activation,W_regularizer,"
        "U_regularizer,b_regularizer,dropout_W,dropout_U,consume_less,border_mode,subsample,"
        "nb_filter,nb_row,nb_col,bias}",
    ),
    idiom(
        707, "merge of Keras 1", "keras.layers.{merge,Merge} keras.engine.topology.merge", BY_HAND,
        "keras.layers.Concatenate, Add, Multiply, Dot",
    ),
    idiom(
        708, "layer that is gone",
        "keras.layers.{ThresholdedReLU,LocallyConnected1D,LocallyConnected2D,MaxoutDense,Highway,"
        "TimeDistributedDense,DenseFeatures,experimental.**}",
        BY_HAND, "the layer's name in keras.layers, or a layer of one's own", "P113",
    ),
    idiom(
        709, "private module of Keras",
        "keras.layers.{recurrent,wrappers,core,embeddings,"
        "convolutional,normalization,noise,advanced_activations,pooling,local,"
        "convolutional_recurrent,cudnn_recurrent,recurrent_v2}.** keras.layers.merge.* "
        "keras.{engine,legacy,initializations,objectives,utils.generic_utils,"
        "utils.data_utils,utils.layer_utils,utils.vis_utils,utils.training_utils,layers.ops,"
        "backend.tensorflow_backend,saving.hdf5_format,saving.saved_model,mixed_precision."
        "experimental}.**",
        BY_HAND, "the public name in keras, keras.utils, keras.initializers, keras.losses",
        module=True,
    ),
    idiom(
        727, "session given to Keras", "keras.backend.{set_session,get_session}", REWRITTEN,
        "leave it out: Keras 3 has no session", "P122", MEDIUM,
    ),
    idiom(
        710, "function of the backend",
        "keras.backend.*",
        REWRITTEN, "keras.ops has it, under this name or NumPy's", "P37",
        when=gone_from_backend,
    ),
    idiom(
        711, "training from a generator", ".{fit_generator,evaluate_generator,predict_generator}",
        REWRITTEN, "fit, evaluate, predict: they take generators", "P68 P122", when=called,
    ),
    idiom(
        712, "classes of a prediction", ".predict_classes", REWRITTEN,
        "keras.ops.argmax(model.predict(x), axis=-1)", "P122", when=called,
    ),
    idiom(
        713, "states by reset_states", ".reset_states", REWRITTEN,
        "layer.reset_state() for each stateful layer; Model has no reset_states", "P33 P122",
        when=called,
    ),
    idiom(
        714, "learning rate as lr", "keras.optimizers.*", REWRITTEN,
        "learning_rate=", "P52", argument="lr",
    ),
    idiom(
        715, "decay of the rate", "keras.optimizers.*", REWRITTEN,
        "keras.optimizers.schedules.InverseTimeDecay", "P74", argument="decay",
    ),
    idiom(
        716, "optimizer of Keras 2",
        "keras.optimizers.{legacy.**,experimental.**,TFOptimizer,adam,rmsprop,sgd,adam_v2.**,"
        "rmsprop_v2.**,gradient_descent_v2.**}",
        REWRITTEN, "keras.optimizers.Adam …: other slots in its files", "P54 P62",
    ),
    idiom(
        717, "tokens of Keras 2",
        "keras.preprocessing.text.* "
        "keras.preprocessing.sequence.{TimeseriesGenerator,skipgrams,make_sampling_table}",
        REWRITTEN, "keras.layers.TextVectorization, keras.utils.timeseries_dataset_from_array",
        "P30 P31 P86",
    ),
    idiom(
        718, "pictures of Keras 2",
        "keras.preprocessing.image.{ImageDataGenerator,*Iterator}", BY_HAND,
        "keras.utils.image_dataset_from_directory and layers that augment", "", MEDIUM,
    ),
    idiom(
        719, "wrapper for scikit-learn", "keras.wrappers.scikit_learn.**", REWRITTEN,
        "scikeras, or keras.wrappers.SKLearnClassifier", module=True,
    ),
    idiom(
        720, "replicas of Keras 2", "keras.utils.{multi_gpu_model,multi_gpu_utils.**}", BY_HAND,
        "tf.distribute.MirroredStrategy around build and compile; fit", "P47 P52 P125",
        MEDIUM,
    ),
    idiom(
        721, "one-hot by np_utils", "keras.utils.np_utils.**", REWRITTEN,
        "keras.utils.to_categorical", module=True,
    ),
    idiom(
        722, "Estimator of a Keras model", "keras.estimator.** keras.experimental.**", BY_HAND,
        "the Keras model itself", "", MEDIUM, module=True,
    ),
    idiom(
        723, "model by input= and output=", "keras.{Model,models.Model}", REWRITTEN,
        "keras.Model(inputs, outputs)", argument="{input,output}",
    ),
    idiom(
        724, "epochs as nb_epoch", ".{fit,fit_generator}", REWRITTEN,
        "epochs=, steps_per_epoch=, validation_steps=",
        argument="{nb_epoch,samples_per_epoch,nb_val_samples}",
    ),
    idiom(
        725, "names of metrics of Keras 2",
        "keras.callbacks.{ModelCheckpoint,EarlyStopping,ReduceLROnPlateau}", REWRITTEN,
        "save_freq=, min_delta=; 'val_accuracy' where it was 'val_acc'",
        argument="{period,epsilon}",
    ),
    idiom(
        726, "Keras 2 asked for", "tf_keras.**", BY_HAND, "import keras: Keras 3",
        "P105", module=True,
    ),
]  # fmt: skip
