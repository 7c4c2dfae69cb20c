"""Puts the parts of a function together from its settings: each part once, when it is first asked for.

A part is imported where it is made, so that a function loads no more than it uses.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from import_watch import settings, storage
from import_watch.aws.executions import Executions

if TYPE_CHECKING:
    from import_watch.services.publication import Publisher
    from import_watch.services.recovery import Recovery
    from import_watch.services.registration import Registrar
    from import_watch.services.vendor_registry import VendorRegistry


@cache
def registrar(vendors: VendorRegistry) -> Registrar:
    """Give what registers start events of the vendors there are."""
    from import_watch.services.registration import Registrar

    return Registrar(vendors, storage.watches(), storage.states(), Executions(), settings.tolerance(), settings.policy)


@cache
def publisher(*, publishes_stalls: bool = False) -> Publisher:
    """Give what tells outcomes, and of imports that do not get on where the function may."""
    from import_watch.aws.sns import Topic
    from import_watch.services.publication import Publisher

    topic = Topic(settings.get_str("TOPIC_ARN"))
    stalled = Topic(settings.get_str("STALLED_TOPIC_ARN")) if publishes_stalls else None
    return Publisher(storage.watches(), storage.states(), topic, settings.get_str("SOURCE"), stalled)


@cache
def recovery(vendors: VendorRegistry) -> Recovery:
    """Give what recovers watches."""
    from import_watch.services.recovery import Recovery

    return Recovery(
        watches=storage.watches(),
        states=storage.states(),
        executions=Executions(),
        registrar=registrar(vendors),
        publisher=publisher(),
        cursors=storage.cursors(),
        state_machine=settings.get_str("STATE_MACHINE_ARN"),
        overdue_seconds=settings.get_int("OVERDUE_SECONDS"),
    )
