"""One stack for these tests, built and deployed with the SAM CLI, and its functions unpacked as Lambda would."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from local.deployment import STACK_NAME
from local.emulator import REGION
from local.lambda_layout import Layout, link_runtime
from local.stack import LocalStack
from tests.integration.observer import Observer
from tests.packaging.runtime_api import Function
from tests.packaging.sam import Sam, unpack

Start: TypeAlias = Callable[..., Function]
WAIT_SCALE = 0.05


@dataclass(frozen=True, slots=True)
class Place:
    """A function as it was unpacked, and what Lambda would start it with."""

    layout: Layout
    handler: str
    environment: dict[str, str]


@pytest.fixture(scope="session")
def sam(tmp_path_factory: pytest.TempPathFactory) -> Sam:
    """The built project."""
    built = Sam(tmp_path_factory.mktemp("sam"))
    built.build()
    return built


@pytest.fixture(scope="session")
def packaged_stack(sam: Sam) -> Iterator[LocalStack]:
    """The stack that `sam deploy` made of it, with the simulators."""
    with LocalStack(WAIT_SCALE, deployer=sam.deploy) as running:
        yield running


@pytest.fixture(scope="session")
def subscriber(packaged_stack: LocalStack) -> Observer:
    """What a subscriber of the topic sees."""
    return Observer(packaged_stack)


@pytest.fixture(scope="session")
def functions(packaged_stack: LocalStack) -> dict[str, dict[str, Any]]:
    """The configuration of every function of the stack, by what its name has after the stack's."""
    found = packaged_stack.client("lambda").list_functions()["Functions"]
    return {one["FunctionName"].removeprefix(f"{STACK_NAME}-"): one for one in found}


@pytest.fixture(scope="session")
def runtime(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The packages that the runtime brings, in a folder of their own."""
    if sys.platform != "linux":
        pytest.skip("awslambdaric, the runtime client of Lambda, has wheels for Linux alone")
    folder = tmp_path_factory.mktemp("runtime")
    link_runtime(folder)
    return folder


@pytest.fixture
def place(
    packaged_stack: LocalStack, functions: dict[str, dict[str, Any]], runtime: Path, tmp_path: Path
) -> Callable[[str], Place]:
    """What unpacks a function."""

    def unpacked(name: str) -> Place:
        folder = tmp_path / name
        folder.mkdir()
        configuration = functions[name]
        layout = unpack(packaged_stack.emulator, configuration, folder, runtime)
        environment = {
            **configuration["Environment"]["Variables"],
            "_HANDLER": configuration["Handler"],
            "LAMBDA_TASK_ROOT": str(layout.task),
            "AWS_LAMBDA_FUNCTION_NAME": configuration["FunctionName"],
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(configuration["MemorySize"]),
            "AWS_ACCESS_KEY_ID": "local",
            "AWS_SECRET_ACCESS_KEY": "local",
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ENDPOINT_URL": packaged_stack.emulator.endpoint_url,
        }
        return Place(layout, configuration["Handler"], environment)

    return unpacked


@pytest.fixture
def start(place: Callable[[str], Place], tmp_path: Path) -> Iterator[Start]:
    """A function that starts a function in its place; all are ended with the test."""
    with ExitStack() as running:

        def start_one(name: str, handler: str | None = None) -> Function:
            found = place(name)
            log = tmp_path / f"{name}.log"
            return running.enter_context(Function(found.layout, handler or found.handler, found.environment, log))

        yield start_one
