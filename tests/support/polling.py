"""A poller for tests, put together as `bootstrap` does, over parts that a test has made."""

from __future__ import annotations

from import_watch.aws.connection_store import ConnectionStore
from import_watch.aws.secrets import Connections
from import_watch.aws.watch_store import WatchStore
from import_watch.http_client.client import Client
from import_watch.model.watch import Tolerance
from import_watch.scheduling.interval import DEFAULT_POLICY, Policy
from import_watch.services.archiving import Archiving
from import_watch.services.polling import Poller
from import_watch.services.shared_states import SharedStates
from import_watch.services.status_request import StatusRequests
from import_watch.vendors.adapter import Adapter


def a_poller(
    adapter: Adapter,
    connections: Connections,
    client: Client,
    watches: WatchStore,
    connection_store: ConnectionStore,
    archiving: Archiving,
    *,
    tolerance: Tolerance | None = None,
    policy: Policy = DEFAULT_POLICY,
    max_polls: int = 200,
) -> Poller:
    return Poller(
        connections=connections,
        requests=StatusRequests(connections, client, archiving),
        watches=watches,
        connection_store=connection_store,
        shared_states=SharedStates(connection_store),
        archiving=archiving,
        tolerance=tolerance or Tolerance(),
        policy=policy,
        requests_per_minute=adapter.requests_per_minute,
        max_polls=max_polls,
    )
