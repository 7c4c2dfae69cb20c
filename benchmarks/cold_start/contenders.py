"""What is measured: Import Watch's poll function as it is built, with and without bytecode, and the peer's."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local.lambda_layout import LAYER, RUNTIME_DISTRIBUTIONS, Layout, build_layer, copy_code
from local.paths import FUNCTIONS, ROOT

PEER_CODE = Path(__file__).with_name("peer")
WITH_BYTECODE, WITHOUT_BYTECODE = "with bytecode", "without"
PEER, COMPILED_PEER = "peer", "peer with bytecode"
"""Titles of the contenders."""
INSTALL_SECONDS = 300
LOCKED = tuple(f"--constraint={ROOT / 'locks' / name}" for name in ("demo.txt", "dev.txt"))
"""Options of an installation, for the versions of the lock files."""
LAMBDA_PLATFORM = ("--python-platform", "aarch64-manylinux2014", "--python-version", "3.13")


@dataclass(frozen=True, slots=True)
class Contender:
    """A function to measure.

    Parameters
    ----------
    title : str
        For a person.
    layout : Layout
        Where it lies.
    handler : str
        As configured in Lambda.
    event : callable
        Gives the event of the first invocation in a process.
    follow : str or None
        The key of its response that is copied into the next event.
    size : int
        Bytes of its code and its layer, unzipped.
    packaged_size : int
        The same, with all that its requirements lead to.
    """

    title: str
    layout: Layout
    handler: str
    event: Callable[[], dict[str, Any]]
    follow: str | None
    size: int
    packaged_size: int


def interpreter() -> str:
    """Interpreter to measure with: one of Lambda's version where the build of the layer finds one, else this one."""
    found = subprocess.run(
        ["make", "--silent", "lambda-python"],  # noqa: S607
        cwd=LAYER,
        stdout=subprocess.PIPE,
        text=True,
        timeout=INSTALL_SECONDS,
        check=False,
    )
    if found.returncode:
        raise SystemExit(found.returncode)  # the build has printed the cause
    return found.stdout.strip() or sys.executable


def contenders(
    folder: Path, python: str, register: Callable[[], dict[str, Any]], execution: str, authority: bytes
) -> tuple[Contender, ...]:
    """Build the functions: ours and the peer, each with bytecode and without.

    Parameters
    ----------
    folder : Path
        To build in.
    python : str
        The interpreter to measure with.
    register : callable
        Registers an import with `register_watch`, and gives the response: each of our processes polls a new watch.
    execution : str
        ARN that registers them.
    authority : bytes
        Certificate of the vendor's authority, which all of them are to trust.
    """
    runtime, task, opt, plain = (folder / name for name in ("runtime", "task", "opt", "opt-plain"))
    _install(python, runtime, "--no-deps", *LOCKED, *RUNTIME_DISTRIBUTIONS)
    copy_code(FUNCTIONS / "poll_voyado", task)
    build_layer(plain)
    _trust(authority, plain)
    for path in plain.rglob("__pycache__"):
        shutil.rmtree(path)
    shutil.copytree(plain, opt)
    # The measuring interpreter represents Lambda's, so its bytecode represents Lambda's too.
    _compile(python, opt)
    handler = "handler.handler"

    def event() -> dict[str, Any]:
        return {"watch": register()["watch"], "execution": execution}

    def peer_event() -> dict[str, Any]:
        return {"watch_id": "peer", "import_id": register()["watch"]["importId"]}

    size, plain_size = _size(task, opt), _size(task, plain)
    peer = Layout(_peer(python, folder / "peer"), folder / "no-layer", runtime)
    for_lambda = _peer(python, folder / "peer-for-lambda", *LAMBDA_PLATFORM)
    packaged_size = _size(for_lambda)
    _without_botocore(for_lambda)
    _without_botocore(peer.task)
    _trust(authority, peer.task)
    compiled = Layout(folder / "peer-compiled", folder / "no-layer", runtime)
    shutil.copytree(peer.task, compiled.task)
    _compile(python, compiled.task)
    peer_size = _size(for_lambda)
    return (
        Contender(WITH_BYTECODE, Layout(task, opt, runtime), handler, event, "watch", size, size),
        Contender(WITHOUT_BYTECODE, Layout(task, plain, runtime), handler, event, "watch", plain_size, plain_size),
        Contender(COMPILED_PEER, compiled, handler, peer_event, None, peer_size, packaged_size),
        Contender(PEER, peer, handler, peer_event, None, peer_size, packaged_size),
    )


def _peer(python: str, target: Path, *platform: str) -> Path:
    """Package the peer, as `sam build` does."""
    requirements = ("--require-hashes", "--requirement", str(PEER_CODE / "requirements.txt"))
    _install(python, target, *platform, *requirements)
    copy_code(PEER_CODE, target)
    return target


def _install(python: str, target: Path, *options: str) -> None:
    command = ("-m", "uv", "pip", "install", "--quiet", "--python", python, "--only-binary", ":all:")
    _run(sys.executable, *command, "--target", str(target), *options)


def _without_botocore(target: Path) -> None:
    """Remove what the X-Ray SDK requires and the runtime has: the peer is to be built with care."""
    for path in target.glob("botocore*"):
        shutil.rmtree(path)


def _trust(authority: bytes, folder: Path) -> None:
    """Add an authority to those that `requests` trusts."""
    for bundle in folder.rglob("certifi/cacert.pem"):
        bundle.write_bytes(bundle.read_bytes() + authority)


def _compile(python: str, folder: Path) -> None:
    _run(python, "-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash", str(folder))


def _run(*command: str) -> None:
    subprocess.run(command, check=True, timeout=INSTALL_SECONDS)


def _size(*folders: Path) -> int:
    return sum(path.stat().st_size for folder in folders for path in folder.rglob("*") if path.is_file())
