"""poll_voyado: polls one import at Voyado Elevate."""

from adapter import ADAPTER  # type: ignore[import-not-found]
from import_watch.bootstrap import poll_handler

handler = poll_handler(ADAPTER)
