"""Conditional writes of the table of watches, alone and in transactions."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from import_watch.aws.dynamodb import serialize
from import_watch.aws.watch_items import record_of
from import_watch.aws.watch_reader import WatchReader
from import_watch.model.serialization import JSON

if TYPE_CHECKING:
    from import_watch.model.record import StoredWatch

KNOWN_TO_PASS = (
    *("ProvisionedThroughputExceededException", "ThrottlingException", "RequestLimitExceeded", "InternalServerError"),
    *("EndpointConnectionError", "ConnectTimeoutError", "ReadTimeoutError"),
)
"""Errors that every definition of the state machine retries for a long time, also that of the first release."""

ALIASES = {"log": "#log"}
"""Attributes whose names are reserved words of DynamoDB, with their names in expressions. All other names are used as
they are: a poll names over forty attributes, and aliases of all took a tenth of the time of its write."""

LIMITS_TOKENS = "attribute_not_exists(tokens) OR size(tokens) < :most OR contains(tokens, :token)"
"""Condition of the write of a task token."""


class Conflict(Exception):
    """A conditional write that failed because the item is not as expected.

    Attributes
    ----------
    record : StoredWatch or None
        The stored item; None where there is none.
    """

    def __init__(self, record: StoredWatch | None) -> None:
        super().__init__("the watch is not as expected")
        self.record = record


class TooManyTokens(Exception):
    """As many task tokens wait for the outcome of a watch as may."""


class WriteUnconfirmed(Exception):
    """A write that failed, or whose response did not arrive: it is not known whether it was done."""


class WatchWriter(WatchReader):
    """Writes items of the table, each write with a condition."""

    def change(
        self,
        key: str,
        values: Mapping[str, JSON],
        remove: tuple[str, ...],
        condition: str,
        numbers: Mapping[str, float] | None = None,
    ) -> None:
        """Change one item.

        Parameters
        ----------
        key : str
        values : mapping
            Attributes that are set.
        remove : tuple of str
            Attributes that are removed.
        condition : str
            An alias in it is that of an attribute which is set or removed.
        numbers : mapping, optional
            Numbers that the condition uses.

        Raises
        ------
        Conflict
            If the condition is not met.
        """
        change = self.change_request(key, values, remove, condition, numbers)
        try:
            self._client.update_item(**change, ReturnValuesOnConditionCheckFailure="ALL_OLD")
        except self._client.exceptions.ConditionalCheckFailedException as error:
            raise Conflict(_conflicting(error.response)) from None

    def change_request(
        self,
        key: str,
        values: Mapping[str, JSON],
        remove: tuple[str, ...],
        condition: str,
        numbers: Mapping[str, float] | None = None,
    ) -> Any:
        """Request that changes one item, for a transaction; the arguments are those of `change`."""
        sets = ", ".join([f"{ALIASES.get(name, name)} = :s{index}" for index, name in enumerate(values)])
        removes = ", ".join([ALIASES.get(name, name) for name in remove])
        attribute_values = {f":s{index}": serialize(value) for index, value in enumerate(values.values())}
        attribute_values |= attributes(numbers or {})
        request = {
            "TableName": self._table,
            "Key": {"watchId": {"S": key}},
            "UpdateExpression": f"SET {sets} REMOVE {removes}" if remove else f"SET {sets}",
            "ConditionExpression": condition,
            "ExpressionAttributeValues": attribute_values,
        }
        if names := {ALIASES[name]: name for name in (*values, *remove) if name in ALIASES}:
            request["ExpressionAttributeNames"] = names
        return request

    def transact(self, watch_id: str, writes: list[Any]) -> None:
        """Do several writes, or none of them.

        Raises
        ------
        Conflict
            If one of their conditions is not met; with the watch of this id as it is then.
        TooManyTokens
            If only the condition of the last one, a task token, is not met.
        WriteUnconfirmed
            If the table was throttled, or had another transaction of the same item at the same moment.
        """
        try:
            self._client.transact_write_items(TransactItems=writes)
        except self._client.exceptions.TransactionCanceledException as error:
            reasons = [reason.get("Code") for reason in error.response.get("CancellationReasons", [])]
            if "ConditionalCheckFailed" not in reasons:
                # A throttled table, or a transaction of the same moment: the step is repeated for minutes.
                raise WriteUnconfirmed(f"the table cancelled a transaction: {', '.join(map(str, reasons))}") from error
            (last,) = writes[-1].values()
            if "ConditionalCheckFailed" not in reasons[:-1] and last.get("ConditionExpression") == LIMITS_TOKENS:
                raise TooManyTokens from None
            raise Conflict(self.get(watch_id)) from None


@contextmanager
def unconfirmed(known: Collection[str] = ()) -> Iterator[None]:
    """Raise WriteUnconfirmed for errors of the table or the network, but for errors of these names."""
    try:
        yield
    except (BotoCoreError, ClientError) as error:
        if type(error).__name__ in known:
            raise
        if isinstance(error, ClientError) and error.response["Error"]["Code"] == "ValidationException":
            raise  # a fault of this code, which a later poll would not fix
        raise WriteUnconfirmed(str(error)) from error


def attributes(values: Mapping[str, JSON]) -> dict[str, Any]:
    """Convert plain values to attributes, by their names."""
    return {name: serialize(value) for name, value in values.items()}


def _conflicting(response: Mapping[str, Any]) -> StoredWatch | None:
    return record_of(response["Item"]) if response.get("Item") else None
