"""poll_harbour: polls one import at Harbour."""

from adapter import ADAPTER  # type: ignore[import-not-found]
from import_watch.bootstrap import poll_handler

handler = poll_handler(ADAPTER)
