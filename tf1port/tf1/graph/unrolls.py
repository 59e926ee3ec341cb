"""The runs of a cell over time in a graph, from its steps."""

from dataclasses import replace

from tf1port.tf1.graph.index import ADD, PASSING, Graph
from tf1port.tf1.graph.runs import Run, UnknownCell

# Ops that reshape, reorder or select rows without changing their values.
MOVING = PASSING | {"Reshape", "Transpose", "Concat", "ConcatV2", "Pack", "Unpack"}
MOVING |= {"Split", "SplitV", "Squeeze", "ExpandDims", "Slice", "StridedSlice"}
MOVING |= {"Gather", "GatherV2", "GatherNd", "ReverseSequence", "ReverseV2", "Reverse"}
SELECTING = PASSING | {"Select", "SelectV2", "Merge", "Switch", "Where"}
_DROPPING = {"Mul", "RealDiv", "Div"}  # by a mask that is drawn once for all steps
_OF_MASKS = PASSING | ADD | {"Floor", "Sub", "Mul", "GreaterEqual", "Cast"}
_SELECTS = {"Select", "SelectV2"}
_ENDED = {"GreaterEqual": 1, "LessEqual": 0}  # which operand of step >= length, length <= step
_ZEROS = {"Fill", "Const", "ZerosLike"}
_READS = {"TensorArrayReadV3", "TensorArrayReadV2", "TensorArrayRead"}
_WRITES = {"TensorArrayWriteV3", "TensorArrayWriteV2", "TensorArrayWrite"}
_SCATTERS = {"TensorArrayScatterV3", "TensorArrayScatterV2", "TensorArrayScatter"}
_SCATTERS |= {"TensorArrayUnpack"}
_GATHERS = {"TensorArrayGatherV3", "TensorArrayGatherV2", "TensorArrayGather", "TensorArrayPack"}


def find_runs(graph: Graph, scope, steps):
    """Sorts the steps of a cell by time.

    Returns: one Run per loop or unrolled copy, the longest first.
    """
    steps = [step._replace(residual=_residual(graph, step)) for step in steps]
    runs = [_loop(graph, scope, step) for step in steps if _is_looped(graph, step)]
    unrolled = [step for step in steps if not _is_looped(graph, step)]
    lengths = {_lengths(graph, step) for step in unrolled} or {None}
    raw = {step.new_h for step in unrolled}
    zeros = {f"{node.name}:0" for node in graph.nodes.values() if node.op in _ZEROS}
    unrolled = [_with_selected_states(graph, step, zeros) for step in unrolled]
    padded = not raw & {step.written for step in unrolled}
    following = {step.h: step for step in unrolled}
    new_states = {step.new_h for step in unrolled}
    for step in unrolled:
        if step.h in new_states:
            continue
        chain = [step]
        while chain[-1].new_h in following:
            chain.append(following[chain[-1].new_h])
        run = Run(scope, tuple(chain), initial_h=step.h, initial_c=step.c, padded=padded)
        runs.append(replace(run, lengths=next(iter(lengths))))
    return sorted(runs, key=lambda run: -len(run.steps))


def _residual(graph, step):
    """The sum of a step's input and output, as a ResidualWrapper computes it; else None."""
    for add in graph.ahead([step.new_h], through=PASSING, ops=ADD):
        if graph.origin(step.x) in map(graph.origin, graph.inputs(add)):
            return add.name + ":0"
    return None


def _with_selected_states(graph, step, zeros):
    """A step with the states after the selection that keeps those of rows that have ended."""
    new_h = _selected(graph, step.new_h, {step.h})
    if new_h == step.new_h:
        return step
    written = _selected(graph, step.output, zeros - {step.h})
    new_c = step.new_c and _selected(graph, step.new_c, {step.c})
    return step._replace(new_h=new_h, new_c=new_c, written=written)


def _selected(graph, tensor, alternatives):
    """The last of the selections, row by row, between a tensor and one of the alternatives."""
    selected: dict[str, object] = {tensor: None}  # in order
    pending: dict[str, set[str]] = {}
    queue = [tensor]
    while queue:  # from one selection to the next, not along all later steps
        for node in graph.ahead([queue.pop()], through=PASSING, ops=_SELECTS):
            if f"{node.name}:0" not in selected:
                choices = {graph.origin(name) for name in graph.inputs(node)[1:]}
                pending[f"{node.name}:0"] = choices
        for name, choices in [*pending.items()]:  # one may depend on another
            reached = choices & selected.keys()
            if reached and choices - reached <= alternatives:
                selected[name] = pending.pop(name)
                queue.append(name)
    return next(reversed(selected))


def _is_looped(graph, step):
    node = graph.node(step.h)
    return node is not None and node.op == "Switch"


def _loop(graph, scope, step):
    """The run of a step in the body of tf.while_loop, as in dynamic_rnn."""
    states = {"h": _state(graph, scope, step.h, step.new_h)}
    if step.c is not None:
        states["c"] = _state(graph, scope, step.c, step.new_c)
    inputs, outputs = _read_sequence(graph, step.x), _written_sequence(graph, step.output)
    return Run(
        scope,
        (step,),
        initial_h=states["h"][0],
        initial_c=states["c"][0] if "c" in states else None,
        looped=True,
        inputs=inputs,
        outputs=outputs,
        final_h=states["h"][1],
        final_c=states["c"][1] if "c" in states else None,
        lengths=_lengths(graph, step),
    )


def _state(graph, scope, tensor, new):
    """The initial and the final tensor of a loop's variable, given by its Switch.

    Raises:
        UnknownCell: the next step's input is not the new state, or selected or dropped from it.
    """
    switch, (enter, _) = graph.node(tensor), _merged(graph, tensor)
    next_state = following(graph, tensor)
    if graph.origin(new) not in map(graph.origin, _selection_sources(graph, next_state)):
        raise UnknownCell(f"{scope} computes {new}, and {next_state} is the input of its next step")
    exits = graph.consumers(switch.name + ":0", {"Exit"})  # none in a pruned graph
    return graph.inputs(enter)[0], f"{exits[0].name}:0" if exits else None


def _selection_sources(graph, tensor):
    """The tensors that one is selected from, also before a dropout."""
    sources, queue = {tensor: None}, [tensor]
    while queue:
        for name in graph.behind(queue.pop(), through=SELECTING):
            node = graph.node(name)
            dropped = node is not None and node.op in _DROPPING and _is_dropped(graph, node)
            tensors = [name, *(graph.inputs(node) if dropped else ())]
            new = [tensor for tensor in tensors if tensor not in sources]
            sources.update(dict.fromkeys(new))
            queue.extend(source for source in new if source != name)
    return list(sources)


def _is_dropped(graph, node):
    """Whether a product is one of dropout: with random numbers, or with a scalar."""
    factors = [
        name for tensor in graph.inputs(node) for name in graph.behind(tensor, through=_OF_MASKS)
    ]
    makers = [graph.node(name) for name in factors]
    return any(maker is not None and "RandomUniform" in maker.op for maker in makers) or any(
        graph.shape(name) == [] for name in graph.inputs(node)
    )


def following(graph: Graph, tensor):
    """The tensor of a loop's variable, given by its Switch, in the next step."""
    return graph.inputs(_merged(graph, tensor)[1])[0]


def _merged(graph, tensor):
    """The Enter and the NextIteration of a loop's variable, given by its Switch."""
    merge = graph.node(graph.inputs(graph.node(tensor))[0])
    sources = [graph.node(name) for name in graph.inputs(merge)]
    return sorted(sources, key=lambda node: node.op != "Enter")


def _read_sequence(graph, x):
    """The sequence [T, B, F] that a loop reads its inputs x from; None where it has none."""
    for tensor in graph.behind(x, through=MOVING):
        node = graph.node(tensor)
        if node is not None and node.op in _READS:
            flow = graph.node(graph.origin(graph.inputs(node)[-1]))
            if flow is not None and flow.op in _SCATTERS:
                return graph.inputs(flow)[2 if len(graph.inputs(flow)) == 4 else 1]
    return None


def _written_sequence(graph, output):
    """The sequence [T, B, U] that a loop writes its outputs to; None where it writes none."""
    for write in graph.ahead([output], through=SELECTING, ops=_WRITES):
        array = graph.origin(graph.inputs(write)[0])
        gathers = graph.consumers(array, _GATHERS)
        if gathers:
            return gathers[0].name + ":0"
    return None


def _lengths(graph, step):
    """The sequence lengths [B] up to which a row is updated; None where there are none."""
    for select in graph.following([step.new_h], through=SELECTING, ops=_SELECTS):
        compared = graph.node(graph.origin(graph.inputs(select)[0]))
        if compared is not None and compared.op in _ENDED:
            return graph.origin(graph.inputs(compared)[_ENDED[compared.op]])
    return None
