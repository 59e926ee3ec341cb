"""The report of a comparison: all of it is said, safely, and it can be read anywhere."""

import copy
import json
import re
from html.parser import HTMLParser

import pytest

from tests.tf1port import browser, report_cases
from tests.tf1port.forms import fits
from tf1port.comparison.ladder import breaks
from tf1port.comparison.report import files as report_files
from tf1port.comparison.report import terminal
from tf1port.comparison.report.form import Report
from tf1port.comparison.report.html import html
from tf1port.comparison.report.markdown import markdown

SECTIONS = ["ladder", "curves", "losses", "heat", "gradients"]
SECTIONS += ["bands", "controls", "speed", "origin"]
FIGURES = ["curve-loss", "curve-accuracy", "loss-gap", "heat-float32", "heat-float64"]
FIGURES += ["gradients-float32", "gradients-float64", "bands-seeds", "bands-interval"]
EXPLAINED = {"cause": "a mistake", "max_abs": 0.0, "explains": True}
VOID = {"meta", "link"}


class Read(HTMLParser):
    """What a page holds; raises AssertionError where its tags are not balanced."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.attributes, self.words, self.tables = [], [], [], {}
        self._open, self._rows = [], []
        self.feed(page)
        self.close()
        assert self._open == []

    @property
    def text(self):
        return " ".join(self.words)

    def values(self, name):
        """Every value of an attribute."""
        return [found[name] for _, found in self.attributes if name in found]

    def handle_starttag(self, tag, attrs):
        self.handle_startendtag(tag, attrs)
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag, attrs):
        assert len(attrs) == len(dict(attrs)), "an attribute is there twice"
        self.tags.append(tag)
        self.attributes.append((tag, dict(attrs)))
        if tag == "table" and "details" not in self._open:
            self._rows = []
        elif tag == "tr":
            self._rows.append([])
        elif tag in ("td", "th"):
            self._rows[-1].append("")

    def handle_endtag(self, tag):
        assert self._open.pop() == tag

    def handle_data(self, data):
        if "style" not in self._open:
            self.words.append(data)
        if {"td", "th"} & set(self._open):
            self._rows[-1][-1] += data
        elif self._open and self._open[-1] in ("caption", "summary"):
            if self._open[-1] == "summary":  # it stands before its table
                self._rows = []
            self.tables[data] = self._rows


@pytest.fixture(scope="module")
def pages():
    names = ("passing", "failing", "quick", "unproved")
    cases = {name: getattr(report_cases, name)() for name in names}
    return {name: (case, html(case)) for name, case in cases.items()}


def test_every_case_is_a_report_and_consistent(pages):
    for name, (case, _) in pages.items():
        assert fits(case, Report), name
        assert fits({**case, "timings": {}}, Report) is False
        assert case["passed"] == (case["outcome"] == "equal") == (name in ("passing", "quick"))
        assert sum(case["counts"].values()) == len(case["checks"]) - (name == "quick")
    verdict = pages["failing"][0]["verdict"]
    assert verdict.startswith("FAIL: outputs differ at rnn_2[0, 4, 29] (float32): 0.73 > 1e-05; ")


def test_every_section_and_figure_is_there_in_order(pages):
    ids = Read(pages["passing"][1]).values("id")
    assert [found for found in ids if found in SECTIONS and f"{found}-title" in ids] == SECTIONS
    assert [found for found in ids if f"{found}-caption" in ids] == FIGURES


def test_a_page_is_sound(pages):
    for _, page in pages.values():
        read = Read(page)
        ids = read.values("id")
        assert len(ids) == len(set(ids))
        assert {name.strip("#") for name in read.values("href")} - {"data:,"} <= set(ids)
        assert set(read.values("aria-labelledby")) <= set(ids)
        assert all("scope" in found for tag, found in read.attributes if tag == "th")
        drawn = [found for tag, found in read.attributes if tag == "svg"]
        assert all(found["role"] == "img" and found["aria-labelledby"] for found in drawn)


def test_a_page_needs_nothing_from_elsewhere(pages):
    for _, page in pages.values():
        assert not re.search(r"https?:|//|@import|url\((?!#)|src=|<script", page)


def test_figures_take_every_color_from_the_style(pages):
    for name, (_, page) in pages.items():
        drawn = "".join(re.findall(r"<svg.*?</svg>", page, re.S))
        colors = set(re.findall(r"(?:fill|stroke): ([^;\"]+)", drawn))
        names = {color[4:-1] for color in colors if color.startswith("var(")}
        assert colors - {f"var({color})" for color in names} <= {"none", "currentColor"}
        assert ("--legacy" in names) == (name in ("passing", "failing"))  # they have trained sides
        for scheme in page.split("prefers-color-scheme: dark")[:2]:
            assert all(f"{color}: #" in scheme for color in names)


def test_numbers_are_those_of_the_comparison(pages):
    case, page = pages["failing"]
    tables = Read(page).tables
    found = [(row[0], row[2], *map(float, row[3:5])) for row in tables["Every comparison"][1:]]
    assert found == [
        (check["quantity"], check["dtype"], digits(check["max_abs"]), digits(check["bound"]))
        for check in case["checks"]
    ]
    found = [(row[0], row[1], *map(float, row[2:4])) for row in tables["All of them"][1:]]
    assert found == [
        (row["name"], dtype, digits(row["max_abs"]), digits(row["bound"]))
        for dtype, rows in case["gradients"].items()
        for row in rows
    ]
    rows = tables["Losses of the trainings, float32"][1:]
    assert [tuple(map(float, (row[0].replace(",", ""), *row[1:]))) for row in rows] == [
        (row["steps"], *(round(row[side], 4) for side in ("legacy", "modern")),
         *(digits(row[gap]) for gap in ("max_abs", "mean_abs")))
        for row in case["losses"]
    ]  # fmt: skip
    rows = tables["Test accuracy by seed"][1:]
    bands = case["bands"]
    seeds = zip(bands["seeds"], bands["legacy"], bands["modern"], strict=True)
    assert [tuple(map(float, row)) for row in rows] == list(seeds)
    assert ["larger p of the two tests", "0.00012"] in tables["Equivalence (TOST)"]
    assert ["legacy", "6.76 ms", "812 MB"] in tables["Training"]
    assert ["learning_rate", "0.001"] in tables["Configuration"]
    assert ["gates reordered i, c, f, o", "1.11e-15", "✓ explains it"] in tables[
        "Diagnosis, best first"
    ]


def digits(value):
    return float(f"{value:.3g}")


def test_margins_and_places_are_said_in_words(pages):
    tables = Read(pages["passing"][1]).tables
    margins = {tuple(row[:3:2]): row[5] for row in tables["Every comparison"]}
    assert margins["weights", "float32"] == "equal to the bit"
    assert margins["losses of 200 steps", "float32"] == "420 times below"
    places = {tuple(row[:3:2]): row[6] for row in tables["Every comparison"]}
    assert places["weights", "float32"] == "–"  # all are equal
    assert places["loss", "float64"] == "loss"
    tables = Read(pages["failing"][1]).tables
    margins = {tuple(row[:3:2]): row[5] for row in tables["Every comparison"]}
    assert margins["outputs", "float32"] == "73,000 times above"
    assert margins["exported logits", "float32"] == "not finite"


def test_matrix_shows_where_each_wrong_port_is_caught(pages):
    rows = Read(pages["passing"][1]).tables["Mistakes by check"]
    assert rows[0][1:10] == report_cases.CHECKS
    assert rows[3] == ["epsilon 1e-7", *"✓✓✓✓✗····", "one step", "–", "✓ caught"]


def test_markdown_has_the_same_tables(pages):
    for case, page in pages.values():
        text = markdown(case)
        rows = [row for table in Read(page).tables.values() for row in table]
        assert len(rows) > 20
        assert [cells(line) for line in text.splitlines() if cells(line)] == rows
        assert case["command"] in text
        assert "<svg" not in text


def cells(line):
    """The cells of a Markdown table's row as plain text; None of another line or a rule."""
    if not line.startswith("| ") or line.startswith("| ---"):
        return None
    found = re.split(r" \| ", line.removeprefix("| ").removesuffix(" |"))
    return [re.sub(r"\\(.)", r"\1", cell.strip("`")) for cell in found]


def test_a_failure_says_where_and_why_first(pages):
    case, page = pages["failing"]
    assert '<header class="failed">' in page
    read = Read(page)
    assert read.values("id")[0] == "breaks"
    first = read.text[: read.text.index("The ladder", read.text.index("The first check"))]
    for said in (
        "The two sides differ",
        case["verdict"],
        "rnn_2[0, 4, 29]",
        "0.731",
        "gates reordered",
    ):
        assert said in first
    assert "probable cause: gates reordered i, c, f, o" in markdown(case)
    assert markdown(case).startswith("# ✗ The two sides differ: window-rnn on mnist")


def test_what_is_equal_and_what_is_not_proved_say_so_first(pages):
    for name, sign, words in (("passing", "✓", "passed"), ("unproved", "?", "not proved")):
        case, page = pages[name]
        read = Read(page)
        assert sign in read.words
        assert case["verdict"] in read.text
        assert f'<header class="{words.replace(" ", "-")}">' in page
        assert f"<title>{case['model']} on mnist: {words}</title>" in page
        assert read.values("id")[0] == "ladder"
    assert "Equal in all that was compared" in pages["passing"][1]
    assert markdown(case).startswith("# ? Not proved: dense on mnist\n\nNOT PROVED: equal on 20")


def test_a_failure_that_nothing_explains_says_so(pages):
    case = copy.deepcopy(pages["failing"][0])
    case["breaks"].update(diagnosis=[])
    assert "Probable cause: unknown." in markdown(case)
    assert "worst gradient" not in markdown(case)
    entry = next(e for e in case["checks"] if e["applies"] and e["quantity"] == "gradients")
    case["breaks"] = breaks.described({**entry, "place": "cell_2/kernel[1, 2]"})
    assert "| worst gradient | cell\\_2/kernel |" in markdown(case)


def test_a_wrong_port_that_is_missed_fails_the_report(pages):
    case = copy.deepcopy(pages["quick"][0])
    case.update(passed=False, outcome="different", verdict="FAIL: 1 of 2 is not noticed: a")
    case["controls"] = report_cases.passing()["controls"][:2]
    case["controls"][1]["caught"] = False
    text = markdown(case)
    assert text.startswith("# ✗ A known mistake is not noticed: dense on mnist")
    assert "**1 of 2** known mistakes noticed" in text
    assert "Where it breaks" not in text


def test_what_is_equal_to_the_bit_is_said_not_drawn(pages):
    case = copy.deepcopy(pages["quick"][0])
    rows = case["gradients"]["float64"]
    rows[:] = [{**row, "max_abs": 0.0} for row in rows]
    case["gradients"]["float32"][0]["max_abs"] = 0.0
    read = Read(html(case))
    assert "In float64 every one is equal to the bit." in read.text
    assert "A hollow dot is equal to the bit." in read.text
    assert [name for name in FIGURES if name in read.values("id")] == ["gradients-float32"]
    assert read.text.count("Left out of a quick comparison.") == 2  # training, known mistakes


def test_what_was_left_out_says_why(pages):
    page = pages["quick"][1]
    read = Read(page)
    ids = read.values("id")
    assert [name for name in FIGURES if name in ids] == [
        name for name in FIGURES if name.startswith("gradients")
    ]
    for said in (
        "Not done: no accuracies are compared.",
        "Left out of a quick comparison.",
        "no outputs per time step",
        "equal to the bit at every step",
    ):
        assert said in read.text
    assert ["9 bands", "all", "both", "no", "no accuracies are compared"] in read.tables[
        "Not compared"
    ]
    rows = Read(pages["unproved"][1]).tables["Not compared"]
    assert ["9 bands", "all", "both", "yes", "raised KeyError: 'bands'"] in rows
    assert not re.search(r"\b(None|nan|null)\b", read.text)


def test_names_cannot_become_markup():
    case, evil = report_cases.quick(), "<script>alert('$x$')</script>|`&amp;"
    for key in ("model", "dataset", "verdict", "command"):
        case[key] = evil
    broken = report_cases.failing()
    case.update(breaks=broken["breaks"], controls=broken["controls"])
    case["heat"] = {"float32": broken["heat"]["float32"]}
    case["breaks"].update(place=evil, layer=evil, diagnosis=[{**EXPLAINED, "cause": evil}])
    case["checks"][0].update(quantity=evil, place=evil, reason=evil)
    case["heat"]["float32"]["layers"][0] = evil
    case["gradients"] = {"float32": [{"name": evil, "max_abs": 1e-7, "bound": 1e-6}]}
    case["controls"][0].update(name=evil, what=evil, diagnosis=evil)
    case["config"] = {evil: evil}
    read = Read(html(case))
    assert "script" not in read.tags
    assert read.text.count(evil) >= 12
    assert [evil, evil] in read.tables["Configuration"]
    outside = re.sub(r"```.*?```", "", markdown(case), flags=re.S)
    assert not re.search(r"(?<!\\)<(?!/?details>|/?summary>)", outside)


def test_a_report_is_the_same_each_time(pages):
    case, page = pages["quick"]
    assert html(copy.deepcopy(case)) == page
    assert markdown(copy.deepcopy(case)) == markdown(case)


def test_numbers_that_are_not_finite_can_be_drawn(tmp_path):
    case = report_cases.passing()
    case["heat"]["float32"]["max_abs"][1][3:] = [float("nan"), float("inf")]
    case["gradients"]["float32"][2]["max_abs"] = float("nan")
    case["loss_gap"]["float32"] = [0.0, 1e-7, float("inf"), float("nan")]
    losses = case["curves"]["modern"]["loss"]
    losses[5:] = [float("nan")] * len(losses[5:])
    report_files.write(case, tmp_path)
    held = json.loads((tmp_path / "report.json").read_text())
    assert held["loss_gap"]["float32"][2:] == ["inf", "nan"]
    page = (tmp_path / "report.html").read_text()
    figures = {part.partition('"')[0]: part for part in page.split('<figure id="')}
    assert re.search(r"<path[^>]*var\(--fail\)", figures["heat-float32"])
    assert re.search(r"<use[^>]*var\(--fail\)", figures["gradients-float32"])
    read = Read(page)
    assert ["cell_1/kernel", "float32", "nan", "1e-6", "✗ fails"] in read.tables["All of them"]


def test_files_are_whole_or_not_there(tmp_path, monkeypatch, pages):
    case, page = pages["quick"]
    monkeypatch.setattr(report_files, "html", lambda report: page)
    report_files.write(case, tmp_path)
    assert sorted(file.name for file in tmp_path.iterdir()) == [
        "report.html",
        "report.json",
        "report.md",
    ]
    assert (tmp_path / "report.html").read_text() == page
    assert json.loads((tmp_path / "report.json").read_text()) == case
    monkeypatch.setattr(report_files, "html", lambda report: page + "\udc00")
    with pytest.raises(UnicodeEncodeError):
        report_files.write(case, tmp_path)
    assert (tmp_path / "report.html").read_text() == page
    assert len(list(tmp_path.iterdir())) == 3


MEASURE = """({
  width: document.scrollingElement.scrollWidth,
  boxes: [...document.querySelectorAll('figure svg')].map(
    svg => Math.min(svg.getBoundingClientRect().width, svg.getBoundingClientRect().height)),
  inks: [...new Set([...document.querySelectorAll('svg text')].map(
    text => getComputedStyle(text).fill))],
  ink: getComputedStyle(document.body).color,
  page: getComputedStyle(document.body).backgroundColor,
  small: Math.min(...[...document.querySelectorAll('svg text')].map(
    text => text.getBoundingClientRect().height)),
})"""


@pytest.mark.slow
@pytest.mark.skipif(not browser.executable(), reason="no Chromium on PATH to look at the page with")
@pytest.mark.parametrize("name", ["passing", "failing", "quick"])
def test_a_browser_shows_it_on_any_screen(name, pages, tmp_path):
    page = pages[name][1]
    (tmp_path / "report.html").write_text(page)
    seen = []
    with browser.opened((tmp_path / "report.html").as_uri()) as tab:
        for width in (1280, 390):
            for scheme in ("light", "dark"):
                tab.show(width, scheme)
                seen.append((width, tab.value(MEASURE)))
    for width, found in seen:
        assert found["width"] <= width
        assert len(found["boxes"]) == page.count("<figure")
        assert min(found["boxes"]) > 80
        assert found["inks"] == [found["ink"]]
        assert found["small"] > 9
    assert len({found["page"] for _, found in seen}) == 2
    methods = [event["method"] for event in tab.events]
    assert not {"Log.entryAdded", "Runtime.exceptionThrown", "Runtime.consoleAPICalled"} & set(
        methods
    )
    assert methods.count("Network.requestWillBeSent") <= 2  # the page, and its empty icon


def test_the_terminal_names_the_command_that_explains_the_cause():
    assert terminal.lines(report_cases.failing())[-1] == "more of it: python -m tf1port explain P6"
    unknown = report_cases.failing()
    del unknown["breaks"]["diagnosis"][0]  # what is left does not explain it
    for report in (report_cases.passing(), unknown):
        assert not any("explain" in line for line in terminal.lines(report))
