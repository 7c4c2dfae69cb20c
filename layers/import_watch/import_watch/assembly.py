"""Puts the parts of a function together from its settings: each part once, when it is first asked for.

A part is imported where it is made, so that a function loads no more than it uses.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from import_watch import settings, storage
from import_watch.executions import Executions

if TYPE_CHECKING:
    from import_watch.publication import Publisher
    from import_watch.recovery import Recovery
    from import_watch.registration import Registrar, Vendors


@cache
def registrar(vendors: Vendors) -> Registrar:
    """Give what registers start events of the vendors there are."""
    from import_watch.registration import Registrar

    return Registrar(vendors, storage.watches(), storage.states(), Executions(), settings.tolerance(), settings.policy)


@cache
def publisher(*, tells_stalls: bool = False) -> Publisher:
    """Give what tells outcomes, and of imports that do not get on where the function may."""
    from import_watch.notifications import Topic
    from import_watch.publication import Publisher

    topic = Topic(settings.text("TOPIC_ARN"))
    stalled = Topic(settings.text("STALLED_TOPIC_ARN")) if tells_stalls else None
    return Publisher(storage.watches(), storage.states(), topic, settings.text("SOURCE"), stalled)


@cache
def recovery(vendors: Vendors) -> Recovery:
    """Give what recovers watches."""
    from import_watch.recovery import Recovery

    return Recovery(
        watches=storage.watches(),
        states=storage.states(),
        executions=Executions(),
        registrar=registrar(vendors),
        publisher=publisher(),
        positions=storage.positions(),
        state_machine=settings.text("STATE_MACHINE_ARN"),
        overdue_seconds=settings.whole("RECOVERY_GRACE_SECONDS"),
    )
