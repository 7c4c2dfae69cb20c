"""The emulator keeps to the one port that it is given, so that any number of them can run on one machine."""

from __future__ import annotations

import psutil
import pytest

from local.stack import LocalStack

pytestmark = pytest.mark.xdist_group("stack")


def test_it_listens_on_its_own_loopback_port_only(stack: LocalStack) -> None:
    emulator = stack.emulator
    connections = psutil.Process(emulator.pid).net_connections("inet")
    listening = [one.laddr for one in connections if one.status in (psutil.CONN_LISTEN, psutil.CONN_NONE)]
    assert listening == [("127.0.0.1", emulator.port)]
