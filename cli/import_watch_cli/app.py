"""The commands of `import-watch`; each loads what it needs when it runs, so that `--help` is quick."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer

from import_watch_cli.options import Settings, command, place_of

HELP = """Watch content imports at vendors such as eGain, and steer their watches.

\b
ID is a watch id (vendor#connection#importId), or an import id alone.
Every command takes --stack, --profile, --region, --local, --json, --quiet and
--utc, before or behind its name.

\b
Exit status: 0 done (of an import: completed), 1 failed or something to do,
2 outcome unknown, 3 not possible (the message names what to do), 130 Ctrl-C."""

app = typer.Typer(
    help=HELP,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["--help", "-h"]},
)


def _version(value: bool) -> None:
    if value:
        from import_watch_cli.version import version

        sys.stdout.write(f"import-watch {version()}\n")
        raise typer.Exit


@app.callback()
def main(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Have the app's own options read before a command runs."""


def _ids(ctx: typer.Context, incomplete: str) -> list[tuple[str, str]]:
    from import_watch_cli.completion import active_ids

    return active_ids(place_of(ctx), incomplete)


def _vendors(incomplete: str) -> list[str]:
    from import_watch_cli.completion import vendors

    return vendors(incomplete)


Id = Annotated[
    str, typer.Argument(metavar="ID", help="Watch id, or import id.", autocompletion=_ids, show_default=False)
]
Vendor = Annotated[
    str, typer.Argument(metavar="VENDOR", help="Its name in events, such as voyado.", autocompletion=_vendors)
]
Connection = Annotated[str, typer.Option("--connection", metavar="NAME", help="Which credentials.")]
Timeout = Annotated[
    str | None, typer.Option("--timeout", metavar="AGE", help="Time limit, such as 30m; then exit status 4.")
]
WatchFor = Annotated[
    str | None,
    typer.Option("--watch-for", metavar="AGE", help="How long the watch may last: 30m, 12h, 2d; at most 30 days."),
]
Attempt = Annotated[
    int | None, typer.Option("--attempt", min=1, metavar="N", help="An earlier attempt instead of the latest.")
]
Yes = Annotated[bool, typer.Option("--yes", help="Do not request a confirmation.")]


@command(
    app,
    "start",
    ["start voyado 5512340987651234567", "start egain c8d8976b-fd91-5585-9fd2-a802ac104b80 --wait"],
)
def start(
    settings: Settings,
    vendor: Vendor,
    import_id: Annotated[str, typer.Argument(metavar="IMPORT_ID", help="As the vendor gave it.")],
    connection: Connection = "default",
    correlation_id: Annotated[
        str | None, typer.Option("--correlation-id", metavar="TEXT", help="Comes back in the notification.")
    ] = None,
    watch_for: WatchFor = None,
    wait: Annotated[bool, typer.Option("--wait", help="Wait for the outcome, as `wait` does.")] = False,
    timeout: Timeout = None,
) -> int:
    """Watch an import: send its start event.

    An import that is watched already is not watched twice. One whose outcome is known is not watched again by this,
    and the exit status is 1: see `again`.
    """
    from import_watch_cli import actions
    from import_watch_cli.errors import NOT_DONE, CommandError
    from import_watch_cli.watches import Watches

    seconds = _seconds(timeout)
    lasts = None if watch_for is None else actions.checked_timeout(watch_for)
    stack = settings.find()
    store = Watches(stack).store
    before = store.get(actions.watch_key(vendor, import_id, connection))
    refusal = None if before is None else actions.why_nothing_starts(before)
    if refusal is not None and before is not None and before.result is not None:
        raise CommandError(refusal, NOT_DONE)
    if refusal is not None:
        settings.output.note(refusal)
    done = actions.start(stack, vendor, import_id, connection, correlation_id=correlation_id, timeout_seconds=lasts)
    if not wait:
        _print_done(settings, done)
        return 0
    attempt = 1
    if before is not None:
        attempt = before.watch.attempt + (refusal is None)
    return _wait(settings, stack, done.watch_id, attempt, seconds)


@command(app, "list", ["list", "list --failed --since 7d --json | jq -r .importId", "list --ended --vendor egain"])
def list_watches(
    settings: Settings,
    active: Annotated[bool, typer.Option("--active", help="Active watches; the default.")] = False,
    ended: Annotated[bool, typer.Option("--ended", help="Ended watches, the latest first.")] = False,
    failed: Annotated[
        bool, typer.Option("--failed", help="Ended as FAILED, CANCELLED or UNKNOWN: all of ImportFailed.")
    ] = False,
    since: Annotated[
        str | None, typer.Option("--since", metavar="AGE", help="Ended within this age, such as 12h or 7d.")
    ] = None,
    vendor: Annotated[
        str | None, typer.Option("--vendor", metavar="VENDOR", help="This vendor alone.", autocompletion=_vendors)
    ] = None,
    outcome: Annotated[
        list[str] | None,
        typer.Option("--outcome", metavar="OUTCOME", help="Ended with this outcome; may be given several times."),
    ] = None,
    limit: Annotated[
        int | None,
        typer.Option(
            "--limit",
            min=1,
            max=100_000,
            metavar="N",
            help="Maximum of each kind; without it 50, and everything with --json.",
        ),
    ] = None,
) -> int:
    """List active watches, or ended ones."""
    from import_watch_cli.listing import Listing

    listing = Listing(
        active=active, ended=ended, failed=failed, since=since, vendor=vendor, outcomes=outcome or (), limit=limit
    )
    listing.validate()
    return listing.run(settings.find(), settings.output)


@command(app, "show", ["show 5512340987651234567", "show 'egain#default#c8d8976b-fd91-5585-9fd2-a802ac104b80' --json"])
def show(settings: Settings, watch: Id, attempt: Attempt = None) -> int:
    """Show the whole story of a watch.

    Every poll with its interval, state and error, the outcome, the log, the cost and the earlier attempts: from the
    table, the histories of the executions and the archive.
    """
    from import_watch_cli.story import story_of
    from import_watch_cli.watches import one_watch

    stack = settings.find()
    story = story_of(stack, one_watch(stack, watch, attempt))
    if settings.output.as_json:
        settings.output.value(story.to_json())
    else:
        from import_watch_cli.story_text import print_story

        print_story(settings.output, story, settings.stack_options)
    return 0


@command(app, "wait", ["wait 5512340987651234567", "wait 5512340987651234567 --timeout 2h && ./publish"])
def wait_for_outcome(settings: Settings, watch: Id, timeout: Timeout = None) -> int:
    """Wait for the outcome of a watch, with its progress.

    The exit status is 0 for an import that completed, 1 for one that failed or was cancelled, 2 where the outcome is
    unknown. Ctrl-C ends the waiting alone: the import and its watch continue.
    """
    from import_watch_cli.watches import one_watch

    seconds = _seconds(timeout)
    stack = settings.find()
    record = one_watch(stack, watch)
    return _wait(settings, stack, record.watch.watch_id, record.watch.attempt, seconds)


@command(app, "log", ["log 5512340987651234567", "log 5512340987651234567 --raw > log.json"])
def log(
    settings: Settings,
    watch: Id,
    attempt: Attempt = None,
    raw: Annotated[bool, typer.Option("--raw", help="As the vendor wrote it, byte by byte.")] = False,
) -> int:
    """Print the archived log of an ended watch."""
    from import_watch_cli.logs import print_log
    from import_watch_cli.watches import one_watch

    stack = settings.find()
    return print_log(stack, settings.output, one_watch(stack, watch, attempt), raw=raw)


@command(app, "again", ["again 5512340987651234567", "again 5512340987651234567 --watch-for 2d --wait"])
def again(
    settings: Settings,
    watch: Id,
    watch_for: WatchFor = None,
    wait: Annotated[bool, typer.Option("--wait", help="Wait for the outcome, as `wait` does.")] = False,
    timeout: Timeout = None,
) -> int:
    """Watch an ended import again.

    The new attempt has the same connection, correlation id and metadata, and a notification of its own. It may last as
    long as the attempt before it, unless --watch-for is given: after TIMED_OUT, name a longer time.
    """
    from import_watch_cli import actions
    from import_watch_cli.watches import one_watch

    seconds = _seconds(timeout)
    lasts = None if watch_for is None else actions.checked_timeout(watch_for)
    stack = settings.find()
    record = one_watch(stack, watch)
    done = actions.again(stack, record, timeout_seconds=lasts)
    if wait:
        return _wait(settings, stack, done.watch_id, record.watch.attempt + 1, seconds)
    _print_done(settings, done)
    return 0


@command(app, "wake", ["wake 5512340987651234567"])
def wake(settings: Settings, watch: Id) -> int:
    """Have a watch polled soon.

    The poll is in the next free slot of its connection, never before the time until which the vendor refuses requests.
    """
    from import_watch_cli import actions
    from import_watch_cli.watches import one_watch

    stack = settings.find()
    _print_done(settings, actions.wake(stack, one_watch(stack, watch)))
    return 0


@command(app, "stop", ['stop 5512340987651234567 --reason "started by mistake"'])
def stop(
    settings: Settings,
    watch: Id,
    reason: Annotated[
        str, typer.Option("--reason", metavar="TEXT", help="For the notification; at most 200 characters.")
    ],
) -> int:
    """Stop a watch; the import itself continues.

    It ends as UNKNOWN, WATCH_STOPPED, with the reason in the notification. An outcome that is known already,
    and whose log is awaited, stands: the watch is then not stopped.
    """
    from import_watch_cli import actions
    from import_watch_cli.watches import one_watch

    actions.checked_reason(reason)
    stack = settings.find()
    _print_done(settings, actions.stop(stack, one_watch(stack, watch), reason))
    return 0


@command(app, "connect", ["connect egain", "connect voyado --connection second < fields.json"])
def connect(
    settings: Settings,
    vendor: Vendor,
    connection: Connection = "default",
    replace: Annotated[bool, typer.Option("--replace", help="Replace a secret that exists.")] = False,
    unchecked: Annotated[bool, typer.Option("--unchecked", help="Write the secret although the check fails.")] = False,
) -> int:
    """Store the credentials of a connection.

    They are checked first. Requests each field of the secret, the credentials without showing them; or reads a
    JSON object from standard
    input, where that is no terminal.
    """
    from import_watch_cli.connecting import connect as run

    return run(settings.find(), settings.output, vendor, connection, replace=replace, unchecked=unchecked)


@command(app, "check", ["check egain", "check voyado second --json"])
def check(
    settings: Settings,
    vendor: Vendor,
    connection: Annotated[str, typer.Argument(metavar="[CONNECTION]", help="Which credentials.")] = "default",
) -> int:
    """Check the credentials of a connection.

    Sends one harmless request, from this machine. Distinguishes an incomplete secret, refused credentials, a host that
    cannot be reached, a wrong scope and a used-up rate limit, and names what to do.
    """
    from import_watch_cli.connections import adapter_of
    from import_watch_cli.connections import check as findings
    from import_watch_cli.findings import report

    adapter_of(vendor)
    return report(settings.output, findings(settings.find(), vendor, connection))


@command(app, "doctor", ["doctor", "doctor --stack import-watch --region eu-west-1"])
def doctor(settings: Settings) -> int:
    """Find what keeps the stack from notifying.

    Secrets, hosts, subscribers, dead letters, alarms, quotas, lengths of names, orphaned watches; and what to do about
    each. The exit status is 1 where there is something to do.
    """
    from import_watch_cli.doctor import examine, names
    from import_watch_cli.findings import Level, report

    # A stack of such a name cannot be created, so there is none to examine.
    if settings.stack and (finding := names(settings.stack)).level is Level.PROBLEM:
        return report(settings.output, [finding])
    return report(settings.output, examine(settings.find()))


@command(app, "redrive", ["redrive"])
def redrive(settings: Settings) -> int:
    """Send dead letters to their destinations again.

    Start events go to the bus, events about executions to recover_watches. It is safe to run twice.
    """
    from import_watch_cli.findings import SOMETHING_TO_DO
    from import_watch_cli.redrive import Stack as Places
    from import_watch_cli.redrive import redrive as run

    stack, output = settings.find(), settings.output
    places = Places(stack.output("DeadLetterQueueUrl"), stack.output("ImportBusName"), f"{stack.name}-recover-watches")
    done = run(places, stack.client("sqs"), stack.client("events"), stack.client("lambda"))
    if output.as_json:
        output.value({"putBack": dict(done.put_back), "left": done.left})
    else:
        for kind, count in done.put_back.items():
            output.line(f"put back: {count} × {kind}")
        for why in done.left:
            output.line(f"left in the queue: {why}")
        if not done.put_back and not done.left:
            output.line("There are no dead letters.")
    return SOMETHING_TO_DO if done.left else 0


@command(app, "replay", ["replay 5512340987651234567"])
def replay(settings: Settings, watch: Id, attempt: Attempt = None) -> int:
    """Publish a lost notification again.

    It has the same id, so that a consumer that has it can drop it. The next sweep publishes it, once the
    outcome is RecoveryGraceSeconds old.
    """
    from import_watch_cli.replay import replay as run
    from import_watch_cli.watches import one_watch

    stack = settings.find()
    record = one_watch(stack, watch, attempt)
    run(stack.output("WatchTableName"), record.key, stack.client("dynamodb"))
    key = record.watch.watch_id
    if settings.output.as_json:
        settings.output.value({"action": "replay", "watchId": key})
    else:
        text = f"The next sweep publishes the outcome of {key} again, once it is RecoveryGraceSeconds old."
        settings.output.line(text)
    return 0


@command(app, "remove", ["remove --stack import-watch --region eu-west-1"])
def remove(settings: Settings, yes: Yes = False) -> int:
    """Remove the stack, after a confirmation.

    First the rule for start events is switched off, then the executions are stopped and their outcomes published, then
    the stack is deleted. The table, the archive and the secrets remain.
    """
    from import_watch_cli.errors import CommandError
    from import_watch_cli.removal import remove as run

    stack, output = settings.find(), settings.output
    if stack.is_local:
        raise CommandError("The local stack is ended by `import-watch down`; name a deployed one with --stack.")
    if not yes:
        if not sys.stdin.isatty():
            raise CommandError("Removing a stack requires a confirmation: add --yes where there is no terminal.")
        typed = typer.prompt(f"Stack {stack.name} ({stack.place}) will be removed. Type its name to confirm", err=True)
        if typed.strip() != stack.name:
            raise CommandError("That is not its name: nothing was removed.", 1)
    remaining = run(stack, output.note)
    if output.as_json:
        output.value({"removed": stack.name, "remaining": remaining})
    else:
        output.line(f"Stack {stack.name} was removed. These remain: {', '.join(remaining)}.")
    return 0


@command(app, "demo", ["demo"])
def demo(settings: Settings) -> int:
    """Run sample imports of the three vendors.

    On a local stack of its own. Needs a checkout.
    """
    from import_watch_cli import local_stack

    return local_stack.demo(settings.output)


@command(app, "up", ["up"])
def up(settings: Settings) -> int:
    """Start the local stack, and leave it running.

    Needs a checkout.
    """
    from import_watch_cli import local_stack

    return local_stack.up(settings.output)


@command(app, "down", ["down"])
def down(settings: Settings) -> int:
    """End the local stack.

    Needs a checkout.
    """
    from import_watch_cli import local_stack

    return local_stack.down(settings.output)


@command(app, "watch", ["watch voyado 5512340987651234567"])
def watch_from_here(
    settings: Settings,
    vendor: Vendor,
    import_id: Annotated[str, typer.Argument(metavar="IMPORT_ID", help="As the vendor gave it.")],
    connection: Connection = "default",
) -> int:
    """Watch one real import from this machine.

    On a local stack of its own. Needs a checkout. The credentials come from environment variables or a file
    .env, such as VOYADO_API_KEY.
    """
    from import_watch_cli import local_stack

    return local_stack.watch(settings.output, vendor, import_id, connection)


@command(app, "new-vendor", ["new-vendor acme"])
def new_vendor(
    settings: Settings,
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="Its name in events: 2 to 11 lower-case letters and digits.")
    ],
) -> int:
    """Write the skeleton of a new vendor.

    Needs a checkout. It is the example of docs/adding-a-vendor.md under another name: adapter, handler, sample,
    simulator, block of the template, and the lists of vendors. Nothing is overwritten.
    """
    from import_watch_cli.new_vendor import new_vendor as run

    return run(settings.output, name)


@command(app, "page", ["page", "page --stack import-watch --port 8080"])
def page(
    settings: Settings,
    port: Annotated[
        int, typer.Option("--port", min=0, max=65_535, metavar="N", help="Port on 127.0.0.1; 0 for a free one.")
    ] = 0,
    opens_browser: Annotated[bool, typer.Option("--open", help="Open it in your browser.")] = False,
) -> int:
    """Serve the live page on this machine.

    On the loopback address alone, read with your credentials, until Ctrl-C.
    """
    from import_watch_cli.serving import serve

    return serve(settings.find(), settings.output, port, opens_browser=opens_browser)


def _wait(settings: Settings, stack: Any, watch_id: str, attempt: int, seconds: float | None) -> int:
    from import_watch_cli.waiting import MAX_SECONDS, Wait

    limit = MAX_SECONDS if seconds is None else seconds
    return Wait(stack, settings.output, watch_id, attempt, limit, settings.stack_options).run()


def _seconds(timeout: str | None) -> float | None:
    from import_watch_cli.durations import age_in

    return None if timeout is None else age_in(timeout)


def _print_done(settings: Settings, done: Any) -> None:
    if settings.output.as_json:
        settings.output.value(done.to_json())
    else:
        settings.output.line(done.text)
