"""Using a trained run: one-image prediction on the CPU, and a SavedModel for servers."""

import tensorflow.compat.v1 as tf

from legacy_tf1 import training
from shared import batches
from shared.files import replacing_folder


def predict(run, image):
    """Class probabilities [10] of one image [28, 28] uint8, computed on the CPU.

    They are the mean over all windows of the image. Restores the checkpoint into a new Session.
    """
    with tf.Graph().as_default(), tf.device("/cpu:0"):
        model = training.MODELS[run.config.model].build_model(run.config)
        probabilities = tf.reduce_mean(tf.nn.softmax(model.logits), axis=0)
        saver = tf.train.Saver()
        with tf.Session(config=training.session_config()) as session:
            training.restore(session, saver, run)
            return session.run(probabilities, {model.inputs: batches.windows(image, run.config)})


def export(run, target):
    """Writes a SavedModel whose default signature maps the config's `input_shapes` to `logits`.

    Each with a batch in front: `inputs` [B, T, F] to `logits` [B, C]. Builds it from a Session with
    the restored checkpoint.
    """
    with tf.Graph().as_default():
        model = training.MODELS[run.config.model].build_model(run.config)
        inputs = dict(zip(run.config.input_shapes, tf.nest.flatten(model.inputs)))
        outputs = {"logits": model.logits}
        saver = tf.train.Saver()
        with tf.Session(config=training.session_config()) as session:
            training.restore(session, saver, run)
            with replacing_folder(target) as folder:
                tf.saved_model.simple_save(session, folder, inputs=inputs, outputs=outputs)
