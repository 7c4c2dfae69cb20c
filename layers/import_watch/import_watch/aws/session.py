"""The SDK's session of a function: it creates a client without a search through the folders of all services."""

from __future__ import annotations

import os
from pathlib import Path

import boto3
import botocore.session
from botocore.loaders import Loader


class _LoaderByFolders(Loader):
    """Loads the SDK's data of services, and takes each folder in it for a service."""

    def list_available_services(self, type_name: str) -> list[str]:  # noqa: ARG002 - of the SDK's method
        """Names of services, to recognise the name of one.

        The SDK looks into each of some 400 folders here, twice in a cold start. Their names are enough: what is missing
        in a folder is noticed when it is loaded.
        """
        folders = (path for path in self.search_paths if Path(path).is_dir())
        return sorted({entry.name for folder in folders for entry in os.scandir(folder) if entry.is_dir()})


def prepare_default_session() -> None:
    """Create the session of `boto3.client`."""
    session = botocore.session.Session()
    paths = session.get_component("data_loader").search_paths
    session.register_component("data_loader", _LoaderByFolders(list(paths), include_default_search_paths=False))
    boto3.setup_default_session(botocore_session=session)
