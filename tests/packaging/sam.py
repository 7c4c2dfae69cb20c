"""`sam build` and `sam deploy` as `make deploy` calls them, into folders of a test and onto the emulator."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from local.deployment import LOCAL_PARAMETERS, STACK_NAME
from local.emulator import REGION, Emulator
from local.lambda_layout import Layout
from local.paths import ROOT

SAM = ROOT / ".venv" / "sam" / "bin" / "sam"
SAM_SECONDS = 150
LAMBDA_PYTHON = {"LAMBDA_PYTHON": sys.executable} if sys.version_info[:2] == (3, 13) else {}
"""Has the interpreter of these tests write the bytecode where it is Lambda's version."""


@dataclass(frozen=True, slots=True)
class Sam:
    """The SAM CLI, and the folder that it builds into.

    Parameters
    ----------
    folder : Path
        For what it builds, and what it remembers.
    """

    folder: Path

    @property
    def built(self) -> Path:
        """Where the built artefacts are."""
        return self.folder / "build"

    def build(self) -> str:
        """Build the project, and return what the command printed."""
        return self._run({}, "build", "--no-cached", "--build-dir", str(self.built))

    def package(self, emulator: Emulator, template: Path, bucket: str, target: Path) -> None:
        """Upload a template's code to a bucket, and write the template that leads to it."""
        arguments = ("--template-file", template, "--s3-bucket", bucket, "--output-template-file", target)
        self._run(_account(emulator), "package", *map(str, arguments))

    def deploy(
        self, emulator: Emulator, parameters: Mapping[str, str] | None = None, template: Path | None = None
    ) -> dict[str, str]:
        """Deploy what was built, or another template, and return the stack's outputs."""
        overrides = [f"{name}={value}" for name, value in {**LOCAL_PARAMETERS, **(parameters or {})}.items()]
        self._run(
            _account(emulator),
            "deploy",
            "--template-file",
            str(template or self.built / "template.yaml"),
            "--config-file",
            str(ROOT / "samconfig.toml"),
            "--parameter-overrides",
            *overrides,
        )
        stack = emulator.client("cloudformation").describe_stacks(StackName=STACK_NAME)["Stacks"][0]
        return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}

    def _run(self, environment: Mapping[str, str], *arguments: str) -> str:
        if not SAM.exists():
            raise AssertionError("the SAM CLI is not installed: run `make .venv/sam/installed` (`make test` does)")
        done = subprocess.run(
            [str(SAM), *arguments],
            cwd=ROOT,
            env={
                **{name: value for name, value in os.environ.items() if not name.startswith("AWS_")},
                "SAM_CLI_TELEMETRY": "0",
                "__SAM_CLI_APP_DIR": str(self.folder / "app"),
                **LAMBDA_PYTHON,
                **environment,
            },
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=SAM_SECONDS,
            check=False,
        )
        assert done.returncode == 0, f"sam {arguments[0]} failed:\n{done.stdout[-4_000:]}"
        return done.stdout


def _account(emulator: Emulator) -> dict[str, str]:
    return {
        "AWS_ENDPOINT_URL": emulator.endpoint_url,
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_CONFIG_FILE": os.devnull,
    }


def unpack(emulator: Emulator, function: Mapping[str, Any], folder: Path, runtime: Path) -> Layout:
    """Unpack a deployed function's zip and its layers' as Lambda does.

    Parameters
    ----------
    emulator : Emulator
    function : mapping
        Its configuration.
    folder : Path
        Stands for the root of the file system.
    runtime : Path
        The packages that the runtime brings.
    """
    functions = emulator.client("lambda")
    layout = Layout(folder / "var" / "task", folder / "opt", runtime)
    _unzip(functions.get_function(FunctionName=function["FunctionName"])["Code"]["Location"], layout.task)
    for layer in function.get("Layers", []):
        _unzip(functions.get_layer_version_by_arn(Arn=layer["Arn"])["Content"]["Location"], layout.opt)
    return layout


def _unzip(url: str, target: Path) -> None:
    response = requests.get(url, timeout=30)
    response.raise_for_status()
    with zipfile.ZipFile(io.BytesIO(response.content)) as bundle:
        bundle.extractall(target)
