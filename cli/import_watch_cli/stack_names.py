"""How long a stack's name may be: the names of its functions begin with it, and Lambda limits them."""

from __future__ import annotations

from collections.abc import Iterable

MAX_FUNCTION_NAME = 64
CONTROL_FUNCTIONS = ("register-watch", "publish-outcome", "recover-watches")


def max_length(vendors: Iterable[str]) -> int:
    """Maximum characters of a stack's name.

    Parameters
    ----------
    vendors : iterable of str
        The vendors of this installation, each of which has a poll function.
    """
    functions = (*CONTROL_FUNCTIONS, *(f"poll-{vendor}" for vendor in vendors))
    return MAX_FUNCTION_NAME - max(len(f"-{function}") for function in functions)


def fault_of(name: str, vendors: Iterable[str]) -> str | None:
    """What is wrong with a stack's name; None where nothing is.

    CloudFormation would notice it only while it creates the functions.
    """
    longest = max_length(vendors)
    if len(name) <= longest:
        return None
    return (
        f"the stack name {name} has {len(name)} characters, and may have {longest}, because Lambda limits the names of "
        f"functions to {MAX_FUNCTION_NAME}"
    )
