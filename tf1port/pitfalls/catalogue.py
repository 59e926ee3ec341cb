"""The known porting mistakes that controls and diagnosis refer to, as data.

The controls make these mistakes on purpose (tf1port/comparison/controls), the diagnosis looks for
them (tf1port/comparison/diagnosis), and both refer to them by their ids. Runs on Python 3.7.

To add one: a Pitfall at the end of its section with the next free number of all entries, and its
entry in tf1port/pitfalls/entries, where those are whole that only a program can make.
"""

import importlib
from dataclasses import dataclass
from typing import Any, Callable, FrozenSet, Optional, Tuple

# Features of models that a mistake needs; the diagnosis determines those of the model at hand.
TRAITS = {
    "recurrent": "a recurrent layer",
    "lstm": "an LSTM",
    "gru": "a GRU",
    "layers": "two layers of one kind",
    "dense": "a dense layer",
    "convolution": "a convolution",
    "pooling": "a pooling layer",
    "normalization": "a normalization with moving statistics",
    "embedding": "an embedding",
    "bias": "a bias",
    "images": "inputs that are images",
    "streams": "two inputs or more",
    "memory": "an addressable memory",
    "lengths": "sequence lengths",
    "classes": "labels that are classes",
    "adam": "an optimizer of Adam's family",
    "slots": "an optimizer with slots",
}


@dataclass(frozen=True)
class Pitfall:
    """A known porting mistake.

    Attributes:
        id: `P` and a number, which is never reused.
        name: a few words, unique as well.
        cause: one sentence: what is wrong.
        caught_by: names of the checks (tf1port.comparison.ladder.checks.NAMES) that can be the
            first to fail.
        needs: of TRAITS, the features that a model must have for it.
        made_by: "module:function" of this package that makes the mistake on purpose; empty where it
            can only be made in a model's own code.
    """

    id: str
    name: str
    cause: str
    caught_by: Tuple[str, ...]
    needs: FrozenSet[str] = frozenset()
    made_by: str = ""

    def applies(self, traits):
        """Whether a model with these traits can have this mistake."""
        return self.needs <= set(traits)

    @property
    def mistake(self) -> Optional[Callable[..., Any]]:
        """The function that makes it; None without one."""
        if not self.made_by:
            return None
        module, _, name = self.made_by.partition(":")
        return getattr(importlib.import_module("tf1port.pitfalls." + module), name)


def _pitfall(number, name, cause, checks, needs="", made_by=""):
    caught_by = tuple(check.strip() for check in checks.split(","))
    return Pitfall("P%d" % number, name, cause, caught_by, frozenset(needs.split()), made_by)


# Weights.

BIASES = _pitfall(
    1,
    "biases not loaded",
    "Kernels are loaded and biases start at zero, where the checkpoint has both.",
    "variables, outputs",
    "bias",
    "weights:biases_dropped",
)
STATISTICS = _pitfall(
    2,
    "statistics of the normalization not loaded",
    "Moving mean and variance are no trainable variables and were not loaded.",
    "variables, outputs",
    "normalization",
    "weights:statistics_not_loaded",
)
FORGET_BIAS = _pitfall(
    3,
    "forget bias left out",
    "The bias is loaded as the checkpoint has it; TF1's graph adds forget_bias to the forget gate.",
    "variables, outputs",
    "lstm",
    "weights:forget_bias_dropped",
)
FORGET_BIAS_TWICE = _pitfall(
    4,
    "forget bias of another size",
    "The forget bias is not added once: it went into the bias and unit_forget_bias added it again.",
    "variables, outputs",
    "lstm",
    "weights:forget_bias_added",
)
DTYPE = _pitfall(
    5,
    "another dtype",
    "The port computes in float32 where the graph computes in float64, or the reverse.",
    "variables",
)
GATE_ORDER = _pitfall(
    6,
    "gates in another order",
    "TF1's kernels have an LSTM's gates in the order i, j, f, o; Keras' in the order i, f, c, o.",
    "variables, outputs",
    "lstm",
    "weights:gates_reordered",
)
GRU_GATES = _pitfall(
    7,
    "update and reset gate exchanged",
    "TF1's kernels have a GRU's gates in the order r, u; Keras' in the order z (which is u), r.",
    "variables, outputs",
    "gru",
    "layers:gates_exchanged",
)
KERNEL_ROWS = _pitfall(
    8,
    "rows of input and state exchanged in the kernels",
    "TF1's joint kernel [x; h] is cut as if it were [h; x].",
    "variables, outputs",
    "recurrent",
    "weights:kernel_rows_exchanged",
)
TRANSPOSED = _pitfall(
    9,
    "recurrent kernels transposed",
    "A square kernel is transposed, so that no shape complains.",
    "variables, outputs",
    "recurrent",
    "weights:recurrent_kernels_transposed",
)
LAYERS = _pitfall(
    10,
    "layers exchanged",
    "The cells of a stack are loaded in another order.",
    "variables, outputs",
    "recurrent layers",
    "weights:layers_exchanged",
)
RESHAPED = _pitfall(
    11,
    "last kernel reshaped instead of transposed",
    "A kernel [outputs, inputs] is reshaped to [inputs, outputs], which moves its values.",
    "variables, outputs",
    "dense",
    "weights:logits_reshaped",
)
STREAMS = _pitfall(
    12,
    "inputs stacked in the other order",
    "The rows of a kernel over two inputs belong to these in the other order.",
    "variables, outputs",
    "streams",
    "weights:streams_exchanged",
)
BY_COLUMN = _pitfall(
    13,
    "images flattened column by column",
    "Pixels are flattened in another order than the kernel's rows have.",
    "variables, outputs",
    "images dense",
    "weights:pixels_by_column",
)
HEIGHT_WIDTH = _pitfall(
    14,
    "height and width of the convolutions exchanged",
    "Convolution kernels are transposed.",
    "variables, outputs",
    "convolution",
    "weights:kernels_transposed",
)
OIHW = _pitfall(
    15,
    "convolution kernels reshaped from OIHW",
    "Kernels [filter, input, height, width] are reshaped where they should be transposed.",
    "variables, outputs",
    "convolution",
    "weights:kernels_reshaped",
)
BY_CHANNEL = _pitfall(
    16,
    "feature maps flattened channel by channel",
    "Feature maps are flattened in the order of NCHW; the graph's are in NHWC.",
    "variables, outputs",
    "convolution dense",
    "weights:flattened_by_channel",
)
AVERAGES = _pitfall(
    17,
    "averages used instead of the weights",
    "The port has the moving averages of the variables where the graph computes with these, or the "
    "reverse.",
    "variables",
)

# Outputs.

STATE_LOST = _pitfall(
    18,
    "state not passed from step to step",
    "Every time step starts from a state of zeros.",
    "outputs",
    "recurrent",
    "weights:state_not_passed",
)
MEMORY = _pitfall(
    19,
    "memory not read",
    "A part of the state is written to, and never read.",
    "outputs",
    "memory",
    "weights:memory_not_read",
)
STREAM_LOST = _pitfall(
    20,
    "second input not read",
    "One of two inputs is read as zeros.",
    "outputs",
    "streams",
    "weights:profile_not_read",
)
BACKWARDS = _pitfall(
    21,
    "steps read backwards",
    "The time steps are read from the last to the first, as with go_backwards.",
    "outputs",
    "recurrent",
    "images:backwards",
)
WINDOW = _pitfall(
    22,
    "windows one row late",
    "Each window of the inputs starts one row too late.",
    "outputs",
    "images recurrent",
    "images:one_row_later",
)
UNSCALED = _pitfall(
    23,
    "pixels from 0 to 255",
    "The division by 255 was forgotten.",
    "outputs",
    "images",
    "images:unscaled",
)
IMAGES_TRANSPOSED = _pitfall(
    24,
    "images transposed",
    "Columns are read as rows.",
    "outputs",
    "images",
    "images:columns_for_rows",
)
OTHER_EXAMPLES = _pitfall(
    25,
    "inputs of other examples",
    "Two inputs are shuffled apart.",
    "outputs",
    "streams",
    "images:streams_misaligned",
)
STATES = _pitfall(
    26,
    "c and h of the final state exchanged",
    "Keras' states (h, c) are used as TF1's (c, h).",
    "outputs",
    "lstm",
    "sequences:states_exchanged",
)
ACTIVATION = _pitfall(
    27,
    "another activation function",
    "A layer's activation is not the graph's: a different default, or one that was left out.",
    "outputs",
    "",
    "models:replace_activations",
)
POOLING = _pitfall(
    28,
    "average pooling for max",
    "The port computes the mean of each window, the graph the maximum.",
    "outputs",
    "pooling",
    "models:average_for_max",
)
NORMALIZATION_EPSILON = _pitfall(
    29,
    "another epsilon of the normalization",
    "Another library's default is used instead of the graph's epsilon.",
    "outputs",
    "normalization",
)
LAST_STEP = _pitfall(
    30,
    "last step for the last relevant one",
    "Sequences are padded, and the output of the last step is used, even if it is padding.",
    "outputs",
    "recurrent",
)
MASK = _pitfall(
    31,
    "mask ignored",
    "The recurrent layer processes the padding of short sequences as steps.",
    "outputs",
    "recurrent lengths",
    "sequences:whole",
)
LAST_REPEATED = _pitfall(
    32,
    "last output repeated beyond the length",
    "Keras repeats the last output beyond a sequence's length, TF1 outputs zeros.",
    "outputs",
    "recurrent lengths",
    "sequences:last_repeated",
)
ZEROS_MASKED = _pitfall(
    86,
    "rows of zeros taken for padding",
    "Masking and mask_zero skip each step that is all zeros, and each id 0, also those that are "
    "data.",
    "outputs",
    "recurrent",
)
PADDING_COUNTS = _pitfall(
    89,
    "masked loss divided by the padded size",
    "TF1's weighted losses divide by the number of weights that are not 0, sequence_loss by their "
    "sum; Keras divides by all steps.",
    "loss",
    "lengths",
)
MASK_JOINED = _pitfall(
    126,
    "mask lost in a concatenation",
    "Concatenate takes a missing mask for one of steps that all count, and a step counts if it "
    "does in any of its inputs.",
    "outputs, loss",
    "lengths",
)
HEAD = _pitfall(
    81,
    "another output of the recurrent layer used",
    "The next layer's input is the mean, the first step or another part of the sequence than the "
    "graph's.",
    "outputs",
    "recurrent",
)
STATEFUL = _pitfall(
    33,
    "state kept from batch to batch",
    "The layer is stateful; the graph starts each batch from its initial state.",
    "outputs, loss, one step, losses of N steps",
    "recurrent",
)
INITIAL_STATE = _pitfall(
    34,
    "initial state left out",
    "The layer starts from zeros, the graph from a state that is learned, fed or computed.",
    "outputs",
    "recurrent",
)
CELL_CLIP = _pitfall(
    35,
    "cell clip left out",
    "TF1's cell clips its state c; Keras' LSTM does not.",
    "outputs",
    "lstm",
)
RESET_AFTER = _pitfall(
    36,
    "reset gate applied after the product",
    "Keras' GRU has reset_after=True by default; TF1's GRUCell resets the state before it.",
    "outputs",
    "gru",
)
DROPOUT_ON = _pitfall(
    37,
    "dropout left on",
    "Dropout is active outside of training as well, as with training=True in the call.",
    "outputs",
)

# Loss.

SUMMED = _pitfall(
    38,
    "loss summed over the batch",
    "The loss is the sum over the batch, the graph's the mean.",
    "loss",
)
AVERAGED = _pitfall(
    39,
    "loss averaged over the batch",
    "The loss is the mean over the batch, the graph's the sum.",
    "loss",
)
ONE_MORE = _pitfall(
    40,
    "an example too many",
    "The accuracy counts one correct example too many.",
    "loss",
)
SOFTMAX_TWICE = _pitfall(
    41,
    "softmax applied twice",
    "A loss of logits is computed from probabilities.",
    "loss",
    "classes",
)
INFERENCE_MODE = _pitfall(
    42,
    "normalization by its moving statistics in training",
    "The normalization uses its moving statistics in training too, where the graph uses the "
    "batch's.",
    "loss",
    "normalization",
    "models:normalize_by_moving_statistics",
)
PENALTY = _pitfall(
    43,
    "penalty of the weights left out",
    "The graph's loss has an L2 term (half the sum of squares, times a factor) that is missing or "
    "different in the port's.",
    "loss",
)
SMOOTHING = _pitfall(
    44,
    "label smoothing left out",
    "The graph's loss smooths the labels, the port's does not.",
    "loss",
    "classes",
)
DROPOUT_RATE = _pitfall(
    45,
    "keep probability used as the dropout rate",
    "TF1's keep_prob is the share that is kept, Keras' rate the one dropped: rate = 1 - keep_prob.",
    "loss",
)

LOGITS_UNSCALED = _pitfall(
    79,
    "logits used as probabilities",
    "A loss of probabilities is computed from logits: from_logits=True was left out.",
    "loss",
    "classes",
)
DROPOUT_OTHER = _pitfall(
    80,
    "another dropout",
    "Dropout has a rate that is not the graph's, or is applied where the graph has none.",
    "loss",
)

# Gradients.

FORGET_BIAS_IN_GRADIENTS = _pitfall(
    46,
    "forget bias added to the gradients",
    "Gradients or slots are mapped as weights are, the constant included.",
    "gradients, one step",
    "lstm",
    "weights:forget_bias_added",
)
AVERAGED_TWICE = _pitfall(
    47,
    "gradients divided by the batch size twice",
    "The gradients of a mean are divided by the batch size again, as over replicas.",
    "gradients",
)
SCALED = _pitfall(
    48,
    "gradients of another size",
    "All gradients are multiplied by one number.",
    "gradients",
)
CUT_BETWEEN_STEPS = _pitfall(
    49,
    "gradients cut between steps",
    "The state is detached at every time step.",
    "gradients",
    "recurrent",
    "models:cut_between_steps",
)
NO_GRADIENT = _pitfall(
    50,
    "no gradient reaches a weight",
    "A weight that the graph trains is frozen, or its gradient is stopped.",
    "gradients",
)

# One step.

OPTIMIZER = _pitfall(
    51,
    "another optimizer",
    "The model is compiled with another optimizer than the graph's.",
    "one step, losses of N steps",
)
LEARNING_RATE = _pitfall(
    52,
    "another learning rate",
    "The learning rate is not the graph's, or was scaled with replicas that are not there.",
    "one step, losses of N steps",
)
BETAS = _pitfall(
    53,
    "another decay of Adam's moments",
    "beta_1 or beta_2 is not the graph's.",
    "one step",
    "adam",
)
EPSILON = _pitfall(
    54,
    "another epsilon of the optimizer",
    "Keras' default epsilon is 1e-7, that of TF1's Adam 1e-8, that of its RMSProp 1e-10.",
    "one step, losses of N steps",
    "slots",
)
EPSILON_CORRECTED = _pitfall(
    55,
    "Adam with epsilon beside the root of the corrected moment",
    "Epsilon is added as in the paper and PyTorch; TF1 and Keras correct the rate instead.",
    "one step",
    "adam",
    "updates:corrected_first",
)
EPSILON_INSIDE = _pitfall(
    56,
    "Adam with epsilon inside the root",
    "Epsilon is added to the second moment before the square root, as in RMSProp.",
    "one step",
    "adam",
    "updates:inside_the_root",
)
UNCORRECTED = _pitfall(
    57,
    "Adam without the correction of its moments",
    "The bias of the first steps' moments is not corrected, as in some language models' Adam.",
    "one step",
    "adam",
    "updates:uncorrected",
)
CLIPPING = _pitfall(
    58,
    "gradients clipped differently",
    "Clipping was left out or added, has another bound, or clips each variable where the graph "
    "clips the global norm.",
    "one step",
)
WEIGHT_DECAY = _pitfall(
    59,
    "weight decay",
    "The optimizer decays weights where the graph's does not, or by another factor.",
    "one step",
)
UPDATE_OPS = _pitfall(
    60,
    "moving statistics not updated (UPDATE_OPS)",
    "The update operations of the normalization were left out on one side.",
    "one step",
    "normalization",
)
STATISTICS_MOMENTUM = _pitfall(
    61,
    "another momentum of the moving statistics",
    "Another library's default is used instead of the graph's momentum.",
    "one step",
    "normalization",
)
SLOTS = _pitfall(
    62,
    "slots not loaded",
    "Weights are loaded from a checkpoint, the optimizer's slots are reset.",
    "one step, resume",
    "slots",
    "states:without_slots",
)
STEP_COUNT = _pitfall(
    63,
    "step count not loaded",
    "The step count is reset, and with it Adam's correction or a schedule.",
    "one step, resume",
    "",
    "states:without_count",
)
OPTIMIZER_STATE = _pitfall(
    64,
    "optimizer's state not loaded",
    "The optimizer is reset: slots and step count.",
    "one step, resume",
    "slots",
    "states:reset",
)
UNROUNDED = _pitfall(
    65,
    "hyper-parameters not rounded to float32, as TF1 stores them",
    "TF1's graph has hyper-parameters in float32 whatever its dtype.",
    "one step, losses of N steps",
)
SPARSE_GRADIENT = _pitfall(
    66,
    "rows of an embedding's gradient squared before they are summed",
    "An id occurs twice in a batch: TF1's Adam sums the rows of its gradient, then squares; Keras "
    "squares each.",
    "one step, losses of N steps",
    "embedding slots",
)
OTHER_OPTION = _pitfall(
    67,
    "another option of the optimizer",
    "An option of the optimizer, such as rho or initial_accumulator_value, is not the graph's.",
    "one step, losses of N steps",
)

# Losses of N steps.

BATCH_ORDER = _pitfall(
    68,
    "batches in another order",
    "Batches are shuffled where the plan is the order.",
    "losses of N steps",
)
MOMENTUM = _pitfall(
    69,
    "another momentum of the gradient descent",
    "The gradient descent has a momentum that is not the graph's.",
    "one step, losses of N steps",
)
AMSGRAD = _pitfall(
    70,
    "AMSGrad for Adam",
    "The optimizer keeps the largest second moment.",
    "one step, losses of N steps",
    "adam",
)
SLOTS_BETWEEN_FITS = _pitfall(
    71,
    "slots lost between calls of fit",
    "The moments start at zero with each call of fit.",
    "losses of N steps",
    "slots",
    "states:without_slots",
)
COUNT_BETWEEN_FITS = _pitfall(
    72,
    "step count lost between calls of fit",
    "The step count is reset with each call of fit.",
    "losses of N steps",
    "",
    "states:without_count",
)
OPTIMIZER_RESET = _pitfall(
    73,
    "optimizer reset between calls of fit",
    "The model is compiled again before each fit: slots and step count are reset.",
    "losses of N steps",
    "slots",
    "states:reset",
)
SCHEDULE = _pitfall(
    74,
    "another schedule of the learning rate",
    "The rate's schedule is not the graph's: constant, later, or by another count of steps.",
    "one step, losses of N steps",
)

# Resume.

STATISTICS_LOST = _pitfall(
    75,
    "moving statistics not restored",
    "Only trainable variables are restored when a training is resumed.",
    "resume",
    "normalization",
    "states:without_statistics",
)
NOTHING_RESTORED = _pitfall(
    76,
    "nothing restored",
    "No checkpoint was found when a training was resumed, and no error was raised.",
    "resume",
    "",
    "states:own_state",
)

# Exports.

PROBABILITIES = _pitfall(
    77,
    "probabilities exported",
    "The exported signature returns probabilities, the model logits.",
    "exports",
    "classes",
)
EXPORTED_EARLY = _pitfall(
    78,
    "exported before its weights",
    "A layer was exported before its weights were loaded.",
    "exports",
)

ALL = tuple(value for value in list(vars().values()) if isinstance(value, Pitfall))
BY_ID = {pitfall.id: pitfall for pitfall in ALL}
