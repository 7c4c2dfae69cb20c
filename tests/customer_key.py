"""Deploys the local stack under a customer key of its account."""

from __future__ import annotations

from collections.abc import Mapping

from local.deployment import deploy
from local.emulator import Emulator


def deploy_with_a_key(emulator: Emulator, parameters: Mapping[str, str] | None) -> dict[str, str]:
    """Make a key, and deploy with it; outputs of the stack."""
    key: str = emulator.client("kms").create_key()["KeyMetadata"]["Arn"]
    return deploy(emulator, {**(parameters or {}), "KmsKeyArn": key})
