"""A basic RNN classifier in plain NumPy, written from the papers: both sides are compared with it.

Loops over time and layers, calls neither side, and knows nothing of TensorFlow. Weights go by the
names of shared/weights.py; the dtype of everything is that of the weights.
Shapes: B batch, T window, F features, H units, C classes.
"""

from typing import NamedTuple

import numpy as np

from tests import goldens


class Forward(NamedTuple):
    """layers: one [B, T, H] per cell, its output at every step; logits: [B, C]."""

    layers: list
    logits: np.ndarray


def forward(weights, images):
    """The network on images [B, T, F].

    Every cell is Elman's (Finding Structure in Time, 1990): h' = tanh(x W + h U + b), from h = 0;
    a cell's outputs are the next one's inputs, and the last output goes through a dense layer.
    """
    sequence, layers = images, []
    for layer in range(_depth(weights)):
        kernel, recurrent, bias = _cell(weights, layer)
        state = np.zeros((len(images), len(bias)), kernel.dtype)
        states = []
        for step in range(images.shape[1]):
            state = np.tanh(sequence[:, step] @ kernel + state @ recurrent + bias)
            states.append(state)
        sequence = np.stack(states, axis=1)
        layers.append(sequence)
    logits = sequence[:, -1] @ weights["logits/kernel"] + weights["logits/bias"]
    return Forward(layers, logits)


def cross_entropy(logits, labels):
    """Mean over the batch of -log softmax(logits)[label], in nats: logits [B, C], labels [B]."""
    shifted = logits - logits.max(axis=1, keepdims=True)
    log_sums = np.log(np.exp(shifted).sum(axis=1))
    return np.mean(log_sums - shifted[np.arange(len(labels)), labels])


def accuracy(logits, labels):
    """The fraction of logits [B, C] that are largest at their label."""
    return np.float32(np.mean(logits.argmax(axis=1) == labels))


def gradients(weights, images, labels):
    """The loss of a batch and its named gradients, by backpropagation through time.

    With d for the loss's derivative and h' = tanh(a): da = dh' (1 - h'^2), dW = x^T da,
    dU = h^T da, db = sum da, dx = da W^T, dh = da U^T, summed over the steps from last to first
    (Werbos, Backpropagation Through Time, 1990).
    """
    result = forward(weights, images)
    d_logits = _softmax(result.logits)
    d_logits[np.arange(len(labels)), labels] -= 1
    d_logits /= len(labels)
    grads = {
        "logits/kernel": result.layers[-1][:, -1].T @ d_logits,
        "logits/bias": d_logits.sum(axis=0),
    }
    d_outputs = np.zeros_like(result.layers[-1])
    d_outputs[:, -1] = d_logits @ weights["logits/kernel"].T
    for layer in reversed(range(_depth(weights))):
        inputs = result.layers[layer - 1] if layer else images
        cell = _cell(weights, layer)
        of_cell, d_outputs = _cell_gradients(
            cell, inputs, outputs=result.layers[layer], d_outputs=d_outputs
        )
        grads.update({"cell_%d/%s" % (layer, name): value for name, value in of_cell.items()})
    return cross_entropy(result.logits, labels), grads


def adam_step(weights, grads, slots, *, step, constants):
    """Step number `step`, counted from 1, of Adam: new weights and slots; nothing is mutated.

    Kingma & Ba (Adam, 2015), section 2, in the order of its last paragraph, which TF1 follows:
    the rate is a sqrt(1 - b2^t) / (1 - b1^t), and epsilon-hat is added to sqrt(v) as it stands.
    `slots` are named like `cell_0/kernel/m`; None stands for zeros. `constants`: see tf1_constants.
    """
    stepped, moved = {}, {}
    for name, weight in weights.items():
        kind = weight.dtype.type
        rate, beta_1, beta_2, epsilon = (kind(value) for value in constants)
        m, v = (slots[name + s] if slots else np.zeros_like(weight) for s in ("/m", "/v"))
        m = beta_1 * m + (1 - beta_1) * grads[name]
        v = beta_2 * v + (1 - beta_2) * grads[name] ** 2
        rate = rate * np.sqrt(1 - beta_2 ** kind(step)) / (1 - beta_1 ** kind(step))
        stepped[name] = weight - rate * m / (np.sqrt(v) + epsilon)
        moved[name + "/m"], moved[name + "/v"] = m, v
    return stepped, moved


def tf1_constants(config):
    """Adam's alpha, beta 1, beta 2 and epsilon as TF1 holds them: float32, in any graph."""
    values = (config.learning_rate, config.beta_1, config.beta_2, config.epsilon)
    return tuple(np.float32(value) for value in values)


def trace(weights, batch, *, constants):
    """The groups of tests.goldens.traces.trace after one step, but the losses."""
    images, labels = batch
    layers, logits = forward(weights, images)
    loss, grads = gradients(weights, images, labels)
    stepped, slots = adam_step(weights, grads, None, step=1, constants=constants)
    outputs = {"cell_%d/state" % n: layer[:, -1] for n, layer in enumerate(layers)}
    outputs["rnn"] = layers[-1]
    return {
        "outputs": {name: value[: goldens.EXAMPLES] for name, value in outputs.items()},
        "logits": {"logits": logits},
        "loss": {"loss": loss},
        "gradients": grads,
        "slots": slots,
        "stepped": stepped,
    }


def random_weights(config):
    """Named float32 weights without zeros: TF1's initial biases would hide a forgotten one."""
    stream = np.random.RandomState(3)
    shapes = config.weight_shapes()
    return {name: stream.normal(0, 0.2, shape).astype("float32") for name, shape in shapes.items()}


def _cell_gradients(cell, inputs, *, outputs, d_outputs):
    """Named gradients of one cell, and the gradient of its inputs."""
    kernel, recurrent, _ = cell
    d_kernel, d_recurrent, d_bias = (np.zeros_like(array) for array in cell)
    d_inputs, d_state = np.zeros_like(inputs), np.zeros_like(outputs[:, 0])
    for step in reversed(range(inputs.shape[1])):
        before = outputs[:, step - 1] if step else np.zeros_like(d_state)
        d_sum = (d_outputs[:, step] + d_state) * (1 - outputs[:, step] ** 2)
        d_kernel += inputs[:, step].T @ d_sum
        d_recurrent += before.T @ d_sum
        d_bias += d_sum.sum(axis=0)
        d_inputs[:, step] = d_sum @ kernel.T
        d_state = d_sum @ recurrent.T
    named = {"kernel": d_kernel, "recurrent_kernel": d_recurrent, "bias": d_bias}
    return named, d_inputs


def _softmax(logits):
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def _cell(weights, layer):
    names = ("kernel", "recurrent_kernel", "bias")
    return [weights["cell_%d/%s" % (layer, name)] for name in names]


def _depth(weights):
    return sum(name.endswith("/recurrent_kernel") for name in weights)


def nested_forward(weights, inputs, config):
    """The nested RNN on {"pixels": [B, T, F], "profile": [B, T, P]}: every output, by name.

    One example and one slot at a time, from the equations that both sides have in their docstrings.
    """
    examples = [
        _nested_example(weights, pixels, inputs["profile"][n], config=config)
        for n, pixels in enumerate(inputs["pixels"])
    ]
    outputs = {name: np.stack([example[name] for example in examples]) for name in examples[0]}
    outputs["logits"] = outputs["rnn/hidden"] @ weights["logits/kernel"] + weights["logits/bias"]
    return outputs


def _nested_example(weights, pixels, profile, *, config):
    def affine(name, *arrays):
        inputs = np.concatenate(arrays)
        return inputs @ weights["rnn/%s/kernel" % name] + weights["rnn/%s/bias" % name]

    hidden = np.zeros(config.units, pixels.dtype)
    memory = np.zeros((config.slots, config.width), pixels.dtype)
    outputs = []
    for row, x in enumerate(pixels):
        p = profile[row]
        address = _softmax(affine("address", p, hidden)[None])[0]
        write = np.tanh(affine("write", x))
        for slot in range(config.slots):
            memory[slot] = config.decay * memory[slot] + address[slot] * write
        read = sum(address[slot] * memory[slot] for slot in range(config.slots))
        update = np.tanh(affine("hidden", x, p, hidden, read))
        hidden = (1 - config.leak) * hidden + config.leak * update
        outputs.append(hidden)
    return {"rnn": np.stack(outputs), "rnn/hidden": hidden, "rnn/memory": memory}
