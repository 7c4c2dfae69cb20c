"""The SDK's session of a function: it creates a client without a search through the folders of all services."""

from __future__ import annotations

import os

import boto3
import botocore.session
from botocore.loaders import Loader


class _Data(Loader):
    """The SDK's data of services."""

    def list_available_services(self, type_name: str) -> list[str]:  # noqa: ARG002
        """Names of services, to recognise the name of one.

        The SDK looks into each of some 400 folders here, twice in a cold start. Their names are enough: it notices in
        the next step where a folder does not have what is needed.
        """
        return sorted({name for path in self.search_paths if os.path.isdir(path) for name in os.listdir(path)})  # noqa: PTH112, PTH208


def prepare_default_session() -> None:
    """Create the session of `boto3.client`."""
    session = botocore.session.Session()
    session.register_component("data_loader", _Data())
    boto3.setup_default_session(botocore_session=session)
