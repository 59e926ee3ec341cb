"""What the functions of tf1port return: frozen; `to_json()` is for programs, `str()` for people."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from tf1port.errors import printable
from tf1port.numerics.outcome import Outcome

if TYPE_CHECKING:
    from tf1port.comparison.ladder.entries import Control
    from tf1port.comparison.report.form import Report
    from tf1port.numerics.comparison import Check
    from tf1port.pitfalls.complaints import Complaint
    from tf1port.pitfalls.entry import Entry
    from tf1port.scanning.report.form import Report as ScanReport
    from tf1port.scanning.sources import NotRead


def text(lines: Iterable[str]) -> str:
    """Lines as printable text: a third party's names cannot break lines or write escapes."""
    return "\n".join(map(printable, lines))


@dataclass(frozen=True)
class Inspection:
    """The contents of a TF1 checkpoint.

    Attributes:
        checkpoint: its prefix. format: of its files. graph: path of its `.meta`, or None.
        graph_fault: why the graph cannot be read, or None.
        placeholders: what the graph is fed: name, dtype, shape, whether it has a default, and what
            it leads to.
        outputs, losses, train_ops: their names in the graph, of each kind the likeliest first.
        variables, numbers: how many there are.
        cells, layers: what its names and shapes say that there is, and which variables each takes.
        optimizer: its kind as a guess, its slots, its counters.
        averages: the name of its moving average by variable.
        others, unexplained: the variables that belong to none of these, with what they could be.
    """

    checkpoint: str
    format: str
    graph: str | None
    graph_fault: str | None
    placeholders: Sequence[Mapping[str, Any]]
    outputs: Sequence[str]
    losses: Sequence[str]
    train_ops: Sequence[str]
    variables: int
    numbers: int
    cells: Sequence[Mapping[str, Any]]
    layers: Sequence[Mapping[str, Any]]
    optimizer: Mapping[str, Any]
    averages: Mapping[str, str]
    others: Sequence[Mapping[str, Any]]
    unexplained: Sequence[Mapping[str, Any]]

    def to_json(self) -> dict[str, Any]:
        """All of it as plain dicts, lists, strings and numbers."""
        return asdict(self)

    def __str__(self) -> str:
        from tf1port.conversion.inspect_report import lines

        return text(lines(self.to_json()))


@dataclass(frozen=True)
class Converted:
    """A checkpoint that was written as a Keras model.

    Attributes:
        keras_file: its path; FILE.py and FILE.json are beside it.
        map: the content of FILE.json.
        diagram: the layers with their variables, lines of text.
    """

    keras_file: str
    map: Mapping[str, Any]
    diagram: Sequence[str]

    @property
    def complete(self) -> bool:
        """Whether all of the program is in the model."""
        return bool(self.map["complete"])

    @property
    def left_out(self) -> list[str]:
        """The features of the program that are not in the model, a line each."""
        return list(self.map["left_out"])

    def to_json(self) -> dict[str, Any]:
        """The map from TF1's variables to Keras' weights, and what was left out."""
        return dict(self.map)

    def __str__(self) -> str:
        return text([*self.diagram, "", f"wrote {self.keras_file}"])


@dataclass(frozen=True)
class Checked:
    """A conversion that was verified at once.

    Attributes:
        converted: what was written. verification: the graph against it.
    """

    converted: Converted
    verification: "Verification"

    @property
    def outcome(self) -> "Outcome":
        """The outcome of the verification."""
        return self.verification.outcome

    def to_json(self) -> dict[str, Any]:
        """The map as of Converted, with `verification` beside its keys."""
        return {**self.converted.to_json(), "verification": self.verification.to_json()}

    def to_text(self, columns: int | None = None) -> str:
        """As `str()`, its rows fitted to a terminal of that width."""
        return f"{self.converted}\n\n{self.verification.to_text(columns)}"

    def __str__(self) -> str:
        return self.to_text()


@dataclass(frozen=True)
class Reversed:
    """A converted model that was written back as a TF1 checkpoint.

    Attributes:
        prefix: of the checkpoint. variables: their names, sorted.
    """

    prefix: str
    variables: Sequence[str]

    def to_json(self) -> dict[str, Any]:
        """The names of the variables."""
        return {"variables": list(self.variables)}

    def __str__(self) -> str:
        return text([*self.variables, "", f"wrote {self.prefix}"])


@dataclass(frozen=True)
class Verification:
    """The comparison of a checkpoint's own graph with its Keras model.

    Attributes:
        outcome: an Outcome. verdict: the outcome as a sentence, with its claim.
        claim: what is claimed to be equal. seed: of the random numbers.
        checks: what was compared, in which dtype, how far apart it is and where.
        not_compared: what is claimed and was not compared, a line each with its reason.
        notes: what else is to be known, a line each. against: what single cells were run in.
    """

    outcome: Outcome
    verdict: str
    checks: "Sequence[Check]"
    not_compared: Sequence[str]
    notes: Sequence[str]
    against: str
    claim: str = ""
    seed: int = 0

    @property
    def passed(self) -> bool:
        """Whether all that is claimed was compared and is equal."""
        return self.outcome == Outcome.EQUAL

    def to_json(self) -> dict[str, Any]:
        """All of it; numbers that are not finite are text."""
        from tf1port.comparison.report.terminal import finite

        fields = {"passed": self.passed, "outcome": self.outcome, "verdict": self.verdict}
        fields |= {"claim": self.claim, "seed": self.seed}
        fields |= {"against": self.against, "notes": list(self.notes)}
        fields |= {"not_compared": list(self.not_compared), "checks": self._entries()}
        return finite(fields)

    def to_text(self, columns: int | None = None) -> str:
        """As `str()`, its rows fitted to a terminal of that width."""
        from tf1port.comparison.report.terminal import check_lines

        table = check_lines(self._entries(), columns)
        against = f"single cells against {self.against}; seed {self.seed}"
        return text([*table, "", against, *self.notes, self.verdict])

    def __str__(self) -> str:
        return self.to_text()

    def _entries(self) -> list[dict[str, Any]]:
        return [{**check._asdict(), "passed": check.passed} for check in self.checks]


@dataclass(frozen=True)
class Comparison:
    """The comparison of two sides on the ladder.

    Attributes:
        report: the content of report.json.
    """

    report: "Report"

    @property
    def outcome(self) -> Outcome:
        """The Outcome."""
        return self.report["outcome"]

    @property
    def verdict(self) -> str:
        """The outcome as a sentence, with its claim."""
        return self.report["verdict"]

    @property
    def passed(self) -> bool:
        """Whether all that is claimed was compared and is equal."""
        return self.outcome == Outcome.EQUAL

    def write(self, folder: str) -> str:
        """Writes report.json, report.md and report.html; returns the path of the last.

        Raises:
            UserError: they cannot be written there.
        """
        from tf1port.comparison.report.files import writable, write

        return write(self.report, writable(folder))

    def to_json(self) -> dict[str, Any]:
        """The report; numbers that are not finite are text."""
        from tf1port.comparison.report.terminal import finite

        return finite(self.report)

    def to_text(self, columns: int | None = None) -> str:
        """As `str()`, its rows fitted to a terminal of that width."""
        from tf1port.comparison.report.terminal import lines

        return text(lines(self.report, columns))

    def __str__(self) -> str:
        return self.to_text()


@dataclass(frozen=True)
class Controls:
    """Known mistakes that were made on purpose in a port, and whether each was noticed.

    Attributes:
        rows: one for each known mistake.
    """

    rows: "Sequence[Control]"

    @property
    def outcome(self) -> Outcome:
        """EQUAL where each was noticed, DIFFERENT where one was not, else NOT_PROVED."""
        from tf1port.comparison.ladder.outcome import missed, untried

        if missed(self.rows):
            return Outcome.DIFFERENT
        return Outcome.NOT_PROVED if untried(self.rows) else Outcome.EQUAL

    def to_json(self) -> list[Any]:
        """The rows; numbers that are not finite are text."""
        from tf1port.comparison.report.terminal import finite

        return finite(list(self.rows))

    def __str__(self) -> str:
        from tf1port.comparison.controls.matrix import lines

        return text(lines(self.rows))


@dataclass(frozen=True)
class MapDraft:
    """A first map of a port, which was written as a file.

    Attributes:
        map_file: its path.
        content: what it holds, by section.
        places: how many layers and cells of the model have weights.
        matched: the names of those that have an entry.
        unsure: what of it may be wrong, a line each.
        left_in_model, left_in_checkpoint: what is in no entry, a line each with its shape.
        command: the one to give next.
    """

    map_file: str
    content: Mapping[str, Any]
    places: int
    matched: Sequence[str]
    unsure: Sequence[str]
    left_in_model: Sequence[str]
    left_in_checkpoint: Sequence[str]
    command: str

    def to_json(self) -> dict[str, Any]:
        """All of it as plain dicts, lists, strings and numbers."""
        return asdict(self)

    def __str__(self) -> str:
        lines = [f"{len(self.matched)} of {self.places} layers of the model are matched"]
        lines += _listed("unsure", self.unsure)
        lines += _listed("in the model, without a scope", self.left_in_model)
        lines += _listed("in the checkpoint, in no layer of the model", self.left_in_checkpoint)
        then = "look at what is unsure, then" if self.unsure else "next"
        return text([*lines, "", f"wrote {self.map_file}", f"{then}: {self.command}"])


@dataclass(frozen=True)
class LoadedWeights:
    """A checkpoint that was loaded into a Keras model of the user's own.

    Attributes:
        keras_file: path of the file with the loaded model.
        weights, slots: names in the model, such as "lstm/kernel" and "lstm/kernel/momentum".
        step: the number of steps that its optimizer has taken; None: it has none that was loaded.
        left_in_model: what of the model got nothing, by name; only with `partial`.
        left_in_checkpoint: the variables that are in no layer and no optimizer of the model.
        command: the one to give next.
    """

    keras_file: str
    weights: Sequence[str]
    slots: Sequence[str]
    step: int | None
    left_in_model: Sequence[str]
    left_in_checkpoint: Sequence[str]
    command: str

    def to_json(self) -> dict[str, Any]:
        """All of it as plain dicts, lists, strings and numbers."""
        return asdict(self)

    def __str__(self) -> str:
        step = "no step" if self.step is None else f"step {self.step}"
        lines = [f"loaded {len(self.weights)} weights, {len(self.slots)} slots, {step}"]
        lines += _listed("in the model, as before", self.left_in_model)
        lines += _listed("in the checkpoint, not loaded", self.left_in_checkpoint)
        return text([*lines, "", f"wrote {self.keras_file}", f"next: {self.command}"])


def _listed(title: str, lines: Iterable[str]) -> list[str]:
    """Lines below a title; none where there are none."""
    indented = [f"  {line}" for line in lines]
    return ["", title, *indented] if indented else []


@dataclass(frozen=True)
class Scan:
    """Where programs use TF1 and Keras 2, and what becomes of it.

    Attributes:
        report: all of it: "findings", "idioms", "order" of work, "not_read".
    """

    report: "ScanReport"

    @property
    def exit_code(self) -> int:
        """2 where a file could not be read, else 1 where anything was found, else 0."""
        return 2 if self.report["not_read"] else min(self.report["places"], 1)

    def to_json(self) -> dict[str, Any]:
        """The report."""
        return dict(self.report)

    def to_sarif(self) -> dict[str, Any]:
        """The findings as a log of SARIF 2.1.0."""
        from tf1port.scanning.report import sarif

        return sarif.document(self.report)

    def to_markdown(self) -> str:
        """The report as Markdown."""
        from tf1port.scanning.report import markdown

        return text(markdown.text(self.report).splitlines())

    def fixes(self) -> "tuple[str, Sequence[NotRead]]":
        """What can be rewritten, as a unified diff, and the files of which nothing can."""
        from tf1port.scanning.fixing.diff import diff

        return diff(self.report["findings"])

    def __str__(self) -> str:
        from tf1port.scanning.report import terminal

        return text(terminal.lines(self.report))


@dataclass(frozen=True)
class Explanation:
    """Known porting mistakes that a text may be about.

    Attributes:
        query: the text; None where all of them were asked for.
        matches: the entries, best first; none where nothing fits.
    """

    query: str | None
    matches: "Sequence[Entry]"

    @property
    def complaint(self) -> "Complaint | None":
        """The kind of a query that only says that something is worse; it has questions to ask."""
        from tf1port.pitfalls import complaints

        return complaints.of(self.query) if self.query else None

    @property
    def exit_code(self) -> int:
        """1 where nothing fits, else 0."""
        return 0 if self.matches else 1

    def to_json(self) -> dict[str, Any]:
        """The matches with all that is known of them."""
        from tf1port.pitfalls.entry import as_json

        matches = [as_json(entry) for entry in self.matches]
        found = self.complaint
        complaint = asdict(found) if found else None
        return {"query": self.query, "complaint": complaint, "matches": matches}

    def __str__(self) -> str:
        from tf1port.pitfalls import terminal

        if self.query is None:
            return text(terminal.listed(self.matches))
        if self.complaint:
            return text(terminal.complaint(self.complaint, self.matches))
        if not self.matches:
            return "no known mistake fits: give fewer or other words, or an error's own text"
        return text(terminal.best(self.matches))
