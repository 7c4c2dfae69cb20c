"""Voyado Elevate: the Web API of Elevate 3, and the Admin API of Elevate 4."""

from __future__ import annotations

from import_watch.vendors.adapter import Adapter, Versions
from import_watch.vendors.fields import printable_id

ADAPTER = Adapter(
    vendor="voyado",
    title="Voyado Elevate",
    apis=Versions(
        field="apiVersion",
        default="3",
        modules={"3": "elevate_3", "4": "elevate_4"},
        beside=__name__,
        keeps_log=False,
    ),
    import_id=printable_id,
    import_id_hint="the id that the import request gave, without blanks",
)
