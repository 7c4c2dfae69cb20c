"""A local stack for the tests of one module, with imports that have ended and one that runs."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.stack import LocalStack
from tests.cli.running import Running


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A local stack that is described by a file, as `up` writes it."""
    folder: Path = tmp_path_factory.mktemp("state")
    with LocalStack(wait_scale=0.05) as stack:
        (folder / "stack.json").write_text(json.dumps(stack.description(os.getpid())))
        yield Running(stack, folder)
