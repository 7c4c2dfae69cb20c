"""Builds the parts of a function from its settings: each part once, on its first use.

A part is imported where it is built, so that a function loads no more than it uses.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from import_watch import settings
from import_watch.aws.connection_store import ConnectionStore
from import_watch.aws.dynamodb import table_client
from import_watch.aws.session import prepare_default_session
from import_watch.aws.watch_store import WatchStore
from import_watch.model.serialization import JSON, from_json, to_json
from import_watch.model.watch import Watch
from import_watch.observability import bind_watch_log_context

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext
    from mypy_boto3_dynamodb import DynamoDBClient

    from import_watch.aws.task_tokens import TaskTokens
    from import_watch.services.callbacks import Callbacks
    from import_watch.services.polling import Poller
    from import_watch.services.publication import Publisher
    from import_watch.services.recovery import Recovery
    from import_watch.services.registration import Registrar
    from import_watch.services.vendor_registry import VendorRegistry
    from import_watch.services.waking import Waker
    from import_watch.vendors.adapter import Adapter

prepare_default_session()


def prepare_for_start_events(handler_file: str) -> VendorRegistry:
    """Registry of the vendor folders beside a handler's folder; this process reads any start event from then on."""
    from import_watch.services.vendor_registry import VendorRegistry, accept_any_event

    accept_any_event()
    return VendorRegistry(Path(handler_file).parents[1])


def poll_handler(adapter: Adapter) -> Callable[[dict[str, JSON], LambdaContext], JSON]:
    """Handler of a vendor's poll function; the state machine sends `{"watch": …, "execution": …, "actions": …}`."""
    poller_of_vendor = poller(adapter)

    def handler(event: dict[str, JSON], _context: LambdaContext) -> JSON:
        watch, execution = from_json(Watch, event["watch"]), event["execution"]
        bind_watch_log_context(watch, execution, poll=watch.polls + 1)
        return to_json(poller_of_vendor().poll(watch, execution).in_supported_actions(event.get("actions", ())))

    return handler


def poller(adapter: Adapter) -> Callable[[], Poller]:
    """Builder of a vendor's poller; what it needs is loaded at once, while the function starts."""
    from import_watch.aws.secrets import Connections
    from import_watch.http_client.client import Client
    from import_watch.services.archiving import Archiving
    from import_watch.services.polling import Poller
    from import_watch.services.shared_states import SharedStates
    from import_watch.services.status_request import StatusRequests

    @cache
    def build() -> Poller:
        hosts, cache_seconds = settings.hosts(), settings.get_int("SECRET_CACHE_SECONDS")
        connections = Connections(
            prefix=settings.get_str("SECRET_PREFIX"),
            adapter=adapter,
            hosts=hosts,
            cache_seconds=cache_seconds,
        )
        client = Client(adapter, hosts=hosts)
        archiving = Archiving(
            settings.get_str("ARCHIVE_BUCKET"),
            watch_store(),
            keeps_log=adapter.keeps_log,
            downloads=client.log_source,
        )
        return Poller(
            connections=connections,
            requests=StatusRequests(connections, client, archiving),
            watches=watch_store(),
            connection_store=connection_store(),
            shared_states=SharedStates(connection_store(), cache_seconds),
            archiving=archiving,
            tolerance=settings.tolerance(),
            policy=settings.policy(adapter.vendor),
            requests_per_minute=adapter.requests_per_minute,
            max_polls=settings.get_int("MAX_POLLS_PER_EXECUTION"),
        )

    return build


@cache
def registrar(vendors: VendorRegistry) -> Registrar:
    """The registrar of start events."""
    from import_watch.aws.executions import Executions
    from import_watch.services.registration import Registrar

    return Registrar(
        vendors, watch_store(), connection_store(), Executions(), settings.tolerance(), settings.policy, _task_tokens
    )


@cache
def waker(vendors: VendorRegistry) -> Waker:
    """What wakes a watch whose import has changed."""
    from import_watch.aws.executions import Executions
    from import_watch.services.waking import Waker

    return Waker(vendors, watch_store(), connection_store(), Executions())


@cache
def publisher(*, publishes_stalls: bool = False) -> Publisher:
    """The publisher of outcomes, and of stalled imports where the function publishes those."""
    from import_watch.aws.event_bus import EventBus
    from import_watch.aws.sns import Topic
    from import_watch.services.publication import Publisher

    topic, bus = Topic(settings.get_str("TOPIC_ARN")), settings.outcome_bus()
    stalled = Topic(settings.get_str("STALLED_TOPIC_ARN")) if publishes_stalls else None
    return Publisher(
        watch_store(),
        connection_store(),
        topic,
        settings.get_str("SOURCE"),
        stalled,
        bus=EventBus(bus) if bus else None,
        callbacks=_callbacks,
    )


@cache
def _callbacks() -> Callbacks:
    from import_watch.services.callbacks import Callbacks

    return Callbacks(_task_tokens())


@cache
def _task_tokens() -> TaskTokens:
    from import_watch.aws.task_tokens import TaskTokens

    return TaskTokens(settings.get_str("TABLE_NAME"), _table_client())


@cache
def recovery(vendors: VendorRegistry) -> Recovery:
    """The recovery of orphaned watches and pending outcomes."""
    from import_watch.aws.executions import Executions
    from import_watch.aws.sweep_cursor_store import SweepCursorStore
    from import_watch.services.recovery import Recovery

    return Recovery(
        watches=watch_store(),
        connections=connection_store(),
        executions=Executions(),
        registrar=registrar(vendors),
        publisher=publisher(),
        cursors=SweepCursorStore(settings.get_str("TABLE_NAME"), _table_client()),
        state_machine=settings.get_str("STATE_MACHINE_ARN"),
        overdue_seconds=settings.get_int("RECOVERY_GRACE_SECONDS"),
    )


@cache
def watch_store() -> WatchStore:
    """The table of watches."""
    return WatchStore(
        settings.get_str("TABLE_NAME"), settings.retention_seconds(), _table_client(), settings.index_seconds()
    )


@cache
def connection_store() -> ConnectionStore:
    """The store of what the watches of a connection share."""
    return ConnectionStore(settings.get_str("TABLE_NAME"), _table_client())


@cache
def _table_client() -> DynamoDBClient:
    return table_client()
