"""The SDK's session of the functions: it knows the services that the SDK knows, without a search."""

from __future__ import annotations

import os
from pathlib import Path

import boto3
import botocore.session
import pytest
from botocore.exceptions import UnknownServiceError
from import_watch.aws.session import prepare_default_session


@pytest.fixture(autouse=True)
def _own_session(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "of-the-account").mkdir()
    monkeypatch.setenv("AWS_DATA_PATH", str(tmp_path))
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "local")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    prepare_default_session()


def test_it_knows_every_service_of_the_sdk_and_of_the_configured_path() -> None:
    known = botocore.session.get_session().get_available_services()
    assert "secretsmanager" in known
    assert boto3.DEFAULT_SESSION is not None
    assert {*known, "of-the-account"} <= set(boto3.DEFAULT_SESSION.get_available_services())


def test_a_client_is_created_without_a_look_into_the_folders_of_services(monkeypatch: pytest.MonkeyPatch) -> None:
    listed: list[str] = []
    list_folder = os.listdir

    def listing(path: str) -> list[str]:
        listed.append(path)
        return list_folder(path)

    monkeypatch.setattr(os, "listdir", listing)
    assert boto3.client("dynamodb").meta.service_model.service_name == "dynamodb"
    assert {Path(path).name for path in listed if Path(path).parent.name == "data"} == {"dynamodb"}


def test_a_service_that_does_not_exist_is_reported() -> None:
    with pytest.raises(UnknownServiceError, match="no-such-service"):
        boto3.client("no-such-service")  # type: ignore[call-overload]
