"""Idioms of training, S4…: losses, optimizers, schedules, loops, checkpoints, summaries."""

from tf1port.scanning.idioms.idiom import Becomes, Effort, idiom
from tf1port.scanning.when import called, old_summary

CONVERTED, REWRITTEN, BY_HAND = Becomes.CONVERTED, Becomes.REWRITTEN, Becomes.BY_HAND
SMALL, MEDIUM, LARGE = Effort.SMALL, Effort.MEDIUM, Effort.LARGE

LOSSES = [
    idiom(
        401, "cross entropy of class ids",
        "tf.losses.sparse_softmax_cross_entropy "
        "tf.nn.sparse_softmax_cross_entropy_with_logits",
        REWRITTEN, "keras.losses.SparseCategoricalCrossentropy(from_logits=True)",
        "P38 P39 P41 P79 P99",
    ),
    idiom(
        402, "cross entropy of classes",
        "tf.losses.softmax_cross_entropy tf.nn.softmax_cross_entropy_with_logits "
        "tf.nn.softmax_cross_entropy_with_logits_v2 tf.contrib.losses.softmax_cross_entropy",
        REWRITTEN, "keras.losses.CategoricalCrossentropy(from_logits=True)",
        "P38 P39 P41 P44 P79 P99",
    ),
    idiom(
        403, "cross entropy of independent classes",
        "tf.losses.{sigmoid_cross_entropy,log_loss} tf.nn.sigmoid_cross_entropy_with_logits "
        "tf.nn.weighted_cross_entropy_with_logits",
        REWRITTEN, "keras.losses.BinaryCrossentropy(from_logits=True)", "P38 P39 P79",
    ),
    idiom(
        404, "mean squared error", "tf.losses.mean_squared_error", REWRITTEN,
        "keras.losses.MeanSquaredError()", "P38 P39",
    ),
    idiom(
        406, "losses by collection",
        "tf.losses.{get_total_loss,get_losses,add_loss,get_loss,get_regularization_loss,"
        "get_regularization_losses} tf.contrib.losses.get_total_loss",
        BY_HAND, "add_loss in a layer, kernel_regularizer; fit adds model.losses", "P43",
    ),
    idiom(
        405, "other loss",
        "tf.losses.{absolute_difference,huber_loss,hinge_loss,cosine_distance,compute_weighted_loss,"
        "mean_pairwise_squared_error} tf.contrib.losses.*",
        REWRITTEN, "the loss of keras.losses; its weights and reduction written out", "P38 P39",
    ),
    idiom(
        407, "L2 penalty", "tf.nn.l2_loss", REWRITTEN,
        "keras.regularizers.L2(factor / 2): l2_loss is half the sum of squares", "P43",
    ),
    idiom(
        408, "regularizer",
        "tf.contrib.layers.{l2_regularizer,l1_regularizer,l1_l2_regularizer,apply_regularization,"
        "sum_regularizer}",
        REWRITTEN, "keras.regularizers.L2(scale / 2), or L1(scale)", "P43",
    ),
    idiom(
        409, "metric in the graph",
        "tf.metrics.{accuracy,auc,mean,precision,recall,mean_squared_error,"
        "root_mean_squared_error,mean_per_class_accuracy,mean_iou,precision_at_k,recall_at_k,"
        "true_positives,false_positives,true_negatives,false_negatives,percentage_below,"
        "mean_absolute_error,mean_tensor,mean_relative_error,mean_cosine_distance,"
        "sparse_precision_at_k,average_precision_at_k,sensitivity_at_specificity} "
        "tf.contrib.metrics.*",
        REWRITTEN, "a metric of keras.metrics in compile: it resets itself each epoch", "P40 P100",
    ),
    idiom(
        410, "hits among the first k", "tf.nn.in_top_k", REWRITTEN,
        "keras.ops.in_top_k, keras.metrics.SparseTopKCategoricalAccuracy", "P40",
    ),
]  # fmt: skip

OPTIMIZERS = [
    idiom(
        420, "gradient descent", "tf.train.GradientDescentOptimizer", REWRITTEN,
        "keras.optimizers.SGD(rate)", "P52 P65",
    ),
    idiom(
        421, "momentum", "tf.train.MomentumOptimizer", REWRITTEN,
        "keras.optimizers.SGD(rate, momentum=…)", "P52 P62 P69",
    ),
    idiom(
        422, "Adam", "tf.train.AdamOptimizer", REWRITTEN,
        "keras.optimizers.Adam(rate, epsilon=1e-8): Keras' default is 1e-7",
        "P53 P54 P55 P62 P66",
    ),
    idiom(
        423, "RMSProp", "tf.train.RMSPropOptimizer", REWRITTEN,
        "keras.optimizers.RMSprop(rate, rho=decay, epsilon=1e-10)", "P54 P56 P62 P67",
    ),
    idiom(
        424, "Adagrad", "tf.train.{AdagradOptimizer,AdagradDAOptimizer}", REWRITTEN,
        "keras.optimizers.Adagrad(rate, initial_accumulator_value=0.1, epsilon=0)", "P54 P62 P67",
    ),
    idiom(
        425, "Adadelta", "tf.train.AdadeltaOptimizer", REWRITTEN,
        "keras.optimizers.Adadelta(rate, rho=0.95, epsilon=1e-8)", "P54 P62 P67",
    ),
    idiom(
        426, "Ftrl", "tf.train.FtrlOptimizer", REWRITTEN,
        "keras.optimizers.Ftrl(rate, learning_rate_power=-0.5, …)", "P62 P67",
    ),
    idiom(
        427, "other optimizer",
        "tf.contrib.opt.* tf.train.{ProximalGradientDescentOptimizer,ProximalAdagradOptimizer,"
        "Optimizer}",
        BY_HAND, "an optimizer of keras.optimizers, or a class of one's own", "P51 P59 P62",
        MEDIUM,
    ),
    idiom(
        428, "train op", ".minimize", REWRITTEN,
        "model.compile(optimizer, loss) and fit, or train_step", "P51", when=called,
    ),
    idiom(
        429, "gradients of an optimizer", ".compute_gradients", REWRITTEN,
        "tf.GradientTape in train_step", "P48 P50", when=called,
    ),
    idiom(
        430, "train op of contrib",
        "tf.contrib.layers.optimize_loss tf.contrib.training.{train,create_train_op}",
        BY_HAND, "model.compile and fit; its clipping and decay in the optimizer", "P58 P74",
        MEDIUM,
    ),
    idiom(
        437, "step of given gradients", ".apply_gradients", REWRITTEN,
        "optimizer.apply in train_step; fit where nothing is done to them", "P48", when=called,
        legacy_only=True,
    ),
    idiom(
        431, "clipping by the global norm", "tf.clip_by_global_norm", REWRITTEN,
        "global_clipnorm= of the optimizer", "P58",
    ),
    idiom(
        432, "clipping of each gradient", "tf.{clip_by_norm,clip_by_average_norm}", REWRITTEN,
        "clipnorm= of the optimizer", "P58",
    ),
    idiom(
        433, "clipping by value", "tf.clip_by_value", REWRITTEN,
        "clipvalue= of the optimizer, if it clips gradients; else keras.ops.clip", "P58 P102",
    ),
    idiom(
        434, "schedule of the rate",
        "tf.train.{exponential_decay,piecewise_constant,piecewise_constant_decay,polynomial_decay,"
        "inverse_time_decay,natural_exp_decay,cosine_decay,cosine_decay_restarts,"
        "linear_cosine_decay,noisy_linear_cosine_decay}",
        REWRITTEN, "keras.optimizers.schedules, with the same staircase and first step", "P74 P101",
    ),
    idiom(
        435, "global step",
        "tf.train.{get_or_create_global_step,get_global_step,create_global_step,global_step,"
        "assert_global_step} tf.contrib.framework.*global_step",
        REWRITTEN, "optimizer.iterations", "P63 P72",
    ),
    idiom(
        436, "average of the weights", "tf.train.ExponentialMovingAverage", BY_HAND,
        "use_ema=True, ema_momentum= of the optimizer; convert --averages", "P17", MEDIUM,
    ),
]  # fmt: skip

LOOPS = [
    idiom(
        440, "checkpoint",
        "tf.train.{Saver,saver.Saver} tf.train.{get_checkpoint_state,update_checkpoint_state,"
        "latest_checkpoint,checkpoint_exists,NewCheckpointReader,get_checkpoint_mtimes}",
        BY_HAND, "keras.callbacks.BackupAndRestore, ModelCheckpoint; model.save",
        "P62 P64 P76 P110",
    ),
    idiom(
        441, "weights of another checkpoint",
        "tf.train.init_from_checkpoint tf.contrib.framework.{init_from_checkpoint,"
        "assign_from_checkpoint,assign_from_checkpoint_fn,load_variable,list_variables}",
        BY_HAND, "model.load_weights of what tf1port convert wrote", "P1 P75 P110", MEDIUM,
    ),
    idiom(
        442, "supervised session",
        "tf.train.{Supervisor,MonitoredSession,MonitoredTrainingSession,SingularMonitoredSession,"
        "SessionManager,Scaffold,ChiefSessionCreator,WorkerSessionCreator}",
        BY_HAND, "model.fit with keras.callbacks.BackupAndRestore and TensorBoard", "P63 P64 P124",
        LARGE,
    ),
    idiom(
        443, "hook of a session",
        "tf.train.{SessionRunHook,*Hook,SessionRunArgs,SecondOrStepTimer} "
        "tf.estimator.{SessionRunHook,*Hook}",
        BY_HAND, "a keras.callbacks.Callback", "", MEDIUM,
    ),
    idiom(
        444, "queue runner",
        "tf.train.{start_queue_runners,add_queue_runner,Coordinator,QueueRunner,LooperThread} "
        "tf.train.queue_runner.*",
        BY_HAND, "tf.data: no threads to start or to join", "P68 P120", MEDIUM,
    ),
    idiom(
        445, "Estimator",
        "tf.estimator.** tf.contrib.{learn,estimator,tpu}.**", BY_HAND,
        "keras.Model, compile and fit; model_fn is its call, input_fn tf.data",
        "P42 P76 P116", LARGE,
    ),
    idiom(
        446, "summary",
        "tf.summary.{scalar,histogram,image,audio,text,tensor_summary}", REWRITTEN,
        "keras.callbacks.TensorBoard; tf.summary with step= for what is one's own", "P118",
        when=old_summary,
    ),
    idiom(
        447, "summaries of a graph",
        "tf.summary.{merge,merge_all,FileWriter,FileWriterCache,get_summary_description} "
        "tf.{Summary,Summary.Value,SummaryProto,merge_all_summaries,scalar_summary,"
        "histogram_summary,image_summary} tf.train.{SummaryWriter,summary_iterator} "
        "tf.contrib.summary.*",
        REWRITTEN, "keras.callbacks.TensorBoard(log_dir)", "P118",
    ),
    idiom(
        448, "export",
        "tf.saved_model.{simple_save,builder.**,Builder,signature_def_utils.**,loader.**,"
        "tag_constants.**,signature_constants.**,build_signature_def,build_tensor_info,utils.**,"
        "main_op.**,predict_signature_def} tf.contrib.saved_model.*",
        REWRITTEN, "model.export(folder), or keras.export.ExportArchive", "P77 P78",
    ),
    idiom(
        449, "TFLite of a session", "tf.lite.TFLiteConverter.{from_session,from_frozen_graph} "
        "tf.contrib.lite.** tf.lite.toco_convert",
        BY_HAND, "tf.lite.TFLiteConverter.from_keras_model", "P115", MEDIUM,
    ),
]  # fmt: skip

ALL = [*LOSSES, *OPTIMIZERS, *LOOPS]
