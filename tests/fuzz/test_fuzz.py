"""`make test-fuzz`: a fault is seen as one, and there is none in some inputs of every reader."""

import json
import random
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.fuzz import damage, page, worker
from tests.fuzz.rows import Row
from tests.fuzz.worker import ENDED, FAULT, READ, REFUSED

# Readers in a process without TensorFlow, whose threads would be forked as well.
SCRIPT = """
import json, os, sys, time
from pathlib import Path
from shared.errors import UserError
from shared.reporting import reporting
from tests.fuzz import worker
from tests.fuzz.rows import row_of
from tf1port import limits

def row(number, body, isolated):
    def read(folder):
        if (folder / "a").read_bytes() != b"whole":
            exec(body, {**globals(), "folder": folder})

    make = lambda folder: (folder / "a").write_bytes(b"whole")
    change = lambda random, files: {"a": b"changed"}
    reader = worker.Reader(f"a{number}", make, change, read, reporting, isolated=isolated)
    row = row_of(reader, Path(sys.argv[1]), seed=0, numbers=range(3))
    return [dict(row.kinds), *row.lines()]

worker.SECONDS, worker.MEMORY = 1.0, 50_000_000
print(json.dumps([row(number, *case) for number, case in enumerate(json.loads(sys.argv[2]))]))
"""

# What a reader does, with the intact input and two others; by that what is said of it.
FAULTS = {
    "raise ValueError('no')": "exit code 4: 'internal error: ValueError: no",
    "sys.stderr.write('a warning')": "exit code 0: 'a warning'",
    "os.abort()": "SIGABRT",
    "os._exit(3)": "the process ended, exit code 3",
    "time.sleep(60)": "over 1 s",
    "len(b'1' * 100_000_000)": "0.1 GB of memory",
    "(folder / '.part-1-a').write_text('half')": "litter: .part-1-a",
    "(folder / 'a').unlink()": "litter: a",
}
REFUSALS = ["raise UserError('no')", r"raise UserError('two\nlines \x1b[31m' * 999)"]


@pytest.mark.slow
def test_a_fault_is_seen_and_a_refusal_is_none(tmp_path):
    cases = [(body, False) for body in (*REFUSALS, *FAULTS)]
    cases += [("os.abort()", True), ("with limits.step('x'): time.sleep(60)", True)]
    cases += [("time.sleep(60)", True)]
    command = [sys.executable, "-c", SCRIPT, str(tmp_path), json.dumps(cases)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    first, second, *faults, ended, limited, hung = json.loads(done.stdout)
    assert first == second == [{"read": 1, "refused": 2}]
    assert len(faults) == len(FAULTS)
    for words, (kinds, line) in zip(FAULTS.values(), faults, strict=True):
        assert kinds == {"read": 1, "fault": 2}
        assert f": 2 ×, input 1: {words}" in line
    assert ended == [{"read": 1, "ended": 2}, "a10: 2 × ended by SIGABRT"]
    assert limited == [{"read": 1, "ended": 2}, "a11: 2 × ended by over 1 s"]
    assert hung[0] == {"read": 1, "fault": 2}


@pytest.mark.parametrize(
    ("code", "words", "kind"),
    [
        (0, "", READ),
        (2, "error: no\n", REFUSED),
        (2, "", FAULT),
        (2, "error: two\nlines\n", FAULT),
        (2, "error: \x1b[31m\n", FAULT),
        (2, "Traceback\n", FAULT),
        (1, "error: no\n", FAULT),
        (0, "a warning\n", FAULT),
    ],
)
def test_only_one_printable_line_is_a_refusal(code, words, kind):
    assert worker.judged(code, words)[0] == kind
    assert kind != ENDED


def test_damage_is_the_same_for_the_same_number_and_another_for_the_next():
    def inputs(seed):
        return [damage.damaged(random.Random(seed + n), b"a whole file" * 9) for n in range(50)]

    assert inputs(0) == inputs(0)
    assert len(set(inputs(0))) > 45


def test_an_archive_with_damage_inside_has_right_checksums(tmp_path):
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("a", b"content" * 20)
    whole = 0
    for number in range(40):
        content = damage.archive(random.Random(number), path.read_bytes(), {})
        (tmp_path / "b.zip").write_bytes(content)
        if zipfile.is_zipfile(tmp_path / "b.zip"):
            try:
                with zipfile.ZipFile(tmp_path / "b.zip") as file:
                    whole += file.testzip() is None
            except Exception:
                continue
    assert whole > 20


@pytest.mark.slow
def test_no_reader_has_a_fault():
    command = [sys.executable, "-m", "tests.fuzz", "--seconds", "1"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=1500, check=False)
    assert done.returncode == 0, done.stdout + done.stderr[-2000:]


@pytest.mark.slow
def test_every_reader_has_its_row():
    """In docs/faults.md; the import of all readers takes long."""
    from tests.fuzz.readers import READERS

    text = (Path(__file__).parents[2] / "docs" / "faults.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (.+?) \| [\d,]+ \| [\d,]+ \| [\d,]+ \| [\d,]+ \| 0 \|$", text, re.M)
    assert rows == [reader.name for reader in READERS]


def test_the_page_keeps_the_largest_run_of_each_reader():
    text = "before\n" + page.HEAD + "| a | 11 | 1 | 10 | 0 | 0 |\n| b | 5 | 0 | 5 | 0 | 0 |\n\nx\n"
    more, fewer, new = (Row(name) for name in "bac")
    for row, count in ((more, 1000), (fewer, 2), (new, 3)):
        row.kinds[REFUSED] = count
    found = page.written(text, [more, fewer, new], ["a", "c", "b"])
    rows = "| a | 11 | 1 | 10 | 0 | 0 |\n| c | 3 | 0 | 3 | 0 | 0 |\n"
    rows += "| b | 1,000 | 0 | 1,000 | 0 | 0 |\n"
    assert found == "before\n" + page.HEAD + rows + "\nx\n"


def test_the_page_adds_a_run_that_goes_on_where_it_ended():
    text = page.HEAD + "| a | 1,011 | 1,001 | 10 | 0 | 0 |\n\nx\n"
    assert (page.counted(text, "a"), page.counted(text, "b")) == (1011, 0)
    more, apart = Row("a", first=1011), Row("a", first=5000)
    for row in (more, apart):
        row.kinds[READ] = 9
    assert page.written(text, [more], ["a"]) == text.replace("1,011 | 1,001", "1,020 | 1,010")
    assert page.written(text, [apart], ["a"]) == text
