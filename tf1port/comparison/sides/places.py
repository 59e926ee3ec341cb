"""Where in a TF1 graph the things are that a port is compared by: named in its map, or found."""

from functools import cached_property

from tf1port.comparison.sides.protocol import NotOffered
from tf1port.tf1.checkpoint.reader import inventory
from tf1port.tf1.graph.optimizers import find_applied, slot_variables
from tf1port.tf1.session.probing import is_per_step
from tf1port.tf1.session.training import NoTraining, clipping_of, find_loss, find_train_op
from tf1port.tf1.session.whole_graph import row_gradients


class Places:
    """The names of tensors, operations and variables.

    Args:
        conversion: tf1port.conversion.plan.Conversion.
        port_map: tf1port.comparison.port.port_map.PortMap.
        variables: the names of the variables in the map.
        graph: tf1port.tf1.graph.index.Graph, with the nodes of backpropagation.

    Raises:
        NotOffered: by whatever is asked for and not found.
    """

    def __init__(self, conversion, port_map, variables, graph):
        self.conversion, self.map, self.graph = conversion, port_map, graph
        self.variables = set(variables)

    @cached_property
    def logits(self):
        """The tensor of the logits; None where they are several or not found."""
        if "logits" in self.map.graph:
            return self.map.graph["logits"].name
        network = self.conversion.network
        if not network.after or is_per_step(self.conversion.graph, network):
            return None
        return network.after[-1].output

    @cached_property
    def loss(self):
        """The tensor of the loss."""
        if "loss" in self.map.graph:
            return self.map.graph["loss"].name
        try:
            return find_loss(self.graph)
        except NoTraining as error:
            raise NotOffered(f"{error}: name the loss in [graph]") from None

    @cached_property
    def train(self):
        """The operation that trains a step."""
        if "train" in self.map.graph:
            return self.map.graph["train"].name
        if not self._applied:
            raise NotOffered("the graph trains nothing by an optimizer that is known")
        return find_train_op(self.graph, self._applied)

    @cached_property
    def gradients(self):
        """The tensors of whole gradients, before they are clipped, by variable."""
        found = {name: one for name, one in self._applied.items() if name in self.variables}
        if not found:
            raise NotOffered("no optimizer is applied to the variables of the map")
        try:
            return {
                name: clipping_of(self.graph, one.arguments["grad"]).gradient
                for name, one in found.items()
            }
        except NoTraining as error:
            raise NotOffered(str(error)) from None

    @cached_property
    def row_gradients(self):
        """Pairs of tensors, rows and ids, by the tables that no op of a whole array trains."""
        tables = sorted(self.variables - self._applied.keys())
        pairs = {name: row_gradients(self.graph, name) for name in tables}
        return {name: found for name, found in pairs.items() if found}

    @cached_property
    def slots(self):
        """The variables of the slots, by Keras' slot and TF1's; none of an unknown optimizer."""
        optimizer = self.conversion.blueprint.optimizer
        if optimizer is None:
            return {}
        found = slot_variables(self.graph, optimizer, inventory(self.conversion.checkpoint))
        return {
            slot: {variable: name for variable, name in of.items() if variable in self.variables}
            for slot, of in found.items()
        }

    @cached_property
    def powers(self):
        """The variables of Adam's powers of beta, by their kind."""
        counters = self.conversion.counters.items()
        return {kind: name for kind, name in counters if kind in ("beta1_power", "beta2_power")}

    @cached_property
    def _applied(self):
        return find_applied(self.graph)
