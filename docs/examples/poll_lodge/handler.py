"""poll_lodge: polls one import at Lodge."""

from adapter import ADAPTER  # type: ignore[import-not-found]
from import_watch.bootstrap import poll_handler

handler = poll_handler(ADAPTER)
