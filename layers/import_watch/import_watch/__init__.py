"""Import Watch: tells people when a content import at a vendor has ended, and where its log is."""

__version__ = "0.1.0"
