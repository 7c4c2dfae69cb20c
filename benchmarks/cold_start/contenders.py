"""What is measured: Import Watch's poll function as it is built, with and without bytecode, and the peer's."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local.lambda_layout import Layout, build_layer, copy_code, link_runtime
from local.paths import FUNCTIONS

PEER = Path(__file__).with_name("peer")
INSTALL_SECONDS = 300
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
    event : dict
        Of its first invocation.
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
    event: dict[str, Any]
    follow: str | None
    size: int
    packaged_size: int


def contenders(folder: Path, registered: dict[str, Any], execution: str) -> tuple[Contender, Contender, Contender]:
    """Build the functions: ours, ours without bytecode, and the peer.

    Parameters
    ----------
    folder : Path
        To build in.
    registered : dict
        Response of `register_watch`: the first event of our poll.
    execution : str
        ARN that registered it.
    """
    runtime, task, opt, plain = (folder / name for name in ("runtime", "task", "opt", "opt-plain"))
    link_runtime(runtime)
    copy_code(FUNCTIONS / "poll_voyado", task)
    build_layer(plain)
    for path in plain.rglob("__pycache__"):
        shutil.rmtree(path)
    shutil.copytree(plain, opt)
    # The measuring interpreter represents Lambda's, so its bytecode represents Lambda's too.
    _run("-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash", str(opt))
    event = {"watch": registered["watch"], "execution": execution}
    handler = "handler.handler"
    peer_event = {"watch_id": "peer", "import_id": registered["watch"]["importId"]}
    size, plain_size = _size(task, opt), _size(task, plain)
    peer = Layout(_peer(folder / "peer"), folder / "no-layer", runtime)
    for_lambda = _peer(folder / "peer-for-lambda", *LAMBDA_PLATFORM)
    packaged_size = _size(for_lambda)
    _without_botocore(for_lambda)
    _without_botocore(peer.task)
    return (
        Contender("with bytecode", Layout(task, opt, runtime), handler, event, "watch", size, size),
        Contender("without", Layout(task, plain, runtime), handler, event, "watch", plain_size, plain_size),
        Contender("peer", peer, "handler.handler", peer_event, None, _size(for_lambda), packaged_size),
    )


def _peer(target: Path, *platform: str) -> Path:
    """Package the peer, as `sam build` does."""
    requirements = ("--require-hashes", "--only-binary", ":all:", "--requirement", str(PEER / "requirements.txt"))
    _run("-m", "uv", "pip", "install", "--quiet", "--target", str(target), *platform, *requirements)
    copy_code(PEER, target)
    return target


def _without_botocore(target: Path) -> None:
    """Remove what the X-Ray SDK requires and the runtime has: the peer is to be built with care."""
    for path in target.glob("botocore*"):
        shutil.rmtree(path)


def _run(*arguments: str) -> None:
    subprocess.run([sys.executable, *arguments], check=True, timeout=INSTALL_SECONDS)


def _size(*folders: Path) -> int:
    return sum(path.stat().st_size for folder in folders for path in folder.rglob("*") if path.is_file())
