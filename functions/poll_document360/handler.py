"""poll_document360: polls one import at Document360."""

from adapter import ADAPTER  # type: ignore[import-not-found]
from import_watch.bootstrap import poll_handler

handler = poll_handler(ADAPTER)
