"""The character model in Keras 3: the states of its LSTM layers go in and come out.

python modern_model.py MODEL.keras saves it, compiled and untrained.
"""

import dataclasses
import sys

import keras
import reader


@dataclasses.dataclass(frozen=True)
class Config:
    """Hyper-parameters, as of legacy_model.Config."""

    hidden_size: int = 48
    embedding_size: int = 24
    num_layers: int = 2
    batch_size: int = 8
    num_steps: int = 20
    dropout: float = 0.1  # what TF1 kept was 0.9
    learning_rate: float = 0.01
    decay_rate: float = 0.8
    decay_steps: int = 100
    max_grad_norm: float = 3.0


def build_model(config, vocab_size):
    """The compiled model from chars [B, T] and states 2 L × [B, U] to logits [B, T, V].

    The states are h and c of each layer, zeros where a text begins.
    """
    chars = keras.Input((None,), dtype="int32", name="chars")
    x = keras.layers.Embedding(vocab_size, config.embedding_size, name="embedding")(chars)
    x = keras.layers.Dropout(config.dropout)(x)
    states = []
    for i in range(config.num_layers):
        given = [keras.Input((config.hidden_size,), name=f"{name}_{i}") for name in "hc"]
        states += given
        lstm = keras.layers.LSTM(
            config.hidden_size,
            return_sequences=True,
            return_state=True,
            unit_forget_bias=False,  # a fresh start is TF1's; loaded weights have their own
            name=f"lstm_{i}",
        )
        x, *_ = lstm(x, initial_state=given)
        x = keras.layers.Dropout(config.dropout)(x)
    logits = keras.layers.Dense(vocab_size, name="softmax")(x)
    model = keras.Model([chars, *states], logits)
    model.compile(
        optimizer=make_optimizer(config),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    return model


def make_optimizer(config):
    """Adam with TF1's epsilon, the clip and the decay of the TF1 program."""
    rate = keras.optimizers.schedules.ExponentialDecay(
        config.learning_rate, config.decay_steps, config.decay_rate, staircase=True
    )
    return keras.optimizers.Adam(rate, epsilon=1e-8, global_clipnorm=config.max_grad_norm)


def stepping(model):
    """The same layers as a model that returns [logits, h_0, c_0, h_1, c_1] to go on from."""
    layers = [layer for layer in model.layers if isinstance(layer, keras.layers.LSTM)]
    states = [state for layer in layers for state in layer.output[1:]]
    return keras.Model(model.inputs, [model.output, *states])


def zero_states(config, rows):
    """The states at the beginning of a text: 2 L × [B, U]."""
    return [keras.ops.zeros([rows, config.hidden_size]) for _ in range(2 * config.num_layers)]


def main(path):
    """Saves the model for the vocabulary of the training text."""
    vocabulary = reader.Vocabulary(reader.sentences(400, seed=0))
    build_model(Config(), len(vocabulary)).save(path)


if __name__ == "__main__":
    main(sys.argv[1])
