"""Which ops of a third party's graph may run: those that compute, and those that keep its state.

An op that TensorFlow defines as stateless computes its outputs from its inputs, but for the ones
that are named here. Of the stateful ones only the families named here are allowed:
variables and their updates, arrays and stacks of loops, tables, random numbers, control flow, and
Print, which writes to standard error alone (PrintV2 may write to files).
"""

import math
import re

import tensorflow.compat.v1 as tf1

from tf1port.errors import UserError, printable
from tf1port.tf1.graph.op_defs import is_stateful
from tf1port.tf1.graph.pruning import called, node_name

_STATE = re.compile(
    r"(Variable(V2)?|VarHandleOp|VarIsInitializedOp|VariableShape|ReadVariableOp|TemporaryVariable"
    r"|Assign(Add|Sub)?VariableOp|Resource(Sparse)?Apply\w+|Resource(Scatter|Gather)\w*"
    r"|ResourceStridedSliceAssign|ResourceCountUpTo|TensorArray\w*|Stack(Push|Pop|Close)?(V2)?"
    r"|(Anonymous)?(Mutable)?(Dense)?HashTable(OfTensors)?(V2)?|InitializeTable(V2)?"
    r"|LookupTable\w+|Random\w+|Stateful(Random|Standard|Truncated|Uniform)\w+|TruncatedNormal"
    r"|ParameterizedTruncatedNormal|Multinomial|SampleDistortedBoundingBox(V2)?"
    r"|\w+CandidateSampler|AllCandidateSampler|Rng(ReadAnd)?Skip|StatelessRandomGetAlg"
    r"|If|While|Case|StatefulPartitionedCall|Assert|CheckNumerics(V2)?|CudnnRNN\w*|Empty"
    r"|GuaranteeConst|DeepCopy|DeviceIndex|Print)$"
)
# Stateless by their definition or of such a family, but no computation: they end the process, read
# or write files or its memory, run Python, or reach other devices. Datasets: all of them.
_HARMFUL = re.compile(
    r"Abort$|.*Dataset|(Eager)?PyFunc|ReadFile$|WriteFile$|MatchingFiles$|.*Reader|Copy(Host)?$"
    r"|Debug|ImmutableConst$|InitializeTableFrom|GenerateVocabRemapping$|FixedUnigram|RecordInput$"
    r"|SymbolicGradient$|(En|De)codeProto|Infeed|Outfeed|Prelinearize|TPU|.*TPU|Xla|_"
)
# Ops that wait forever where nothing fills a queue.
_WAITING = re.compile(
    r"(\w*Queue(V2)?|Queue\w+|Barrier\w*|\w*Accumulator\w*|\w*Iterator\w*|Batch|Unbatch(Grad)?"
    r"|BatchFunction|(Ordered)?(Map)?(Stage|Unstage)\w*|OrderedMap\w+|Map(Clear|Peek|\w*Size)"
    r"|Mutex\w*|ConsumeMutexLock)$"
)
# Ops whose outputs are external data, and may be fed instead.
_SOURCE = re.compile(
    r"(QueueDequeue(Many|UpTo)?(V2)?|IteratorGetNext(Sync)?|ReaderRead(UpTo)?(V2)?)$"
)
_TURNING, _MERGING = {"NextIteration", "RefNextIteration"}, {"Merge", "RefMerge"}  # of loops
_SHOWN = 3  # nodes that a refusal names
_MOST_CALLS = 100_000  # of functions within a function
_MOST_BYTES = 2**31  # of a constant: a file has no more, but may repeat one number


def waits(op):
    """Whether an op waits for another one, which may never run, to fill a queue."""
    return bool(_WAITING.match(op))


def is_source(op):
    """Whether an op's outputs are the data of a queue, a dataset or a reader."""
    return bool(_SOURCE.match(op))


def is_harmless(op):
    """Whether an op only computes, or keeps the state of its own graph."""
    return not _HARMFUL.match(op) and (bool(_STATE.match(op)) or not is_stateful(op))


def check(nodes, functions, *, running=True):
    """Refuses a subgraph that does more than compute.

    Args:
        nodes: the NodeDefs that are needed. functions: the FunctionDefs that they call.
        running: queues are refused as well; else only shapes are inferred.

    Raises:
        UserError: it does; it names the nodes.
    """
    nodes = [*nodes, *(node for function in functions for node in function.node_def)]
    for node in nodes:
        check_size(node)
    waiting = [node for node in nodes if waits(node.op)]
    harmful = [node for node in nodes if not waits(node.op) and not is_harmless(node.op)]
    if harmful:
        raise UserError(
            f"the graph runs Python or touches files ({_named(harmful)}): "
            "pass --trust if you know where it comes from"
        )
    if waiting and running:
        raise UserError(
            f"the graph waits for a queue ({_named(waiting)}): "
            "pass --trust if you know what fills it"
        )
    _check_calls(functions)


def check_size(node):
    """Refuses a constant that is far larger in memory than in the file."""
    if node.op != "Const" or "value" not in node.attr:
        return
    tensor = node.attr["value"].tensor
    count = math.prod(max(size.size, 0) for size in tensor.tensor_shape.dim)
    if count * max(1, tf1.as_dtype(tensor.dtype).size or 1) > _MOST_BYTES:
        raise UserError(
            f"the constant {printable(node.name)} of the graph is of {count:.2g} numbers"
        )


def _check_calls(functions):
    """Refuses functions that call themselves, or each other too often: each call is inlined.

    TensorFlow would fail, or run for years.
    """
    calls = {
        function.signature.name: [name for node in function.node_def for name in called(node)]
        for function in functions
    }
    sizes: dict[str, int] = {}  # in nodes, all calls inlined
    for _ in calls:  # each round sizes the functions whose calls are all sized
        gone = [n for n in calls.keys() - sizes if calls.keys() & {*calls[n]} <= sizes.keys()]
        if not gone:
            break
        sizes.update((n, 1 + sum(sizes.get(other, 1) for other in calls[n])) for n in gone)
    circular = sorted(calls.keys() - sizes)
    huge = [name for name in sorted(sizes) if sizes[name] > _MOST_CALLS]
    if huge:
        raise UserError(
            f"the graph's function {printable(huge[0])} makes {sizes[huge[0]]:.2g} calls: "
            "pass --trust if you know that it ends"
        )
    if circular:
        raise UserError(
            f"the graph's function {printable(circular[0])} calls itself: "
            "pass --trust if you know that it ends"
        )


def check_acyclic(nodes):
    """Refuses a cyclic graph, but for the loops of tf.while_loop.

    Args:
        nodes: {name: NodeDef}.

    Raises:
        UserError: they do; it names one.
    """
    waiting: dict[str, int] = {}
    users: dict[str, list[str]] = {name: [] for name in nodes}
    for name, node in nodes.items():
        before = _needed_first(nodes, node)
        waiting[name] = len(before)
        for source in before:
            users[source].append(name)
    ready = [name for name, count in waiting.items() if not count]
    for name in ready:  # it grows
        for user in users[name]:
            waiting[user] -= 1
            if not waiting[user]:
                ready.append(user)
    if len(ready) < len(nodes):
        left = waiting.keys() - set(ready)
        name = _in_circle(nodes, left)
        raise UserError(f"the graph goes in a circle at {printable(name)}: export it again")


def _needed_first(nodes, node):
    """The nodes that are computed before one: its inputs, but for the back edge of a loop."""
    inputs = [name for name in map(node_name, node.input) if name in nodes]
    if node.op in _MERGING:
        return [name for name in inputs if nodes[name].op not in _TURNING]
    return inputs


def _in_circle(nodes, left):
    """A node that lies on a cycle, among those that are left."""
    name, seen = min(left), set()
    while name not in seen:
        seen.add(name)
        name = next(i for i in _needed_first(nodes, nodes[name]) if i in left)
    return name


def _named(nodes):
    named = dict.fromkeys(printable(f"{node.op} {node.name}") for node in nodes)
    more = len(named) - _SHOWN
    return ", ".join([*list(named)[:_SHOWN], *([f"{more} more"] if more > 0 else [])])
