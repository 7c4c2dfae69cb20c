"""Import Watch: tells people when a content import at a vendor has ended, and where its log is."""

__version__ = "0.1.0"
USER_AGENT = f"import-watch/{__version__}"
"""What vendors and AWS are told of who asks."""
