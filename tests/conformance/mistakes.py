"""Planted mistakes: each is an adapter with one plausible mistake, which the facts of the vendor's sample must find.

A mistake is a change of texts that are in one place of a vendor's folder each. The list has what authors of an adapter
get wrong: it does not follow from what the checks compare.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import itertools
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from import_watch.vendors.adapter import Adapter

from tests.conformance.facts import FactChecks, VendorUnderTest
from tests.conformance.sample import Sample

V2, V3, EGAIN = "customer_api_v2.py", "customer_api_v3.py", "adapter.py"
E3, E4 = "elevate_3.py", "elevate_4.py"
_numbers = itertools.count(1)


@dataclass(frozen=True)
class Mistake:
    """A mistake in the adapter of a vendor's API."""

    vendor: str
    version: str
    what: str
    file: str
    changes: tuple[tuple[str, str], ...]

    def __str__(self) -> str:
        """Name for a list."""
        return f"{self.vendor} {self.version}".strip() + f": {self.what}"


def _of(vendor: str, version: str, file: str, *mistakes: tuple[str, ...]) -> tuple[Mistake, ...]:
    """Mistakes in a file: each has its name, a text, and what is there with the mistake; then more such pairs."""
    return tuple(
        Mistake(vendor, version, what, file, tuple(zip(texts[::2], texts[1::2], strict=True)))
        for what, *texts in mistakes
    )


MISTAKES = (
    *_of(
        "document360",
        "v2",
        V2,
        ("a status forgotten", '("Queued", "Initiated")', '("Queued",)'),
        ("the second status of a state under another one", '("Completed",)', '("Completed", "Cancelling")'),
        ("cancelled read as failed", 'ImportState.CANCELLED: ("Cancelled",)', 'ImportState.EXPIRED: ("Cancelled",)'),
        ("a typo in the path", "/v2/Project/Import/", "/v2/Project/Imports/"),
        ("the path of another version", "/v2/Project", "/v1/Project"),
        ("the wrong header", 'ApiKey("api_token"', 'ApiKey("api-token"'),
        ("a scheme before a bare key", '"apiToken"),\n    request', '"apiToken", scheme="Bearer"),\n    request'),
        ("a dot of the host not escaped", r"\.document360\.io", r".document360\.io"),
        ("a host of any depth", r"(\.[a-z0-9-]+)?\.", r"(\.[a-z0-9.-]+)?\."),
        ("any host of the vendor's domain", r'(r"apihub(\.[a-z0-9-]+)?', r'(r"([a-z0-9-]+\.)*[a-z0-9-]+'),
        ("the default host of another region", '"baseUrl", "apihub.document', '"baseUrl", "apihub.us.document'),
        (
            "severities from 1",
            "{0: Severity.ERROR, 1: Severity.WARNING, 2:",
            "{1: Severity.ERROR, 2: Severity.WARNING, 3:",
        ),
        ("warnings counted as errors", "1: Severity.WARNING", "1: Severity.ERROR"),
        ("errors of the log not counted", "messages.amounts[Severity.ERROR] + errors_in_all", "errors_in_all"),
        (
            "two counts exchanged",
            '"categories": "categories", "articles": "articles"',
            '"categories": "articles", "articles": "categories"',
        ),
        (
            "counters sent as text ignored",
            "fields.integer_of(log.get(key))",
            "log.get(key) if isinstance(log.get(key), int) else None",
        ),
        ("the failure reason dropped", "fields.joined(of_import or messages.errors) if", "None if"),
        ("only the request's errors as reason", "of_import or messages.errors", "of_import"),
        ("the reason also of a success", " if state is ImportState.FAILED else None", ""),
        ("an aborted import read as a success", "and messages.aborted", "and False"),
        ("a log that does not exist yet counted as an error", "errors_in_all - len(of_log)", "errors_in_all"),
        ("the log not mentioned", "log=LOG.reference(content, state, missing)", "log=None"),
        ("the log of an unknown import only by 400", "if response.status == 404:", "if response.status == 410:"),
        (
            "a success needs `success`",
            "if response.status == 404:",
            'if response.status == 404 or fields.object_of(response.json()).get("success") is False:',
        ),
        ("an id that is not known taken for a fault", 'unknown_id_phrases("import id", "import")', "()"),
        ("the secret not marked", 'secret=("apiToken",)', "secret=()"),
        ("keeps no log", "keeps_log=True", "keeps_log=False"),
        ("a log of more than 1 MiB not read", "    max_bytes=MAX_BYTES_WITH_LOG,\n", ""),
        ("an error that mentions the log taken for its absence", "NO_LOG.fullmatch(", "NO_LOG.search("),
        ("an aborted import of any status read as failed", "state is ImportState.SUCCEEDED and messages", "messages"),
        ("an error counted only with a text", "+ errors_in_all", "+ len(errors)"),
    ),
    *_of(
        "document360",
        "v2",
        "adapter.py",
        ("no rate limit", "requests_per_minute=60", "requests_per_minute=None"),
        ("the rate limit of another plan", "requests_per_minute=60", "requests_per_minute=100"),
        (
            "ids case-folded",
            "import_id=printable_id",
            "import_id=lambda raw: (printable_id(raw) or '').lower() or None",
        ),
        ("keys case-folded", "    # Per token", "    key_id=str.casefold,\n    # Per token"),
        ("no version keeps a log", "keeps_log=True", "keeps_log=False"),
        ("another default version", 'default="v2"', 'default="v3"'),
    ),
    *_of(
        "document360",
        "v3",
        V3,
        ("the status of the envelope", '"data", "status")', '"status")'),
        ("no scheme", ', scheme="Bearer"', ""),
        (
            "the header of version 2",
            'ApiKey("Authorization", "apiToken", scheme="Bearer")',
            'ApiKey("api_token", "apiToken")',
        ),
        (
            "ids exchanged in the path",
            "/projects/{projectId}/imports/{importId}",
            "/projects/{importId}/imports/{projectId}",
        ),
        ("a typo in the path", "/v3/projects/", "/v3/project/"),
        (
            "a field not required",
            'required=("apiToken", "projectId")',
            'required=("apiToken",), defaults={"projectId": "00000000-0000-0000-0000-000000000000"}',
            'optional=("baseUrl",)',
            'optional=("baseUrl", "projectId")',
        ),
        ("the end from another field", '"completed_at"', '"completedAt"'),
        ("failed read as cancelled", "ImportState.FAILED: (", "ImportState.CANCELLED: ("),
        ("errors of a completed import dropped", '"errors": errors_in_all}', '"errors": 0}'),
        ("the failure reason dropped", "fields.joined(errors) if", "None if"),
        ("another import accepted", "named.casefold() != import_id.casefold()", "not named"),
        ("an error counted only with a text", '"errors": errors_in_all}', '"errors": len(errors)}'),
        ("any text as the id of the project", "if re.fullmatch(fields.UUID, text) else None", ""),
        ("404 only with a phrase", "if response.status == 404:", "if response.status == 405:"),
    ),
    *_of(
        "egain",
        "",
        EGAIN,
        ("a status forgotten", '("Successful", "Completed")', '("Successful",)'),
        (
            "the second status of a state under another one",
            '("Successful", "Completed"),\n        ImportState.FAILED: ("Failed",)',
            '("Successful",),\n        ImportState.FAILED: ("Failed", "Completed")',
        ),
        (
            "scheduled read as running",
            'ImportState.QUEUED: ("Scheduled",),\n        ImportState.RUNNING: ("In Progress",)',
            'ImportState.RUNNING: ("Scheduled", "In Progress")',
        ),
        ("total read as done", 'progress_of(progress.get("processed")', 'progress_of(progress.get("total")'),
        ("done read as total", 'progress.get("total"), progress', 'progress.get("processed"), progress'),
        ("the percentage ignored", ', progress.get("percentage"))', ")"),
        (
            "a wrong time zone",
            'started_at=fields.time_of(body.get("startTime"))',
            'started_at=fields.time_of(str(body.get("startTime"))[:19])',
        ),
        (
            "times in local time",
            'started_at=fields.time_of(body.get("startTime"))',
            'started_at=(lambda time: time and time - 3600)(fields.time_of(body.get("startTime")))',
        ),
        ("the end read from the start", "fields.first_time(body, *ends)", 'fields.time_of(body.get("startTime"))'),
        (
            "the end guessed by the vendor",
            "ended_at=fields.first_time(body, *ends) if state in FINISHED else None",
            'ended_at=fields.first_time(body, *ends, "estimatedCompletion")',
        ),
        (
            "one end field for all states",
            "fields.first_time(body, *ends)",
            'fields.time_of(body.get("completionTime"))',
        ),
        (
            "ids case-folded",
            "return (found[1] or found[2]) if found else None",
            "return (found[1] or found[2]).lower() if found else None",
        ),
        ("keys with the case of the id", "    key_id=str.lower,  # the case of a UUID makes no difference\n", ""),
        ("the location header refused", r"(?:\S*/)?import/content/", r"import/content/"),
        ("any id accepted", "fullmatch(\n        rf", "search(\n        rf"),
        (
            "a typo in the path",
            'contentmgr/v4/import/content/{importId}/status"',
            'contentmgr/v4/import/content/{importId}"',
        ),
        ("a host pattern too wide", r"egain\.cloud", r"egain\.(cloud|com)"),
        ("a dot of the host not escaped", r"egain\.cloud", "egain.cloud"),
        ("subdomains without a dot", r"([a-z0-9-]+\.)+egain", r"[a-z0-9.-]+egain"),
        (
            "an OAuth field not required",
            'required=("tokenUrl", "clientId", "clientSecret")',
            'required=("clientId", "clientSecret"), defaults={"tokenUrl": "https://ai.egain.cloud/oauth2/token"}',
            'optional=("apiDomain",',
            'optional=("apiDomain", "tokenUrl",',
        ),
        ("the other scope", 'default_scope="knowledge.', 'default_scope="app.knowledge.'),
        ("the scope not sent", 'default_scope="knowledge.contentmgr.manage", scope_hint', "scope_hint"),
        ("the scope not configurable", '"scope", ', ""),
        ("the failure reason dropped", "reason=reason if state is ImportState.FAILED else None", "reason=None"),
        (
            "the failure reason from another field",
            'fields.text_of(body.get("error"))',
            'fields.text_of(body.get("message"))',
        ),
        ("the problem dropped", "problems=fields.errors_of([reason]) if reason else ()", "problems=()"),
        (
            "one spelling of a count",
            '"successful", "succesfull"),\n            warn',
            '"successful"),\n            warn',
        ),
        ("errors of the results not read", 'errors=fields.count_of(results.get("errors"), otherwise=1),\n', ""),
        (
            "warnings and errors exchanged",
            'warnings=fields.count_of(results.get("warnings"))',
            'warnings=fields.count_of(results.get("errors"))',
        ),
        (
            "counters sent as text ignored",
            'processed=fields.integer_of(progress.get("processed"))',
            'processed=progress.get("processed") if isinstance(progress.get("processed"), int) else None',
        ),
        ("false read as unknown", "retryable if isinstance(retryable, bool) else None", "retryable or None"),
        ("the log at another field", '"logFileLocation"', '"logFile"'),
        ("404 only with a phrase", "if response.status == 404:", "if response.status == 405:"),
        ("an unknown id in a 400 not recognised", '    unknown_id_phrases=unknown_id_phrases("job id", "job"),\n', ""),
        ("the end of an unfinished import", " if state in FINISHED else None", ""),
        (
            "results in a list not read",
            'fields.summed(body.get("results"), "successful", "succesfull", "warnings", "errors")',
            'fields.object_of(body.get("results"))',
        ),
        ("errors that cannot be counted dropped", 'results.get("errors"), otherwise=1', 'results.get("errors")'),
        ("the other scope not mentioned", 'scope_hint="app.knowledge.contentmgr.manage"', ""),
        ("the vendor under another name", 'vendor="egain"', 'vendor="e_gain"'),
        ("the job type dropped", 'job_type=fields.text_of(body.get("jobType"))', "job_type=None"),
    ),
    *_of(
        "voyado",
        "3",
        E3,
        ("a status forgotten", '("WAITING", "BLOCKED")', '("WAITING",)'),
        (
            "the second status of a state under another one",
            '("WAITING", "BLOCKED"),\n        ImportState.RUNNING: ("IN_PROGRESS",)',
            '("WAITING",),\n        ImportState.RUNNING: ("IN_PROGRESS", "BLOCKED")',
        ),
        (
            "a status mapped that is not documented",
            'ImportState.FAILED: ("FAILURE",)',
            'ImportState.FAILED: ("FAILURE", "REJECTED")',
        ),
        ("the wrong header", '"Api-Key"', '"Authorization"'),
        ("a typo in the path", "/api/v2/import/status/", "/api/v2/imports/status/"),
        ("a host pattern too wide", r"[a-z0-9-]+\.elevate-api", r"[a-z0-9.-]+\.elevate-api"),
        ("the newer host forgotten", ', r"[a-z0-9-]+\\.elevate-api\\.cloud"', ","),
        ("a cluster id leads to the newer host", "{}.api.esales.apptus.cloud", "{}.elevate-api.cloud"),
        ("404 read as an unknown import", "        404: FailedPoll(", "        414: FailedPoll("),
        ("404 final at once", "after_grace=True", "after_grace=False"),
        ("another import accepted", 'body.get("id") is not None and', "False and"),
        ("the message of another version", 'body.get("message")', 'body.get("reason")'),
        ("the reason also of a success", "reason=message if state is ImportState.FAILED else None", "reason=message"),
        ("the type dropped", '        job_type=fields.text_of(body.get("type")),\n', ""),
    ),
    *_of(
        "voyado",
        "4",
        E4,
        ("the id in the path", 'status", query={"id": "{importId}"}', 'status/{importId}"'),
        ("another name in the query", 'query={"id"', 'query={"importId"'),
        ("the older version by default", '"adminApiVersion": "v4"}', '"adminApiVersion": "v3"}'),
        (
            "the version not configurable",
            'optional=("clusterId", "baseUrl", "adminApiVersion")',
            'optional=("clusterId", "baseUrl", "adminapi", "adminApiVersion")',
        ),
        ("the end of a version not announced", '!= "v3"', '!= "v2"'),
        ("another date of that end", "2026-12-31", "2027-12-31"),
        ("any text as the version", 'f"v{found[1]}" if found else None', 'f"v{found[1]}" if found else text'),
        ("an id as a number taken for another import", 'fields.id_of(body["id"])', 'body["id"]'),
        ("the message of another version", 'body.get("reason")', 'body.get("message")'),
        ("a status of an earlier page forgotten", '("WAITING", "BLOCKED")', '("WAITING",)'),
        ("a host pattern too wide", r"[a-z0-9-]+\.elevate-api\.cloud", r"([a-z0-9-]+\.)+elevate-api\.cloud"),
        (
            "the host of the older version",
            r"[a-z0-9-]+\.elevate-api\.cloud",
            r"[a-z0-9-]+\.(elevate-api|api\.esales\.apptus)\.cloud",
        ),
        (
            "a success read from another status",
            'ImportState.SUCCEEDED: ("SUCCESS",)',
            'ImportState.SUCCEEDED: ("SUCCESS", "DONE")',
        ),
    ),
)


@contextmanager
def importable(folder: Path) -> Iterator[None]:
    """Have packages of a folder imported, and forget them afterwards."""
    before = set(sys.modules)
    sys.path.insert(0, str(folder))
    importlib.invalidate_caches()
    try:
        yield
    finally:
        sys.path.remove(str(folder))
        for name in set(sys.modules) - before:
            if name.startswith("mistake_"):
                del sys.modules[name]


def adapter_with(mistake: Mistake, functions: Path, scratch: Path) -> Adapter:
    """Adapter of a vendor's folder with the mistake in it.

    Raises
    ------
    ValueError
        If a text of the mistake is not in exactly one place.
    """
    text = (functions / f"poll_{mistake.vendor}" / mistake.file).read_text()
    for right, wrong in mistake.changes:
        if text.count(right) != 1:
            raise ValueError(f"{mistake}: {right!r} is in {text.count(right)} places of {mistake.file}")
        text = text.replace(right, wrong)
    return adapter_of(mistake.vendor, mistake.file, text, functions, scratch)


def adapter_of(vendor: str, file: str, text: str, functions: Path, scratch: Path) -> Adapter:
    """Adapter of a copy of the vendor's folder, in `scratch`, which has to be importable; one file has another text."""
    package = scratch / f"mistake_{next(_numbers)}"
    shutil.copytree(functions / f"poll_{vendor}", package, ignore=shutil.ignore_patterns("__pycache__"))
    (package / file).write_text(text)
    importlib.invalidate_caches()
    adapter: Adapter = importlib.import_module(f"{package.name}.adapter").ADAPTER
    return adapter


def alterations(source: str) -> Iterator[tuple[str, str]]:
    """Texts of a module with one change each, made from its parts and chosen by no person, and what each changes.

    A text gets another letter, a number becomes larger, a truth value and a comparison their opposite, and an argument
    with a name is left out.
    """
    tree = ast.parse(source)
    docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for position, node in enumerate(ast.walk(tree)):
        kinds: Sequence[int] = ()
        if isinstance(node, ast.Constant) and id(node) not in docstrings and node.value is not None:
            kinds = (0,)
        if isinstance(node, ast.Compare) and type(node.ops[0]) in OPPOSITES:
            kinds = (0,)
        if isinstance(node, ast.Call):
            kinds = range(len(node.keywords))
        for kind in kinds:
            copy = ast.parse(source)
            part: Any = next(itertools.islice(ast.walk(copy), position, None))
            what = f"line {part.lineno}: {ast.unparse(part)[:60]}"
            if isinstance(part, ast.Constant):
                part.value = _other(part.value)
            elif isinstance(part, ast.Compare):
                part.ops[0] = OPPOSITES[type(part.ops[0])]()
            else:
                what = f"line {part.lineno}: without {part.keywords.pop(kind).arg}"
            yield what, ast.unparse(copy)


OPPOSITES: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.LtE: ast.Gt,
}


def _other(value: Any) -> Any:
    if isinstance(value, bool):
        return not value
    return value + 1 if isinstance(value, int) else f"{value}x" if isinstance(value, str) else value


def first_difference(adapter: Adapter, sample: Sample) -> str | None:
    """Name of the first check that an adapter fails; None where it passes all of them."""
    vendor = VendorUnderTest(adapter, sample)
    checks = FactChecks()
    for name, check in inspect.getmembers(checks, inspect.ismethod):
        if name.startswith("test_"):
            try:
                check(vendor)
            except Exception as error:  # noqa: BLE001 - an adapter with a mistake may raise anything
                return f"{name} ({type(error).__name__})"
    return None
