"""Unit tests touch no network: opening a socket fails the test."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def _no_network(socket_disabled: None) -> None:
    """Block sockets for every test of this folder."""
