"""poll_quarry: polls one import at Quarry."""

from adapter import ADAPTER  # type: ignore[import-not-found]
from import_watch.bootstrap import poll_handler

handler = poll_handler(ADAPTER)
