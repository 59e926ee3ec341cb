"""Idioms of graphs and sessions, S3…: what a TF1 program is built of and run by."""

from tf1port.scanning.idioms.idiom import Becomes, Effort, idiom
from tf1port.scanning.when import called, imports_v1, on_session, written_v1

CONVERTED, REWRITTEN, BY_HAND = Becomes.CONVERTED, Becomes.REWRITTEN, Becomes.BY_HAND
SMALL, MEDIUM, LARGE = Effort.SMALL, Effort.MEDIUM, Effort.LARGE

GRAPH = [
    idiom(
        301, "placeholder", "tf.{placeholder,placeholder_with_default,sparse_placeholder}",
        CONVERTED, "keras.Input(shape, dtype=…), without the batch's size", "P5 P108",
    ),
    idiom(
        302, "session",
        "tf.{Session,InteractiveSession,get_default_session}",
        BY_HAND, "model.fit, evaluate, predict; or a call of the model", "P109", MEDIUM,
    ),
    idiom(
        303, "run of a session",
        "tf.{Session,InteractiveSession}().{run,partial_run,make_callable} "
        "tf.train.{MonitoredSession,MonitoredTrainingSession,SingularMonitoredSession}().run",
        BY_HAND, "model.train_on_batch, test_on_batch or predict_on_batch", "P60", MEDIUM,
        when=called,
    ),
    idiom(
        304, "run with a feed_dict", ".run", BY_HAND,
        "model.train_on_batch, test_on_batch or predict_on_batch", "P60", MEDIUM,
        when=on_session,
    ),
    idiom(
        305, "eval of a tensor", ".eval", BY_HAND,
        "keras.ops.convert_to_numpy of what a call of the model returns",
        when=on_session,
    ),
    idiom(
        306, "graph", "tf.{Graph,get_default_graph,reset_default_graph}", REWRITTEN,
        "leave it out; keras.utils.clear_session() where it was reset",
    ),
    idiom(
        307, "variable scope",
        "tf.{variable_scope,variable_op_scope,name_scope,op_scope,get_variable_scope,AUTO_REUSE,"
        "VariableScope}",
        REWRITTEN, "layers with names; one layer object wherever weights are shared", "P10 P117",
    ),
    idiom(
        308, "reuse of variables", ".reuse_variables", REWRITTEN,
        "call the same layer again; a loop over steps is keras.layers.RNN", "P18 P117", MEDIUM,
        when=called,
    ),
    idiom(
        309, "scope with reuse", "tf.variable_scope", REWRITTEN,
        "call the same layer again; a loop over steps is keras.layers.RNN", "P18 P117", MEDIUM,
        argument="reuse:6",
    ),
    idiom(
        310, "get_variable", "tf.{get_variable,get_local_variable}", CONVERTED,
        "a layer's weight: Layer.add_weight(shape, initializer, name=…)", "P17",
    ),
    idiom(
        311, "variables of a graph",
        "tf.{global_variables,trainable_variables,all_variables,local_variables,model_variables,"
        "moving_average_variables}",
        REWRITTEN, "model.weights, model.trainable_weights", "P2 P75",
    ),
    idiom(
        312, "initialization of variables",
        "tf.{global_variables_initializer,local_variables_initializer,initialize_all_variables,"
        "initialize_local_variables,variables_initializer,initialize_variables,tables_initializer,"
        "initialize_all_tables,initializers.global_variables,initializers.local_variables,"
        "initializers.tables_initializer,report_uninitialized_variables,is_variable_initialized}",
        REWRITTEN, "leave it out: a layer's weights begin with their initializers",
    ),
    idiom(
        313, "collection of update ops", "tf.GraphKeys.UPDATE_OPS", REWRITTEN,
        "leave it out: fit updates the statistics of BatchNormalization", "P42 P60",
    ),
    idiom(
        314, "collection",
        "tf.{get_collection,get_collection_ref,add_to_collection,add_to_collections,GraphKeys} "
        "tf.GraphKeys.*",
        BY_HAND, "model.losses for penalties, attributes of the model for the rest", "P43",
    ),
    idiom(
        315, "control dependencies", "tf.control_dependencies", REWRITTEN,
        "the order of the statements, in eager code and in tf.function", "P60",
    ),
    idiom(
        316, "assignment in the graph",
        "tf.{assign,assign_add,assign_sub,scatter_update,scatter_add,scatter_sub,count_up_to}",
        REWRITTEN, "variable.assign(value)",
    ),
    idiom(
        317, "seed of a graph", "tf.{set_random_seed,random.set_random_seed}", REWRITTEN,
        "keras.utils.set_random_seed(seed): other numbers than TF1's", "P68 P103",
    ),
    idiom(
        318, "options of a session",
        "tf.{ConfigProto,GPUOptions,OptimizerOptions,GraphOptions,RunOptions,RunMetadata}",
        REWRITTEN, "leave it out; tf.config.set_visible_devices, set_memory_growth",
    ),
    idiom(
        319, "graph as a file",
        "tf.{GraphDef,MetaGraphDef,import_graph_def} tf.train.{write_graph,import_meta_graph,"
        "export_meta_graph} tf.graph_util.{convert_variables_to_constants,"
        "extract_sub_graph,remove_training_nodes}",
        BY_HAND, "tf1port convert reads .meta, SavedModel and frozen graphs", "", MEDIUM,
    ),
    idiom(
        320, "tensor by its name",
        ".{get_tensor_by_name,get_operation_by_name,get_operations,as_graph_element}",
        BY_HAND, "model.get_layer(name).output; tf1port convert --outputs takes the name",
        when=called,
    ),
    idiom(
        321, "Python in the graph", "tf.{py_func,numpy_function,py_function} tf.contrib.eager.*",
        BY_HAND, "keras.ops; what must be Python runs in the tf.data pipeline", "", MEDIUM,
    ),
    idiom(
        322, "print in the graph", "tf.{Print,Assert,add_check_numerics_ops}", REWRITTEN,
        "tf.print, keras.callbacks.TerminateOnNaN",
    ),
    idiom(
        323, "template", "tf.{make_template,create_partitioned_variables,container,colocate_with}",
        REWRITTEN, "one layer object, called again",
    ),
    idiom(
        324, "device or replica by hand",
        "tf.{device,Graph().device} tf.train.{replica_device_setter,SyncReplicasOptimizer,"
        "ClusterSpec,Server}",
        BY_HAND, "tf.distribute: MirroredStrategy or MultiWorkerMirroredStrategy, then fit",
        "P47 P52 P125", MEDIUM,
    ),
    idiom(
        325, "TF1's behaviour asked for",
        "tf.{disable_v2_behavior,disable_eager_execution,enable_eager_execution,enable_v2_behavior,"
        "disable_control_flow_v2,disable_resource_variables,disable_tensor_equality,"
        "enable_resource_variables,disable_v2_tensorshape}",
        REWRITTEN, "leave it out, at last", "P121",
    ),
    idiom(
        326, "gradients in the graph", "tf.{gradients,hessians}", REWRITTEN,
        "tf.GradientTape in train_step; fit where nothing is done to them", "P48 P50",
    ),
    idiom(
        327, "partitioned variable",
        "tf.{fixed_size_partitioner,variable_axis_size_partitioner,min_max_variable_partitioner}",
        REWRITTEN, "leave it out: tf1port joins the parts",
    ),
    idiom(
        328, "variable", "tf.Variable", CONVERTED,
        "a layer's weight: Layer.add_weight(shape, initializer, name=…)", "P17",
    ),
]  # fmt: skip

PROGRAM = [
    idiom(
        340, "flags of a program", "tf.app.flags.** tf.flags.**", REWRITTEN,
        "from absl import flags: the same module", module=True,
    ),
    idiom(341, "main of a program", "tf.app.run", REWRITTEN, "from absl import app; app.run(main)"),
    idiom(
        342, "logging", "tf.logging.** tf.contrib.logging.**", REWRITTEN,
        "from absl import logging, or tf.get_logger()", module=True,
    ),
    idiom(
        343, "files", "tf.gfile.** tf.python_io.**", REWRITTEN, "tf.io.gfile; tf.io for TFRecord",
        module=True,
    ),
    idiom(
        344, "resources of a program", "tf.{resource_loader,user_ops}.**",
        REWRITTEN, "the standard library: os.path, importlib.resources, tempfile", module=True,
    ),
]  # fmt: skip

MODULES = [
    idiom(
        351, "tf.contrib", "tf.contrib.**", BY_HAND,
        "the module is gone: each of its names has its own replacement",
        "P107", MEDIUM, module=True,
    ),
    idiom(
        352, "private module of TensorFlow", "tf.python.** tf.core.**", BY_HAND,
        "a public name; private ones move without notice", module=True,
    ),
    idiom(
        353, "compat.v1 imported", "tf tf.**", BY_HAND,
        "import keras; import tensorflow as tf for tf.data", when=imports_v1,
    ),
    idiom(
        354, "other name of compat.v1", "tf.**", BY_HAND,
        "the name of TF2 or keras.ops that does the same", when=written_v1,
    ),
]  # fmt: skip

ALL = [*GRAPH, *PROGRAM, *MODULES]
