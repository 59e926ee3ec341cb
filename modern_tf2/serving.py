"""Using a trained run: one-image prediction on the CPU, and a SavedModel for servers."""

import keras
import tensorflow as tf

from modern_tf2 import training
from shared import batches
from shared.files import replacing_folder


def predict(run, image):
    """Class probabilities [10] of one image [28, 28] uint8, computed on the CPU.

    They are the mean over all windows of the image. Loads the `.keras` file and calls the model.
    """
    with tf.device("/CPU:0"):
        logits = training.restore(run)(batches.windows(image, run.config), training=False)
        return keras.ops.mean(keras.ops.softmax(logits), axis=0).numpy()


def export(run, target):
    """Writes a SavedModel whose default signature maps the config's `input_shapes` to `logits`.

    Each with a batch in front: `inputs` [B, T, F] to `logits` [B, C]. Builds it with an
    ExportArchive: `model.export` would call the output `output_0` (D7).
    """
    model = training.restore(run)
    signature = keras.tree.map_structure(
        lambda tensor: tf.TensorSpec(tensor.shape, tf.float32, name=tensor.name), model.input
    )
    archive = keras.export.ExportArchive()
    archive.track(model)
    archive.add_endpoint(
        "serving_default",
        lambda inputs: {"logits": model(inputs, training=False)},
        input_signature=[signature],
    )
    with replacing_folder(target) as folder:
        archive.write_out(folder, verbose=False)
