"""The archive of a release: SAM deploys it as it is, and the examples for CDK and Terraform use what SAM packages."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import zipfile
from pathlib import Path
from typing import Any

import hcl2
import pytest
from samtranslator.yaml_helper import yaml_parse

from local.deployment import ARTEFACT_PROPERTIES
from local.emulator import Emulator
from local.paths import ROOT
from releases.package import package
from tests.packaging.sam import Sam
from tests.sam_template import RESOURCES, STACK

pytestmark = pytest.mark.xdist_group("packaging")
EXAMPLES = ROOT / "examples"
CAPABILITIES = {"CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"}
NPM_SECONDS = 170


@pytest.fixture(scope="module")
def unpacked(sam: Sam, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The archive of a release, unpacked after its checksum was checked."""
    folder = tmp_path_factory.mktemp("release")
    archive, checksum = package(ROOT, sam.built / "ImportWatchLayer", "1.2.3", folder)
    if shasum := shutil.which("sha256sum"):
        subprocess.run([shasum, "--check", checksum.name], cwd=folder, check=True, capture_output=True)
    with zipfile.ZipFile(archive) as bundle:
        bundle.extractall(folder)
    return folder / "import-watch-1.2.3"


@pytest.fixture(scope="module")
def packaged(sam: Sam, unpacked: Path) -> Path:
    """What `sam package` writes from it."""
    with Emulator() as emulator:
        emulator.client("s3").create_bucket(
            Bucket="artefacts", CreateBucketConfiguration={"LocationConstraint": emulator.client("s3").meta.region_name}
        )
        target = unpacked.parent / "packaged.yaml"
        sam.package(emulator, unpacked / "template.yaml", "artefacts", target)
    return target


def test_sam_deploys_the_archive_as_it_is(sam: Sam, unpacked: Path) -> None:
    with Emulator() as emulator:
        outputs = sam.deploy(emulator, template=unpacked / "template.yaml")
        assert outputs["Version"] == STACK["Outputs"]["Version"]["Value"]
        functions = emulator.client("lambda").list_functions()["Functions"]
    assert len(functions) == sum(one["Type"] == "AWS::Serverless::Function" for one in RESOURCES.values())


def test_all_code_of_the_packaged_template_is_uploaded(packaged: Path) -> None:
    template = yaml_parse(packaged.read_text())
    places = [
        template["Resources"][name]["Properties"][ARTEFACT_PROPERTIES[resource["Type"]]]
        for name, resource in RESOURCES.items()
        if resource["Type"] in ARTEFACT_PROPERTIES
    ]
    application = template["Metadata"]["AWS::ServerlessRepo::Application"]
    for place in (*places, application["LicenseUrl"], application["ReadmeUrl"]):
        assert str(place).startswith("s3://artefacts/") or place["Bucket"] == "artefacts"


def test_the_page_names_the_length_of_the_template(packaged: Path) -> None:
    """A template in a request has at most 51,200 bytes, one in a bucket 1 MB."""
    assert 51_200 < packaged.stat().st_size < 1_000_000


def test_the_cdk_includes_it(packaged: Path, tmp_path: Path) -> None:
    if shutil.which("npm") is None:
        pytest.skip("left out, because there is no Node on this machine: the CDK")
    folder = EXAMPLES / "cdk"
    installed = folder / "node_modules" / ".package-lock.json"
    if not installed.exists() or installed.stat().st_mtime < (folder / "package-lock.json").stat().st_mtime:
        subprocess.run(["npm", "ci", "--silent"], cwd=folder, check=True, timeout=NPM_SECONDS, capture_output=True)  # noqa: S607
    done = subprocess.run(
        [
            *(folder / "node_modules" / ".bin" / "cdk", "synth", "--quiet", "--no-notices", "--no-version-reporting"),
            *("--context", f"template={packaged}", "--output", tmp_path),
        ],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), "CDK_DISABLE_CLI_TELEMETRY": "true", "CI": "true"},
        timeout=NPM_SECONDS,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3_000:]
    written = json.loads((tmp_path / "ImportWatch.template.json").read_text())
    assert written["Transform"] == STACK["Transform"]
    assert written["Resources"].keys() >= RESOURCES.keys()
    assert written["Outputs"].keys() >= STACK["Outputs"].keys()
    # The parameter is replaced by the project's own topic.
    assert STACK["Parameters"].keys() - written["Parameters"].keys() == {"AlarmActionArn"}
    topic = next(name for name, one in written["Resources"].items() if name.startswith("Operators"))
    action = written["Resources"]["DeadLettersAlarm"]["Properties"]["AlarmActions"]["Fn::If"][1]
    assert action == [{"Ref": topic}]
    (subscription,) = (
        one["Properties"]
        for name, one in written["Resources"].items()
        if one["Type"] == "AWS::SNS::Subscription" and name not in RESOURCES
    )
    assert subscription["TopicArn"] == {"Ref": "OutcomeTopic"}


def resources_of(configuration: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Resources of a Terraform configuration by type, without the quotes around names."""
    return {
        kind.strip('"'): body
        for block in configuration["resource"]
        for kind, named in block.items()
        for body in named.values()
    }


def test_the_terraform_example_names_what_the_template_has() -> None:
    """The provider is in no package registry, so syntax and names are checked, and not the types of resources."""
    path = EXAMPLES / "terraform" / "main.tf"
    configuration = hcl2.loads(path.read_text())
    stack = resources_of(configuration)["aws_cloudformation_stack"]
    assert {one.strip('"') for one in stack["capabilities"]} == CAPABILITIES
    assert stack["parameters"].keys() <= STACK["Parameters"].keys()
    outputs = set(re.findall(r'import_watch\.outputs\["(\w+)"\]', path.read_text()))
    assert outputs
    assert outputs <= STACK["Outputs"].keys()
    # A reference to another resource leads to one.
    defined = {
        f"{kind}.{name}".replace('"', "")
        for block in configuration["resource"]
        for kind, named in block.items()
        for name in named
    }
    code = re.sub(r"(?m)^ *#.*$", "", path.read_text())
    assert set(re.findall(r"\b(aws_\w+\.\w+)\.?", code)) <= defined


def test_the_terraform_example_is_formatted() -> None:
    terraform = shutil.which("terraform")
    if terraform is None:
        pytest.skip("left out, because there is no Terraform on this machine")
    done = subprocess.run(
        [terraform, "fmt", "-check", "-diff", str(EXAMPLES / "terraform")],
        env={"PATH": os.environ["PATH"], "CHECKPOINT_DISABLE": "1"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout


def test_the_page_names_the_capabilities_and_the_examples() -> None:
    page = (ROOT / "docs" / "operating.md").read_text()
    for name in (*CAPABILITIES, "../examples/cdk/app.mjs", "../examples/terraform/main.tf"):
        assert name in page
