"""The tensors, operations and variables of a TF1 graph that a port is compared by."""

from functools import cached_property
from typing import Any

from tf1port.comparison.sides.heads import find_head
from tf1port.comparison.sides.protocol import NotOffered
from tf1port.tf1.graph.optimizers import KINDS, find_applied, slot_names
from tf1port.tf1.graph.training_ops import NoTraining, clipping_of, find_loss, find_train_op
from tf1port.tf1.session.whole_graph import row_gradients


class Places:
    """Names of tensors, operations and variables: those of the map, or else found in the graph.

    Args:
        program: tf1port.comparison.sides.program.Program.
        port_map: tf1port.comparison.port.port_map.PortMap.
        weight_map: tf1port.comparison.sides.weight_map.WeightMap.
        graph: tf1port.tf1.graph.index.Graph, with the nodes of backpropagation.
        head: tf1port.comparison.sides.heads.Head of the model.

    Raises:
        NotOffered: by each attribute that is not found.
    """

    def __init__(self, program: Any, port_map: Any, weight_map: Any, graph: Any, head: Any):
        self.program, self.map, self.graph, self._head = program, port_map, graph, head
        self._entries = weight_map.entries
        self.variables = set(weight_map.variables)

    @cached_property
    def logits(self) -> str | None:
        """The tensor of the logits; None where they are several or not found."""
        if "logits" in self.map.graph:
            return self.map.graph["logits"].name
        return find_head(self.program, self._entries, self._head)

    @cached_property
    def loss(self) -> str:
        """The tensor of the loss."""
        if "loss" in self.map.graph:
            return self.map.graph["loss"].name
        try:
            return find_loss(self.graph)
        except NoTraining as error:
            raise NotOffered(f'{error}: give [graph] loss = "ITS TENSOR" in the map') from None

    @cached_property
    def train(self) -> str:
        """The operation that runs a training step."""
        if "train" in self.map.graph:
            return self.map.graph["train"].name
        if not self._all_applied:
            raise NotOffered(
                "the graph trains nothing by an optimizer that is known: "
                'give [graph] train = "ITS OPERATION" in the map, if there is one'
            )
        return find_train_op(self.graph, self.applied or self._all_applied)

    @cached_property
    def gradients(self) -> dict[str, str]:
        """The tensors of whole gradients, before they are clipped, by variable."""
        if not self.applied and not self.row_gradients:
            raise NotOffered("no optimizer is applied to the variables of the map")
        try:
            return {
                name: clipping_of(self.graph, op.arguments["grad"]).gradient
                for name, op in self.applied.items()
            }
        except NoTraining as error:
            raise NotOffered(str(error)) from None

    @cached_property
    def row_gradients(self) -> dict[str, list[tuple[str, str]]]:
        """Pairs of tensors, rows and ids, by table, for tables whose gradients are sparse."""
        tables = sorted(self.variables - self.applied.keys())
        pairs = {name: row_gradients(self.graph, name) for name in tables}
        return {name: tensors for name, tensors in pairs.items() if tensors}

    @cached_property
    def slots(self) -> dict[str, dict[str, str]]:
        """The variables of the slots, by Keras' slot and TF1's variable."""
        kinds = {op.kind for op in self.applied.values()}
        if len(kinds) != 1:
            return {}
        kind = KINDS[kinds.pop()]
        names = slot_names(self.graph, self.applied, kind, self.program.inventory)
        saved = self.program.checkpoint.shapes
        by_slot = {
            slot: {
                variable: of[argument]
                for variable, of in names.items()
                if variable in self.variables and of.get(argument) in saved
            }
            for argument, slot in kind.slots.items()
        }
        return {slot: of for slot, of in by_slot.items() if of}

    @cached_property
    def powers(self) -> dict[str, str]:
        """The variables of Adam's powers of beta, by their kind."""
        counters = self.program.inventory.counters.items()
        return {kind: name for kind, name in counters if kind in ("beta1_power", "beta2_power")}

    @cached_property
    def applied(self) -> dict[str, Any]:
        """The optimizer's ops by the map's variables, for dense gradients."""
        return {name: op for name, op in self._all_applied.items() if name in self.variables}

    def trains(self, variable: str) -> bool:
        """Whether the graph's training changes a variable, of the map or not."""
        return self.program.trains(variable, self._all_applied)

    @cached_property
    def _all_applied(self):
        return find_applied(self.graph)
