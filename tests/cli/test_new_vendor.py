"""`new-vendor` writes the page's example under another name, and nothing where it is not wanted."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from import_watch_cli.new_vendor import EXAMPLE, REFERENCE, SCHEMAS, SOURCE, TEMPLATE, example, skeleton
from samtranslator.yaml_helper import yaml_parse

from local.paths import ROOT
from tests.cli.running import lines
from tests.conformance.sample import sample_of
from tests.conformance.worked_example import CHANGED, copy_to

PARTS = ("cli", "functions", "layers/import_watch/import_watch", "local", "tests/conformance/samples", "pyproject.toml")
NewVendor = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A checkout, as far as the command needs it."""
    copy_to(tmp_path, *PARTS, *CHANGED)
    return tmp_path


@pytest.fixture
def new_vendor(root: Path) -> NewVendor:
    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, str(root / "cli" / "launch.py"), "new-vendor", *arguments]
        environment = {"PATH": "/usr/bin:/bin", "PYTHONDONTWRITEBYTECODE": "1"}
        return subprocess.run(
            command, cwd=root, env=environment, capture_output=True, text=True, timeout=60, check=False
        )

    return run


def contents(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_it_writes_every_part_of_a_vendor(root: Path, new_vendor: NewVendor) -> None:
    before = contents(root)
    done = new_vendor("newcomer", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    (reported,) = lines(done)
    after = contents(root)
    assert reported == {
        "vendor": "newcomer",
        "written": [
            "functions/poll_newcomer/adapter.py",
            "functions/poll_newcomer/handler.py",
            "tests/conformance/samples/newcomer.json",
            "local/simulators/newcomer.py",
        ],
        "changed": [TEMPLATE, *SCHEMAS, REFERENCE],
    }
    assert sorted(after.keys() - before.keys()) == sorted(reported["written"])
    assert {path for path in before if before[path] != after[path]} == set(reported["changed"])
    assert [path for path in reported["written"] if EXAMPLE in after[path].decode().lower()] == []
    resources = yaml_parse(after[TEMPLATE].decode())["Resources"]
    assert {"PollNewcomerFunction", "PollNewcomerRole", "PollNewcomerThrottledAlarm"} <= resources.keys()
    for schema in SCHEMAS:
        fields = json.loads(after[schema])["properties"]
        names = fields.get("detail", {"properties": fields})["properties"]["vendor"]["enum"]
        assert names[-1] == "newcomer"
        assert len(after[schema]) - len(before[schema]) < 30, "it is written as the others are"
    assert after[REFERENCE].decode().count("\n| `newcomer` |") == 1


def test_it_names_the_next_steps(new_vendor: NewVendor) -> None:
    done = new_vendor("newcomer")
    assert done.returncode == 0
    assert done.stdout.splitlines()[0] == "written   functions/poll_newcomer/adapter.py"
    for step in (
        "tests/conformance/samples/newcomer.json",
        "pytest tests/conformance -k newcomer",
        "start newcomer Job-2041",
    ):
        assert step in done.stderr
    assert new_vendor("second", "--quiet").stderr == ""


def test_only_the_source_of_the_facts_is_left_open() -> None:
    """So the kit passes, but for `test_a_sample_names_the_source_of_its_facts`."""
    written, changed = example(ROOT)
    skeleton_written, skeleton_changed = skeleton(ROOT, EXAMPLE)
    sample = f"tests/conformance/samples/{EXAMPLE}.json"
    assert skeleton_changed == changed
    assert skeleton_written == {**written, sample: written[sample].replace(SOURCE, '"source": ""')}
    assert sample_of(skeleton_written[sample], EXAMPLE).source == ""


@pytest.mark.parametrize("name", ["ab", "a2345678901"])
def test_a_name_of_any_length_passes_the_linters(root: Path, name: str) -> None:
    written, changed = skeleton(ROOT, name)
    for path, text in written.items():
        (root / path).parent.mkdir(exist_ok=True)
        (root / path).write_text(text)
    modules = [path for path in written if path.endswith(".py")]
    for command in (("format", "--check"), ("check",)):
        ruff = [sys.executable, "-m", "ruff", *command, "--no-cache", *modules]
        done = subprocess.run(ruff, cwd=root, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
    assert max(map(len, changed[TEMPLATE].splitlines())) <= max(map(len, (ROOT / TEMPLATE).read_text().splitlines()))


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("", "2 to 11 lower-case letters and digits"),
        ("a", "2 to 11 lower-case letters and digits"),
        ("a23456789012", "2 to 11 lower-case letters and digits"),
        ("Acme", "2 to 11 lower-case letters and digits"),
        ("1acme", "beginning with a letter"),
        ("ac-me", "2 to 11 lower-case letters and digits"),
        ("../acme", "2 to 11 lower-case letters and digits"),
        ("acme\n", "2 to 11 lower-case letters and digits"),
        ("ac\x1b[31mme", "2 to 11 lower-case letters and digits"),
        ("ácme", "2 to 11 lower-case letters and digits"),
        ("invalid", "not invalid"),
        ("voyado", "functions/poll_voyado exists already: choose another name, or remove it."),
        ("server", "local/simulators/server.py exists already"),
    ],
)
def test_a_name_that_is_invalid_or_in_use_is_refused(root: Path, new_vendor: NewVendor, name: str, why: str) -> None:
    before = contents(root)
    done = new_vendor(name)
    assert (done.returncode, done.stdout) == (3, "")
    assert why in done.stderr
    assert done.stderr.count("\n") == 1
    assert done.stderr.rstrip("\n").isprintable()
    assert contents(root) == before


@pytest.mark.parametrize(
    ("path", "text"),
    [(TEMPLATE, "\nOutputs:\n"), (SCHEMAS[1], '"enum": ['), (REFERENCE, "| vendor |"), (CHANGED[0], "```yaml")],
)
def test_nothing_is_written_into_an_unknown_file(root: Path, new_vendor: NewVendor, path: str, text: str) -> None:
    (root / path).write_text((root / path).read_text().replace(text, "other"))
    before = contents(root)
    done = new_vendor("newcomer")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        f"{path} is not as this command expects it: add the vendor by hand, as docs/adding-a-vendor.md describes.\n"
    )
    assert contents(root) == before
