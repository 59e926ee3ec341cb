"""Idioms of input pipelines, S6…."""

from tf1port.scanning.idioms.idiom import Becomes, Effort, idiom
from tf1port.scanning.when import called

CONVERTED, REWRITTEN, BY_HAND = Becomes.CONVERTED, Becomes.REWRITTEN, Becomes.BY_HAND
SMALL, MEDIUM, LARGE = Effort.SMALL, Effort.MEDIUM, Effort.LARGE

ALL = [
    idiom(
        601, "iterator of a dataset",
        ".{make_one_shot_iterator,make_initializable_iterator} "
        "tf.data.{make_one_shot_iterator,make_initializable_iterator}",
        REWRITTEN, "for batch in dataset, or model.fit(dataset)", "P120", when=called,
    ),
    idiom(
        602, "iterator by its structure",
        "tf.data.{Iterator.from_structure,Iterator.from_string_handle,get_output_shapes,"
        "get_output_types,get_output_classes}",
        BY_HAND, "one dataset for fit and one for evaluate; dataset.element_spec", "P120", MEDIUM,
    ),
    idiom(
        603, "next element", ".get_next", REWRITTEN,
        "for batch in dataset, or model.fit(dataset)", "P120", when=called, legacy_only=True,
    ),
    idiom(
        604, "queue of batches",
        "tf.train.{batch,shuffle_batch,batch_join,shuffle_batch_join,maybe_batch,"
        "maybe_shuffle_batch,slice_input_producer,string_input_producer,range_input_producer,"
        "input_producer,limit_epochs,match_filenames_once}",
        BY_HAND, "tf.data.Dataset…shuffle(n).batch(n)", "P68 P120", MEDIUM,
    ),
    idiom(
        605, "reader",
        "tf.{TFRecordReader,TextLineReader,WholeFileReader,FixedLengthRecordReader,IdentityReader,"
        "LMDBReader,ReaderBase}",
        BY_HAND, "tf.data.TFRecordDataset, TextLineDataset …", "P68", MEDIUM,
    ),
    idiom(
        606, "queue",
        "tf.{FIFOQueue,RandomShuffleQueue,PaddingFIFOQueue,PriorityQueue,QueueBase}", BY_HAND,
        "tf.data.Dataset.from_generator, padded_batch", "P68 P120", MEDIUM,
    ),
    idiom(
        607, "dataset of contrib", "tf.contrib.data.*", REWRITTEN,
        "tf.data.Dataset: its methods, or tf.data.experimental", "P68",
    ),
    idiom(
        608, "bucketing", "tf.contrib.training.{bucket,bucket_by_sequence_length}", BY_HAND,
        "dataset.bucket_by_sequence_length", "P31 P68", MEDIUM,
    ),
    idiom(
        609, "hyper-parameters", "tf.contrib.training.HParams", REWRITTEN,
        "a dataclass",
    ),
    idiom(
        610, "feature columns", "tf.feature_column.**", BY_HAND,
        "keras.layers.Normalization, StringLookup …, or keras.utils.FeatureSpace", "", MEDIUM,
    ),
    idiom(
        611, "data set of the tutorials", "tf.examples.tutorials.** tf.contrib.learn.datasets.**",
        REWRITTEN, "keras.datasets.mnist.load_data()", "P23 P68", module=True,
    ),
    idiom(
        612, "training by slices of a TF1 dataset", "tf.contrib.training.*", BY_HAND,
        "model.fit, tf.data", "", MEDIUM,
    ),
]  # fmt: skip
