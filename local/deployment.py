"""Deploys the real template to the emulator: packages its folders, creates the stack, returns its outputs."""

from __future__ import annotations

import hashlib
import io
import json
import py_compile
import sys
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from samtranslator.yaml_helper import yaml_parse

from local.emulator import Emulator
from local.paths import ROOT, TEMPLATE
from local.waiting import wait_until

STACK_NAME = "import-watch"
LOCAL_PARAMETERS = {
    # The simulators use plain http on the loopback address.
    "AllowLoopbackHttp": "true",
    # The next poll should use a secret that was changed by hand.
    "SecretCacheSeconds": "1",
    # The emulator has no saved queries, and no alarms on more than one metric.
    "IsLocalStack": "true",
}
ARTEFACT_PROPERTIES = {
    "AWS::Serverless::Function": "CodeUri",
    "AWS::Serverless::LayerVersion": "ContentUri",
    "AWS::Serverless::StateMachine": "DefinitionUri",
}
DEPLOY_SECONDS = 60


def deploy(emulator: Emulator, parameters: Mapping[str, str] | None = None, project: Path = ROOT) -> dict[str, str]:
    """Create the stack, or update an existing one, and return its outputs.

    Parameters
    ----------
    emulator : Emulator
        Running.
    parameters : mapping of str to str, optional
        Template parameters besides those of every local stack; one that the template does not have is left out.
    project : Path
        The folder that holds the template: this project's, or an earlier release's.

    Raises
    ------
    RuntimeError
        If the stack is not created or updated, naming the resources that failed.
    """
    cloudformation = emulator.client("cloudformation")
    template, address = _packaged(emulator, project)
    write = cloudformation.update_stack if _exists(cloudformation) else cloudformation.create_stack
    write(
        StackName=STACK_NAME,
        # It is too long for a request, so it is put into the bucket, too, as `sam deploy` does.
        TemplateURL=address,
        Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
        Parameters=[
            {"ParameterKey": name, "ParameterValue": value}
            for name, value in {**LOCAL_PARAMETERS, **(parameters or {})}.items()
            if name in template["Parameters"]
        ],
    )

    def deployed() -> dict[str, Any] | None:
        stack: dict[str, Any] = cloudformation.describe_stacks(StackName=STACK_NAME)["Stacks"][0]
        return None if stack["StackStatus"].endswith("IN_PROGRESS") else stack

    stack = wait_until(deployed, DEPLOY_SECONDS, "the stack is deployed", pause=0.1)
    if stack["StackStatus"] not in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
        events = cloudformation.describe_stack_events(StackName=STACK_NAME)["StackEvents"]
        failed = [
            f"{event['LogicalResourceId']}: {event.get('ResourceStatusReason', '')}"
            for event in events
            if "FAILED" in event["ResourceStatus"]
        ]
        raise RuntimeError(f"the stack is {stack['StackStatus']}: {'; '.join(failed)}")
    return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}


def _exists(cloudformation: Any) -> bool:
    stacks = cloudformation.list_stacks(StackStatusFilter=["CREATE_COMPLETE", "UPDATE_COMPLETE"])["StackSummaries"]
    return any(stack["StackName"] == STACK_NAME for stack in stacks)


def _packaged(emulator: Emulator, project: Path) -> tuple[dict[str, Any], str]:
    """Put the template with its folders and files into a bucket, as `sam package` does; return it and its address."""
    s3 = emulator.client("s3")
    template: dict[str, Any] = yaml_parse((project / TEMPLATE.name).read_text())
    bucket = f"{STACK_NAME}-artefacts"
    if bucket not in {found["Name"] for found in s3.list_buckets()["Buckets"]}:
        s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": s3.meta.region_name})
    for resource in template["Resources"].values():
        name = ARTEFACT_PROPERTIES.get(resource["Type"])
        if name is None:
            continue
        path = resource["Properties"][name]
        # The layer's own dependencies are the emulator's: it runs functions on its interpreter and packages.
        inside = "python/" if resource["Type"] == "AWS::Serverless::LayerVersion" else ""
        source = project / path
        content = _zip(source, inside) if source.is_dir() else source.read_bytes()
        # Each content has its own key, because an update would not detect a change otherwise.
        key = f"{hashlib.sha256(content).hexdigest()[:16]}/{path}"
        s3.put_object(Bucket=bucket, Key=key, Body=content)
        resource["Properties"][name] = f"s3://{bucket}/{key}"
    s3.put_object(Bucket=bucket, Key=TEMPLATE.name, Body=json.dumps(template).encode())
    return template, f"{emulator.endpoint_url}/{bucket}/{TEMPLATE.name}"


def _zip(folder: Path, inside: str) -> bytes:
    """Zip a folder with the bytecode of its sources, because the emulator unpacks it for every function worker."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as bundle:
        for path in sorted(folder.rglob("*")):
            if path.is_file() and path.suffix != ".pyc" and "node_modules" not in path.parts:
                name = inside + path.relative_to(folder).as_posix()
                bundle.write(path, name)
                if path.suffix == ".py":
                    # A fixed date, so that the same content has the same key.
                    cached = f"{name.removesuffix(path.name)}__pycache__/{path.stem}.{sys.implementation.cache_tag}.pyc"
                    bundle.writestr(zipfile.ZipInfo(cached), _bytecode(path), zipfile.ZIP_DEFLATED)
    return archive.getvalue()


def _bytecode(source: Path) -> bytes:
    """Bytecode of this interpreter, which also runs the functions; valid for any date of the unpacked source."""
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "bytecode"
        py_compile.compile(
            str(source), str(target), doraise=True, invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH
        )
        return target.read_bytes()
