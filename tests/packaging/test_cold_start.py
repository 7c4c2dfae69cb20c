"""What a cold function loads: nothing that it does not use, and for a poll nothing new that is not listed here."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any, ClassVar, TypeAlias

import pytest
from import_watch.services.vendor_registry import VendorRegistry
from import_watch.vendors.adapter import Versions
from import_watch.vendors.authentication import ClientCredentials

from local.paths import FUNCTIONS, ROOT
from local.scenarios import SCENARIOS, Scenario, examples
from local.simulators.registry import VENDORS
from local.stack import LocalStack
from tests.packaging.conftest import Place, Start

pytestmark = pytest.mark.xdist_group("packaging")
Invoked: TypeAlias = Callable[[str, dict[str, Any]], tuple[dict[str, Any], set[str]]]
BY_NAME = {scenario.name: scenario for scenario in SCENARIOS}


def again(example: Scenario) -> Scenario:
    """Another attempt at an import that other tests of the same stack have watched."""
    return replace(example, name=f"{example.name}-again", detail={**(example.detail or {}), "watchAgain": True})


WATCHED = {
    **{example.vendor: again(example) for example in examples()},
    "document360": BY_NAME["document360-error"],
    "egain": BY_NAME["egain-failed"],
    "voyado": BY_NAME["voyado-late"],
}
INVOCATION = ROOT / "benchmarks" / "cold_start" / "invocation.py"
EXECUTION = "arn:aws:states:eu-west-1:000000000000:execution:import-watch-watch-import:cold"
OURS = {
    "import_watch",
    *(
        f"import_watch.{name}"
        for name in (
            "aws",
            "aws.connection_store",
            "aws.dynamodb",
            "aws.secrets",
            "aws.session",
            "aws.watch_items",
            "aws.watch_reader",
            "aws.watch_store",
            "aws.watch_writer",
            "bootstrap",
            "http_client",
            "http_client.addresses",
            "http_client.client",
            "http_client.content_encoding",
            "http_client.redaction",
            "http_client.sockets",
            "http_client.transport",
            "lifecycle",
            "lifecycle.outcome_rules",
            "lifecycle.transitions",
            "model",
            "model.observation",
            "model.outcome",
            "model.serialization",
            "model.step",
            "model.text",
            "model.timestamps",
            "model.watch",
            "observability",
            "scheduling",
            "scheduling.interval",
            "scheduling.poll_delay",
            "scheduling.rate_limit",
            "scheduling.running_time",
            "services",
            "services.archiving",
            "services.poll_telemetry",
            "services.polling",
            "services.reply",
            "services.shared_states",
            "services.status_request",
            "settings",
            "vendors",
            "vendors.adapter",
            "vendors.allowed_hosts",
            "vendors.authentication",
            "vendors.connection",
            "vendors.connection_fields",
            "vendors.fields",
            "vendors.request",
            "vendors.response",
            "vendors.response_body",
        )
    ),
}
VENDOR_REGISTRY = VendorRegistry(FUNCTIONS)
PACKAGES = {
    "adapter",
    "aws_lambda_powertools",
    "boto3",
    "botocore",
    "certifi",
    "dateutil",  # by botocore
    "handler",
    "idna",  # by requests
    "import_watch",
    "jmespath",  # by botocore, and by Powertools; the runtime has it
    "requests",
    "s3transfer",  # by boto3
    "six",  # by dateutil
    "typing_extensions",  # by Powertools
    "urllib3",
}
PARTS = {
    # The package itself loads its metrics and its tracing, but not the X-Ray SDK.
    "aws_lambda_powertools": {
        "exceptions",
        "logging",
        "metrics",
        "package_logger",
        "shared",
        "tracing",
        "utilities",
        "utilities.jmespath_utils",
        "utilities.parameters",
        "warnings",
    },
    # Not `s3`, which is the transfer manager's.
    "boto3": {"compat", "docs", "dynamodb", "exceptions", "resources", "session", "utils"},
}
"""The parts of large packages, to the depth that matters."""
STANDARD = {
    # The runtime client loads none of these on its own.
    *("array", "errno", "select", "selectors", "socket", "typing"),
    *("ast", "base64", "binascii", "bisect", "bz2", "calendar", "concurrent", "configparser", "contextvars", "copy"),
    *("csv", "dataclasses", "datetime", "dis", "email", "encodings", "fcntl", "fnmatch", "getpass", "glob", "grp"),
    *("gzip", "hashlib", "heapq", "hmac", "html", "http", "importlib", "inspect", "ipaddress", "locale", "lzma"),
    *("mimetypes", "mmap", "multiprocessing", "ntpath", "opcode", "pathlib", "pickle", "platform", "pwd", "pyexpat"),
    *("queue", "quopri", "random", "runpy", "secrets", "shlex", "shutil", "signal", "ssl", "stringprep", "struct"),
    *("subprocess", "tempfile", "termios", "token", "tokenize", "unicodedata", "urllib", "uuid", "xml", "zipfile"),
    "zlib",
}
"""Of Python 3.11 or 3.13, beside what the runtime client has loaded before: all but a few for the packages above."""
RARE = {
    f"import_watch.{name}"
    for name in ("aws.event_bus", "aws.task_tokens", "notifications.callback", "services.callbacks", "services.waking")
}
"""What few executions of register_watch and publish_outcome use."""
ADVICE = "import it only where it is used, or, where every poll uses it, name it in this file and run `make bench`"


def named_by(vendor: str) -> set[str]:
    """Modules that a vendor's polls load besides: what its adapter imports, and what its authentication needs."""
    modules = {"adapter", *version_of_the_connection(vendor)}
    texts = [(FUNCTIONS / f"poll_{vendor}" / f"{name}.py").read_text() for name in modules]
    imported = {name for text in texts for name in re.findall(r"^from (import_watch\.[\w.]+) import", text, re.M)}
    with_tokens = isinstance(VENDOR_REGISTRY.adapter(vendor).api().authentication, ClientCredentials)
    return imported | ({"import_watch.http_client.oauth"} if with_tokens else set())


def version_of_the_connection(vendor: str) -> set[str]:
    """The module of the version that the connection uses, where there are several; no other one is loaded."""
    apis = VENDOR_REGISTRY.adapter(vendor).apis
    return {apis.modules[apis.default]} if isinstance(apis, Versions) else set()


def parts(modules: set[str], package: str) -> set[str]:
    """Parts of a package that were loaded; of `utilities` its parts."""
    inside = [name.split(".")[1:] for name in modules if name.startswith(f"{package}.")]
    return {".".join(path[: 2 if path[0] == "utilities" else 1]) for path in inside}


@pytest.fixture
def invoked(place: Callable[[str], Place]) -> Invoked:
    """What invokes a function once in a fresh process, and gives its response and the modules that this loaded."""

    def invoke(name: str, event: dict[str, Any]) -> tuple[dict[str, Any], set[str]]:
        function = place(name)
        done = subprocess.run(
            function.layout.command(INVOCATION, function.handler),
            env=function.environment,
            input=json.dumps({"event": event, "follow": "watch", "polls": 0}) + "\n",
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert "Warning" not in done.stderr
        result = json.loads(done.stdout.splitlines()[-1])
        return result["response"], set(result["modules"])

    return invoke


@pytest.fixture
def loaded(start: Start, packaged_stack: LocalStack, invoked: Invoked) -> Callable[[str], set[str]]:
    """What polls once in a fresh process, and gives the modules that this loaded."""

    def poll(vendor: str) -> set[str]:
        scenario = WATCHED[vendor]
        packaged_stack.simulators[vendor].script(scenario.import_id, [scenario.steps[0]])
        registered = start("register-watch").invoke({"event": scenario.event, "execution": EXECUTION})
        response, modules = invoked(f"poll-{vendor}", {"watch": registered["watch"], "execution": EXECUTION})
        assert response["action"] == "WAIT"
        return modules

    return poll


@pytest.mark.parametrize("vendor", VENDORS)
def test_a_poll_loads_nothing_that_it_does_not_use(vendor: str, loaded: Callable[[str], set[str]]) -> None:
    modules = loaded(vendor)
    tops = {name.partition(".")[0] for name in modules if not name.startswith("_")}
    found = {
        "import_watch": {name for name in modules if name.partition(".")[0] == "import_watch"},
        "packages": tops - sys.stdlib_module_names,
        **{package: parts(modules, package) for package in PARTS},
    }
    known = {
        "import_watch": OURS | named_by(vendor),
        "packages": PACKAGES | version_of_the_connection(vendor),
        **PARTS,
    }
    changes = [
        *(
            f"a poll now loads {sorted(new)} of {what}: {ADVICE}"
            for what in known
            if (new := found[what] - known[what])
        ),
        *(
            f"a poll no longer loads {sorted(old)} of {what}: take it out here"
            for what in known
            if (old := known[what] - found[what])
        ),
    ]
    if new := (tops & sys.stdlib_module_names) - STANDARD:
        changes.append(f"a poll now loads {sorted(new)} of the standard library: {ADVICE}")
    assert not changes, "; ".join(changes)


class TestRareParts:
    """Of what few executions use, each loads its own part; every outcome is also sent to the bus here."""

    EVENT: ClassVar[dict[str, Any]] = {
        "id": "rare",
        "detail-type": "ImportStarted",
        "detail": {"vendor": "voyado", "importId": "9600001"},
    }

    def test_a_start_event_needs_none(self, invoked: Invoked) -> None:
        response, modules = invoked("register-watch", {"event": self.EVENT, "execution": EXECUTION})
        assert (response["action"], modules & RARE) == ("WAIT", set())

    def test_a_change_is_what_wakes(self, invoked: Invoked) -> None:
        changed = {"detail-type": "ImportChanged", "detail": {"vendor": "voyado", "importId": "9600002"}}
        response, modules = invoked("register-watch", {"event": changed, "execution": EXECUTION})
        assert (response["action"], modules & RARE) == ("NOT_WOKEN", {"import_watch.services.waking"})

    @pytest.mark.parametrize(
        ("detail", "expected"),
        [
            ({"importId": "9600003"}, {"import_watch.aws.event_bus"}),
            ({"importId": "9600004", "taskToken": "of-no-task"}, RARE - {"import_watch.services.waking"}),
        ],
        ids=["without a task token", "with one"],
    )
    def test_task_tokens_are_loaded_where_one_waits(
        self, invoked: Invoked, detail: dict[str, str], expected: set[str]
    ) -> None:
        failed = {**self.EVENT, "detail": {"vendor": "voyado", **detail}, "error": {"Error": "States.Timeout"}}
        response, modules = invoked("publish-outcome", {"input": failed, "execution": EXECUTION})
        assert (response["outcome"], modules & RARE) == ("UNKNOWN", expected)
