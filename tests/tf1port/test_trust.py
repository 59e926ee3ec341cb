"""What a third party's graph may run: op by op, in the graph itself and in its functions."""

import pytest

from tests.tf1port.graphs import tf1
from tf1port.errors import UserError
from tf1port.tf1.graph.trust import check, is_harmless

HARMFUL = {
    "runs Python": "PyFunc PyFuncStateless EagerPyFunc",
    "reads files": "ReadFile MatchingFiles WholeFileReader WholeFileReaderV2 TextLineReader "
    "TFRecordReader FixedLengthRecordReader IdentityReader ImmutableConst RecordInput",
    "reads and writes checkpoints": "Save SaveV2 SaveSlices Restore RestoreV2 RestoreSlice "
    "MergeV2Checkpoints",
    "writes": "WriteFile DumpTensor PrintV2 SummaryWriter CreateSummaryFileWriter "
    "WriteScalarSummary FlushSummaryWriter DebugIdentity DebugNumericSummary",
    "is a dataset": "TFRecordDataset TextLineDataset ParseExampleDataset",
    "fills a table from a file": "InitializeTableFromTextFile InitializeTableFromTextFileV2 "
    "GenerateVocabRemapping",
    "ends the process": "Abort",
    "never ends, or breaks off": "SymbolicGradient",
    "reaches other devices": "RemoteCall CopyHost _Send _Recv _HostSend XlaLaunch TPUExecute",
}
OPS = [op for ops in HARMFUL.values() for op in ops.split()]
ALLOWED = ["MatMul", "VariableV2", "Assign", "ApplyAdam", "TensorArrayReadV3", "RandomUniform"]


def node(op):
    return tf1.NodeDef(name="it", op=op)


def function(*ops):
    """A function of a graph's library that is made of some ops."""
    made = tf1.GraphDef().library.function.add()
    made.signature.name = "called"
    for number, op in enumerate(ops):
        made.node_def.add(name=f"node_{number}", op=op)
    return made


def test_allowed_ops_are_let_through_wherever_they_stand():
    check([node(op) for op in ALLOWED], [function(*ALLOWED)])


@pytest.mark.parametrize("op", OPS)
def test_harmful_ops_are_refused_wherever_they_stand(op):
    assert not is_harmless(op)
    words = f"runs Python or touches files .{op} "
    with pytest.raises(UserError, match=words + "it"):
        check([node("MatMul"), node(op)], [])
    with pytest.raises(UserError, match=words + "node_1"):
        check([node("PartitionedCall")], [function("MatMul", op)])
