"""Twins of the window RNN and the row LSTM in PyTorch, eager.

Differences that the exact comparison had to know: torch.nn.RNN and LSTM have two biases, the second
of which stays zero; Adam adds epsilon after its bias correction, TF1 before; the moving variance of
BatchNorm1d is the unbiased one, which only tests see.
Shapes: B batch, T window, F features, H units, C classes.
"""

import numpy as np
import torch
from torch import nn

from bench.runners import one_image
from shared import batches
from shared.config import train_split

MODELS = ("window-rnn", "row-lstm")


def build(config, dataset, weights):
    """The Runner of a config."""
    model = new_model(config, weights)
    return Torch(config, dataset, model, model)


def new_model(config, weights):
    """The module from images [B, T, F] to logits [B, C], with named weights."""
    model = (WindowRNN if config.model == "window-rnn" else RowLSTM)(config)
    with torch.no_grad():
        for layer in range(model.rnn.num_layers):
            getattr(model.rnn, f"bias_hh_l{layer}").zero_().requires_grad_(False)
        for name, tensor in named_tensors(model, config).items():
            value = torch.from_numpy(weights[name])
            tensor.copy_(value.T if name.endswith("kernel") else value)
    return model


def named_tensors(model, config):
    """A model's parameters and moving statistics by the names of shared/weights.py.

    Kernels are stored transposed; the gates i, f, g, o of an LSTM are Keras' i, f, c, o.
    """
    own = {**dict(model.named_parameters()), **dict(model.named_buffers())}
    return {name: own[_path(name)] for name in config.weight_shapes()}


def gradients(model, config):
    """The gradients of the last backward pass as named weights."""
    named = named_tensors(model, config).items()
    arrays = {name: tensor.grad.numpy() for name, tensor in named if tensor.grad is not None}
    return {name: v.T if name.endswith("kernel") else v for name, v in arrays.items()}


class WindowRNN(nn.Module):
    """A stack of tanh cells, and logits of its last output."""

    def __init__(self, config):
        super().__init__()
        self.rnn = nn.RNN(config.features, config.units, config.layers, batch_first=True)
        self.logits = nn.Linear(config.units, config.classes)

    def forward(self, images):
        outputs, _ = self.rnn(images)  # [B, T, H]
        return self.logits(outputs[:, -1])


class RowLSTM(nn.Module):
    """An LSTM, batch normalization of its last output, and logits."""

    def __init__(self, config):
        super().__init__()
        self.rnn = nn.LSTM(config.features, config.units, batch_first=True)
        self.normalization = nn.BatchNorm1d(
            config.units, eps=config.epsilon, momentum=1 - config.momentum
        )
        self.logits = nn.Linear(config.units, config.classes)

    def forward(self, images):
        outputs, _ = self.rnn(images)  # [B, T, H]
        return self.logits(self.normalization(outputs[:, -1]))


class Torch:
    """The Runner of a module; `forward` is what computes its logits, the module or a twin of it."""

    def __init__(self, config, dataset, model, forward):
        self.model, self.forward = model, forward
        self.train_batches = _Batches(
            train_split(config, dataset), config, plan=batches.train_plan(config, 0)
        )
        self.test_batches = _Batches(dataset.test, config, plan=batches.test_plan(config))
        self.optimizer = _optimizer(model, config)
        image = torch.from_numpy(one_image(config, dataset))
        self.predictors = {"inference_mode": lambda: self._predict(image)}

    def train(self, count):
        self.forward.train()
        return np.array([self._step(*self.train_batches[n]) for n in range(count)])

    def inputs(self, count):
        for number in range(count):
            self.train_batches[number]

    @torch.inference_mode()
    def evaluate(self):
        self.forward.eval()
        losses = [self.loss(*self.test_batches[n]).item() for n in range(len(self.test_batches))]
        return float(np.mean(losses))

    def loss(self, images, labels):
        """The mean loss of a batch, a scalar tensor."""
        return nn.functional.cross_entropy(self.forward(images), labels)

    def _step(self, images, labels):
        self.optimizer.zero_grad()
        loss = self.loss(images, labels)
        loss.backward()
        self.optimizer.step()
        return loss.item()

    @torch.inference_mode()
    def _predict(self, image):
        self.forward.eval()
        return self.forward(image).numpy()


class _Batches:
    """The batches of a plan, cut out of one tensor of all rows."""

    def __init__(self, split, config, *, plan):
        self.config, self.plan = config, plan
        self.rows = torch.from_numpy(split.images.reshape(-1, config.features).copy())
        self.labels = torch.from_numpy(split.labels.copy())

    def __len__(self):
        return len(self.plan)

    def __getitem__(self, step):
        numbers = batches.window_rows(self.plan, step, config=self.config)  # [B, T]
        images = self.rows[torch.from_numpy(numbers)].float() * float(batches.PIXEL_SCALE)
        return images, self.labels[torch.from_numpy(self.plan.indices[step])]


def _optimizer(model, config):
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    if config.optimizer == "adam":
        return torch.optim.Adam(
            parameters,
            config.learning_rate,
            betas=(config.beta_1, config.beta_2),
            eps=config.epsilon,
            fused=True,  # one kernel for all parameters
        )
    return torch.optim.SGD(parameters, config.learning_rate, fused=True)


_PARTS = {"kernel": "weight", "bias": "bias", "gamma": "weight", "beta": "bias"}
_PARTS.update(moving_mean="running_mean", moving_variance="running_var")
_CELLS = {"kernel": "weight_ih", "recurrent_kernel": "weight_hh", "bias": "bias_ih"}


def _path(name):
    """The name of the module's own tensor."""
    layer, _, part = name.partition("/")
    if layer.startswith(("cell_", "lstm")):
        return f"rnn.{_CELLS[part]}_l{layer.removeprefix('cell_').replace('lstm', '0')}"
    return f"{layer}.{_PARTS[part]}"
