"""The whole local stack: the emulator, the deployed template, the simulators, their connections, and a subscriber."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from import_watch.lifecycle.start_event import REDRIVEN

from local.clock import Clock
from local.deployment import STACK_NAME, deploy
from local.emulator import REGION, Emulator
from local.scenarios import LOG_KEY, LOG_TEXT
from local.simulators.egain import LOG_BUCKET
from local.simulators.processes import SimulatorProcess
from local.simulators.registry import VENDORS, simulated


class LocalStack:
    """The local stack; a context manager that ends everything it started.

    Parameters
    ----------
    wait_scale : float
        Factor on every wait of the state machine.
    vendors : tuple of str
        Which simulators to start.
    parameters : mapping of str to str, optional
        Template parameters.
    log_folder : Path, optional
        Folder of the emulator's log, which is deleted by default.
    environment : mapping of str to str, optional
        Further settings of the emulator.
    deployer : callable
        Creates the stack on the emulator with the parameters, and returns its outputs.
    clock : Clock, optional
        Clock of the functions and the simulators; the machine's by default. With one that runs at `1 / wait_scale`
        times the speed, a wait takes its nominal time by that clock.
    enforces_policies : bool
        Whether the emulator refuses what no policy allows, as AWS does.
    keeps_state : bool
        Whether the emulator can be restarted.
    """

    def __init__(
        self,
        wait_scale: float = 1.0,
        vendors: tuple[str, ...] = VENDORS,
        parameters: Mapping[str, str] | None = None,
        log_folder: Path | None = None,
        environment: Mapping[str, str] | None = None,
        deployer: Callable[[Emulator, Mapping[str, str] | None], dict[str, str]] = deploy,
        clock: Clock | None = None,
        *,
        enforces_policies: bool = False,
        keeps_state: bool = False,
    ) -> None:
        self._clock_setting = clock.environment() if clock else {}
        self.emulator = Emulator(
            wait_scale,
            log_folder,
            {**self._clock_setting, **(environment or {})},
            enforces_policies=enforces_policies,
            keeps_state=keeps_state,
        )
        self.simulators: dict[str, SimulatorProcess] = {}
        self.outputs: dict[str, str] = {}
        self.outcomes_queue_url = ""
        self._vendors = vendors
        self._parameters = parameters
        self._deploy = deployer
        self._open = ExitStack()

    def __enter__(self) -> LocalStack:
        with ExitStack() as opening:
            opening.enter_context(self.emulator)
            for vendor in self._vendors:
                environment = {**self._clock_setting, **self.emulator.run_folder.environment}
                self.simulators[vendor] = opening.enter_context(SimulatorProcess(vendor, environment))
            self.outputs = self._deploy(self.emulator, self._parameters)
            self.outcomes_queue_url = self._subscribe()
            self._connect()
            self._open = opening.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def client(self, service: str) -> Any:
        """boto3 client of a service of the emulator."""
        return self.emulator.client(service)

    def description(self, pid: int) -> dict[str, Any]:
        """What tools need to use the stack: the content of `.local/stack.json`.

        Parameters
        ----------
        pid : int
            Id of the process that runs the stack: the stack ends with it.
        """
        return {
            "endpointUrl": self.emulator.endpoint_url,
            "region": REGION,
            "stackName": STACK_NAME,
            "pid": pid,
            **self.outputs,
            "outcomesQueueUrl": self.outcomes_queue_url,
            "vendors": {vendor: simulator.base_url for vendor, simulator in self.simulators.items()},
        }

    def put_connection(self, vendor: str, fields: Mapping[str, Any], name: str = "default") -> None:
        """Store a connection's secret, new or changed."""
        secrets = self.client("secretsmanager")
        secret_name = f"{self.outputs['ConnectionSecretPrefix']}/{vendor}/{name}"
        try:
            secrets.create_secret(Name=secret_name, SecretString=json.dumps(fields))
        except secrets.exceptions.ResourceExistsException:
            secrets.put_secret_value(SecretId=secret_name, SecretString=json.dumps(fields))

    def start_import(self, detail: Any, times: int = 1, first_id: str | None = None) -> None:
        """Put an `ImportStarted` event on the bus.

        Parameters
        ----------
        detail : JSON
        times : int
            How often.
        first_id : str, optional
            Id of an event that this one repeats, which the functions take for its own.

        Raises
        ------
        RuntimeError
            If the bus does not accept it.
        """
        entry = {
            "Source": "local",
            "DetailType": "ImportStarted",
            "Detail": json.dumps(detail),
            "EventBusName": self.outputs["ImportBusName"],
            "Resources": [] if first_id is None else [f"{REDRIVEN}{first_id}"],
        }
        done = self.client("events").put_events(Entries=[entry] * times)
        if done["FailedEntryCount"]:
            raise RuntimeError(f"the bus did not accept the event: {done['Entries']}")

    def _subscribe(self) -> str:
        sqs = self.client("sqs")
        url: str = sqs.create_queue(QueueName=f"{STACK_NAME}-outcomes")["QueueUrl"]
        queue = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        # The policy of a subscriber's queue must allow the topic to write to it, here as on AWS.
        takes = {
            "Effect": "Allow",
            "Action": "sqs:SendMessage",
            "Resource": queue,
            "Principal": {"Service": "sns.amazonaws.com"},
            "Condition": {"ArnEquals": {"aws:SourceArn": self.outputs["OutcomeTopicArn"]}},
        }
        policy = json.dumps({"Version": "2012-10-17", "Statement": [takes]})
        sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
        self.client("sns").subscribe(
            TopicArn=self.outputs["OutcomeTopicArn"],
            Protocol="sqs",
            Endpoint=queue,
            Attributes={"RawMessageDelivery": "true"},
        )
        return url

    def _connect(self) -> None:
        """Create a connection for every simulator, and a bucket with a log for eGain's."""
        for vendor, simulator in self.simulators.items():
            for name, fields in connections_of(vendor, simulator.base_url).items():
                self.put_connection(vendor, fields, name)
        s3 = self.client("s3")
        s3.create_bucket(Bucket=LOG_BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
        s3.put_object(Bucket=LOG_BUCKET, Key=LOG_KEY, Body=LOG_TEXT.encode())


def connections_of(vendor: str, base_url: str) -> dict[str, dict[str, Any]]:
    """Fields of the secrets of a simulator's connections, by their names."""
    return {name: dict(fields) for name, fields in simulated(vendor).connections(base_url).items()}


def connection_fields(vendor: str, base_url: str) -> dict[str, Any]:
    """Fields of the secret of a simulator's connection `default`."""
    return connections_of(vendor, base_url)["default"]
