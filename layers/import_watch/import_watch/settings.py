"""The settings of a function: environment variables that the template sets."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Mapping

from import_watch.aws.watch_items import INDEX_SECONDS
from import_watch.model.watch import Tolerance
from import_watch.observability import logger
from import_watch.scheduling.interval import DEFAULT_POLICY, Policy
from import_watch.vendors.allowed_hosts import Hosts, host_of


class MissingSetting(LookupError):
    """An environment variable that the template should set is missing or invalid."""


def get_str(name: str, environment: Mapping[str, str] = os.environ) -> str:
    """Value of a required setting.

    Raises
    ------
    MissingSetting
        Naming the variable.
    """
    value = environment.get(name, "")
    if not value:
        raise MissingSetting(f"the environment variable {name} is not set: the template sets it")
    return value


def get_int(name: str, environment: Mapping[str, str] = os.environ) -> int:
    """Value of a required setting that is a whole number.

    Raises
    ------
    MissingSetting
        Naming the variable.
    """
    value = get_str(name, environment)
    try:
        return int(value)
    except ValueError:
        raise MissingSetting(f"the environment variable {name} must be a whole number") from None


def tolerance(environment: Mapping[str, str] = os.environ) -> Tolerance:
    """Grace periods of the template's parameters."""
    return Tolerance(
        not_found=get_int("NOT_FOUND_SECONDS", environment),
        unrecognised=get_int("UNRECOGNISED_SECONDS", environment),
        failing=get_int("FAILING_SECONDS", environment),
        unauthorized=get_int("UNAUTHORIZED_SECONDS", environment),
        timeout=get_int("TIMEOUT_SECONDS", environment),
    )


def policy(vendor: str, environment: Mapping[str, str] = os.environ) -> Policy:
    """Polling policy of a vendor; where the setting is invalid, an error in the log and the default policy.

    A watch that polls by the default policy is better than no watch.
    """
    text = environment.get("POLLING_POLICIES", "")
    if not text:
        return DEFAULT_POLICY
    from import_watch.scheduling.policy import parse_policies  # few stacks set it

    try:
        return parse_policies(text).get(vendor, DEFAULT_POLICY)
    except ValueError as error:
        logger.error("the parameter PollingPolicies is invalid; the default policy is used", why=str(error))
        return DEFAULT_POLICY


def log_unknown_policies(vendors: Collection[str], environment: Mapping[str, str] = os.environ) -> None:
    """Log an error where the setting names an unknown vendor, because its policy has no effect."""
    from import_watch.scheduling.policy import parse_policies

    try:
        unknown = sorted(parse_policies(environment.get("POLLING_POLICIES", "")).keys() - set(vendors))
    except ValueError:
        return  # `policy` logs this error.
    if unknown:
        names = ", ".join(vendors)
        logger.error(f"the parameter PollingPolicies names a vendor that is not one of {names}", unknown=unknown)


def hosts(environment: Mapping[str, str] = os.environ) -> Hosts:
    """Hosts to which requests are allowed besides the vendors' own."""
    names = environment.get("ALLOWED_HOSTS", "")
    allowed = {name: host_of(name) for name in re.split(r"[\s,;]+", names) if name}
    if wrong := sorted(name for name, host in allowed.items() if host is None):
        logger.error(
            "the parameter AllowedHosts contains an entry that is not a host name; the entry is ignored", wrong=wrong
        )
    return Hosts(
        allowed=frozenset(host for host in allowed.values() if host is not None),
        loopback_http=environment.get("ALLOW_LOOPBACK_HTTP", "false") == "true",
    )


def outcome_bus(environment: Mapping[str, str] = os.environ) -> str | None:
    """Name of the bus that gets outcomes as events; None where none does."""
    return environment.get("OUTCOME_BUS_NAME") or None


def index_seconds(environment: Mapping[str, str] = os.environ) -> int:
    """Seconds to which the index of active watches knows the times of the next polls.

    Three times the grace of the recovery, so that who wants an earlier recovery gets one; at most a quarter of an hour.
    """
    return max(1, min(INDEX_SECONDS, 3 * get_int("RECOVERY_GRACE_SECONDS", environment)))


def retention_seconds(environment: Mapping[str, str] = os.environ) -> int:
    """Seconds for which an ended watch is kept."""
    return get_int("RETENTION_DAYS", environment) * 86_400
