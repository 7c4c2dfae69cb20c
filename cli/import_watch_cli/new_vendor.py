"""Writes the skeleton of a vendor into a checkout: the example of `docs/adding-a-vendor.md` under another name."""

from __future__ import annotations

import re
from pathlib import Path

from import_watch_cli.checkout import require_checkout
from import_watch_cli.errors import CommandError
from import_watch_cli.output import Output

PAGE = "docs/adding-a-vendor.md"
EXAMPLE = "papyrus"
"""Name of the page's vendor."""
EXAMPLE_ID = "Job-2041"
"""Id of the import that the simulator of the page's vendor knows."""
TEMPLATE, REFERENCE = "template.yaml", "docs/reference.md"
SCHEMAS = tuple(
    f"events/schemas/import-{event}{part}.schema.json" for event in ("started", "changed") for part in ("", "-detail")
)
"""Schemas that list the vendors: of each event that comes in, and of its detail."""
NAME = r"[a-z][a-z0-9]{1,10}"
"""A longer name than the longest of this project would shorten what stacks may be called."""
NAME_RULE = "2 to 11 lower-case letters and digits, beginning with a letter"
RESERVED = ("invalid",)
"""Names that ids of watches have in place of a vendor's."""
SOURCE = '"source": "The vendor\'s page on jobs."'
"""The sample's line that the author has to write, so that no sample without facts passes the tests."""
_FILE = re.compile(
    r"^[^`\n]*(?:`[^`/\n]*`[^`\n]*)*?`([\w.-]+/[\w/.-]+)`[^\n]*:\n\n```(?:python|json)\n(.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
_BLOCK = re.compile(r"^```yaml\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_ROW = re.compile(r"^```markdown\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_ENUM = re.compile(r'("vendor": \{\s*"enum": \[\s*)("[^\]]*")(\s*\])')
_TABLE = re.compile(r"^\| vendor \|[^\n]*\n(?:\|[^\n]*\n)+", re.MULTILINE)


def new_vendor(output: Output, name: str) -> int:
    """Write the skeleton of a vendor, and print what to do next.

    Parameters
    ----------
    output : Output
    name : str
        The vendor's name in events, untrusted.

    Raises
    ------
    CommandError
        If there is no checkout, or the name is invalid or in use; nothing is written then.
    """
    root = require_checkout("new-vendor")
    if not re.fullmatch(NAME, name) or name in RESERVED:
        raise CommandError(f"The name of a vendor must be {NAME_RULE}, and not {', '.join(RESERVED)}.")
    written, changed = skeleton(root, name)
    folder = f"functions/poll_{name}"
    if existing := next((path for path in (folder, *written) if (root / path).exists()), None):
        raise CommandError(f"{existing} exists already: choose another name, or remove it.")
    try:
        for path, text in (written | changed).items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(text, "utf-8")
    except OSError as error:
        raise CommandError(f"{path} could not be written: {error.strerror}.", 1) from None
    if output.as_json:
        output.value({"vendor": name, "written": list(written), "changed": list(changed)})
        return 0
    for verb, paths in (("written", written), ("changed", changed)):
        for path in paths:
            output.line(f"{verb}   {path}")
    for line in next_steps(name):
        output.note(line)
    return 0


def next_steps(name: str) -> tuple[str, ...]:
    """What the author of a vendor does next."""
    return (
        "",
        f"This is the example of {PAGE}, and works; one test requires the source of its facts. Next:",
        f"1. Write the facts of the vendor's documentation, and where they are from, into "
        f"tests/conformance/samples/{name}.json.",
        f"2. Change functions/poll_{name}/adapter.py until "
        f"`.venv/bin/python -m pytest tests/conformance -k {name}` passes.",
        f"3. Change local/simulators/{name}.py; `make up`, then "
        f"`.venv/bin/import-watch start {name} {EXAMPLE_ID} --wait`.",
        f"4. Correct the row of {name} in {REFERENCE}, then `make test`.",
    )


def skeleton(root: Path, name: str) -> tuple[dict[str, str], dict[str, str]]:
    """New files and changed files of a vendor, by their paths: those of the page's vendor, under another name."""
    written, changed = example(root, name)
    sample = f"tests/conformance/samples/{name}.json"
    return {**written, sample: written[sample].replace(SOURCE, '"source": ""')}, changed


def example(root: Path, name: str = EXAMPLE) -> tuple[dict[str, str], dict[str, str]]:
    """New files of the page's vendor, and those of the checkout that it changes, by their paths.

    Parameters
    ----------
    root : Path
        Of the checkout.
    name : str
        Name to use in place of the vendor's own.

    Raises
    ------
    CommandError
        If the page, or a file that is changed, does not have what it needs.
    """
    page = _renamed(_text(root, PAGE), name)
    written = files_of(page)
    changed = {TEMPLATE: _with_block(_text(root, TEMPLATE), _only(_BLOCK, page, PAGE))}
    changed |= {path: _with_name(path, _text(root, path), name) for path in SCHEMAS}
    changed[REFERENCE] = _with_row(_text(root, REFERENCE), _only(_ROW, page, PAGE))
    return written, changed


def files_of(page: str) -> dict[str, str]:
    """Files that the page has: each is the block of code after a paragraph that ends with its path, and a colon."""
    return dict(_FILE.findall(page))


def block_of(page: str) -> str:
    """The block of the template that the page has."""
    return _only(_BLOCK, page, PAGE)


def _renamed(page: str, name: str) -> str:
    return page.replace(EXAMPLE, name).replace(EXAMPLE.capitalize(), name.capitalize())


def _with_block(template: str, block: str) -> str:
    before, outputs, after = template.partition("\nOutputs:\n")
    if not outputs:
        raise _unlike(TEMPLATE)
    return f"{before}\n{block}{outputs}{after}"


def _with_name(path: str, schema: str, name: str) -> str:
    """Schema with one more name, written as the others are."""
    found = _ENUM.search(schema)
    if found is None:
        raise _unlike(path)
    names = found[2]
    blanks = re.search(r",(\s*)", names)
    more = f'{names},{blanks[1] if blanks else " "}"{name}"'
    return schema[: found.start(2)] + more + schema[found.end(2) :]


def _with_row(reference: str, row: str) -> str:
    table = _only(_TABLE, reference, REFERENCE, whole=True)
    return reference.replace(table, f"{table}{row}", 1)


def _only(pattern: re.Pattern[str], text: str, path: str, *, whole: bool = False) -> str:
    found = [match[0] if whole else match[1] for match in pattern.finditer(text)]
    if len(found) != 1:
        raise _unlike(path)
    return found[0]


def _text(root: Path, path: str) -> str:
    try:
        return (root / path).read_text("utf-8")
    except OSError as error:
        raise CommandError(f"{path} could not be read: {error.strerror}.", 1) from None


def _unlike(path: str) -> CommandError:
    return CommandError(f"{path} is not as this command expects it: add the vendor by hand, as {PAGE} describes.", 1)
