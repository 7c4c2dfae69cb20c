"""Import Watch: notifies people when a content import at a vendor has ended, with the location of its log."""

__version__ = "0.3.0-dev"
USER_AGENT = f"import-watch/{__version__}"
"""User agent of the requests to vendors and to AWS."""
