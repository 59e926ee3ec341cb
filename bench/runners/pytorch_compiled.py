"""The PyTorch twins under torch.compile.

It does not look into nn.RNN and nn.LSTM, so that their steps are written out here: over the same
parameters, the inputs' products of all steps at once.
"""

import torch
from torch import nn

from bench.runners import pytorch

MODELS = pytorch.MODELS


def build(config, dataset, weights):
    """The Runner of a config."""
    model = pytorch.new_model(config, weights)
    return pytorch.Torch(config, dataset, model, torch.compile(Unrolled(model)))


class Unrolled(nn.Module):
    """The same function of images [B, T, F] as a twin's own, a loop in Python over the steps."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, images):
        model = self.model
        if isinstance(model, pytorch.RowLSTM):
            return model.logits(model.normalization(_lstm(model.rnn, images)))
        return model.logits(_rnn(model.rnn, images))


def _rnn(rnn, sequence):
    """The last output [B, H] of a stack of tanh cells."""
    for layer in range(rnn.num_layers):
        recurrent = getattr(rnn, f"weight_hh_l{layer}")
        terms = _input_terms(rnn, layer, sequence)  # T x [B, H]
        states = [torch.tanh(terms[0])]
        for term in terms[1:]:
            states.append(torch.tanh(term + states[-1] @ recurrent.T))
        sequence = torch.stack(states, dim=1)  # [B, T, H]
    return sequence[:, -1]


def _lstm(lstm, sequence):
    """The last output [B, H] of an LSTM from zero states."""
    h = c = sequence.new_zeros(len(sequence), lstm.hidden_size)
    for term in _input_terms(lstm, 0, sequence):  # [B, 4 H]
        i, f, g, o = (term + h @ lstm.weight_hh_l0.T).chunk(4, dim=1)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        h = torch.sigmoid(o) * torch.tanh(c)
    return h


def _input_terms(rnn, layer, sequence):
    """What a layer's inputs add at each step."""
    kernel, bias = (getattr(rnn, f"{name}_ih_l{layer}") for name in ("weight", "bias"))
    return nn.functional.linear(sequence, kernel, bias).unbind(dim=1)
