"""Document360: its Customer API in version 2, and in version 3."""

from __future__ import annotations

from import_watch.vendors.adapter import Adapter, Versions
from import_watch.vendors.fields import printable_id

ADAPTER = Adapter(
    vendor="document360",
    title="Document360",
    apis=Versions(
        field="apiVersion",
        default="v2",
        modules={"v2": "customer_api_v2", "v3": "customer_api_v3"},
        beside=__name__,
        keeps_log=True,
    ),
    import_id=printable_id,
    import_id_hint="the id that the import request gave, without blanks",
    # Per token: 60 for Professional and Business, 100 for Enterprise and Trial [spec].
    requests_per_minute=60,
)
