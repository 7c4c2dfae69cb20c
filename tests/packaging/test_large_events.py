"""Lambda's runtime reads any start event for the functions that are given one: it fails before a handler is called."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from local.paths import FUNCTIONS, ROOT

READ = """
import importlib, sys
importlib.import_module(sys.argv[1] + ".handler")
from awslambdaric.lambda_runtime_marshaller import LambdaMarshaller
LambdaMarshaller().unmarshal_request(sys.stdin.buffer.read())
"""
EVENTS = {
    "digits": '{"detail": {"importId": ' + "7" * 250_000 + "}}",
    "lists": '{"detail": {"metadata": ' + "[" * 1_900 + "]" * 1_900 + "}}",
    "objects": '{"detail": {"metadata": ' + '{"a":' * 1_900 + "1" + "}" * 1_900 + "}}",
    "infinite": '{"detail": {"metadata": {"a": 1e999}}}',
    "surrogate": '{"detail": {"metadata": {"\\ud800": "\\ufffe"}}}',
}


def reads(function: str, event: str) -> subprocess.CompletedProcess[str]:
    """Start a function's process as the runtime does, handler first, and have it read an event."""
    return subprocess.run(
        [sys.executable, "-c", READ, function],
        input=event,
        env={
            "PATH": os.environ["PATH"],
            "PYTHONPATH": f"{FUNCTIONS}{os.pathsep}{ROOT / 'layers' / 'import_watch'}",
            "AWS_REGION": "eu-west-1",
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.skipif(sys.platform != "linux", reason="awslambdaric has wheels for Linux alone")
@pytest.mark.parametrize("name", EVENTS)
@pytest.mark.parametrize("function", ["register_watch", "publish_outcome", "recover_watches"])
def test_the_runtime_reads_it(function: str, name: str) -> None:
    if name in ("lists", "objects") and sys.version_info[:2] == (3, 12):
        pytest.skip("the stack of this version's parser is fixed; Lambda runs another")
    done = reads(function, EVENTS[name])
    assert done.returncode == 0, done.stderr
