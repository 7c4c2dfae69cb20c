"""Errors of the commands: one sentence for a person, who learns what to do."""

from __future__ import annotations

from import_watch.model.text import clean

NOT_DONE = 1
"""Exit status of a command that was possible, and whose work is not done: nothing was changed, or there is no log."""
USAGE = 3
"""Exit status of a command that cannot do what it was started for."""
MAX_CAUSE = 300
"""Maximum characters of another program's error message."""
EXPIRED = frozenset(
    {
        "ExpiredToken",
        "ExpiredTokenException",
        "InvalidClientTokenId",
        "InvalidSignatureException",
        "RequestExpired",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
    }
)
DENIED = frozenset({"AccessDenied", "AccessDeniedException", "AuthorizationError", "UnauthorizedOperation", "403"})

THROTTLED = frozenset(
    {
        "LimitExceededException",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
    }
)


class CommandError(Exception):
    """A command cannot do what it was started for.

    Parameters
    ----------
    message : str
        One sentence: what is wrong, and what to do.
    status : int
        The exit status of the command.
    """

    def __init__(self, message: str, status: int = USAGE) -> None:
        super().__init__(message)
        self.status = status


def sentence_of(error: Exception, region: str | None = None) -> str:
    """Sentence for a person about an error of the SDK: what is wrong, and what to do.

    Parameters
    ----------
    error : Exception
        A `BotoCoreError` or a `ClientError`.
    region : str, optional
        Of the stack, if it is known.
    """
    from botocore import exceptions as sdk

    if isinstance(error, sdk.ClientError):
        return _of_service(error, region)
    cause = one_line(str(error))
    match error:
        case sdk.NoCredentialsError() | sdk.PartialCredentialsError():
            return "No AWS credentials were found: sign in (aws configure, aws sso login), or name a --profile."
        case sdk.NoRegionError():
            return "No AWS region is set: name one with --region, AWS_REGION or in your profile."
        case sdk.ProfileNotFound():
            return f"{cause}: `aws configure list-profiles` lists the profiles."
        case sdk.SSOTokenLoadError() | sdk.UnauthorizedSSOTokenError() | sdk.TokenRetrievalError():
            return f"The AWS sign-in has expired ({cause}): sign in again with aws sso login."
        case sdk.InvalidRegionError():
            return f"{cause}: name a region such as eu-west-1 with --region."
        case sdk.EndpointConnectionError() | sdk.ConnectTimeoutError() | sdk.ReadTimeoutError():
            return f"AWS could not be reached ({cause}): check the network, and the region."
        case _:
            return f"The AWS SDK failed: {cause}"


def is_passing(error: Exception) -> bool:
    """Whether an error of the SDK may pass by itself: one of the network, or of a service that refuses for a time."""
    from botocore import exceptions as sdk
    from botocore.parsers import ResponseParserError

    if isinstance(error, sdk.ClientError):
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        return code_of(error) in THROTTLED or status == 429 or status >= 500
    of_network = (sdk.ConnectionError, sdk.HTTPClientError, sdk.IncompleteReadError, ResponseParserError)
    return isinstance(error, of_network) and not isinstance(error, sdk.SSLError)


def one_line(text: str) -> str:
    """Text of another program on one line, without control characters, cut at its maximum."""
    return clean(" ".join(text.split()))[:MAX_CAUSE].rstrip(". ")


def code_of(error: Exception) -> str:
    """Error code of a service; empty for another error."""
    response = getattr(error, "response", None)
    return str(response.get("Error", {}).get("Code") or "") if isinstance(response, dict) else ""


def _of_service(error: Exception, region: str | None) -> str:
    code, response = code_of(error), getattr(error, "response", {})
    operation = getattr(error, "operation_name", "a request")
    message = one_line(str(response.get("Error", {}).get("Message") or ""))
    where = f" in {region}" if region else ""
    if code in EXPIRED:
        return f"AWS does not accept the credentials ({code}): sign in again, or name another --profile."
    if code in DENIED:
        return f"AWS does not allow you {operation}{where} ({message}): use a role with that permission."
    return f"AWS refused {operation}{where}: {code}" + (f": {message}" if message else "")
