"""Runs the AWS emulator: one process on a free port of 127.0.0.1, ready when `start` returns."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from threading import Lock
from typing import IO, Any

import boto3
import psutil
import requests
import trustme
from botocore.config import Config

from local.leftovers import RunFolder
from local.waiting import wait_until

REGION = "eu-west-1"
READY_SECONDS = 60
KILLED_SECONDS = 5.0
TIED = Path(__file__).with_name("emulator_process.py")
SERVICES_OF_A_STACK = (
    "cloudformation",
    "cloudwatch_logs",
    "dynamodb",
    "eventbridge",
    "lambda",
    "s3",
    "secretsmanager",
    "sns",
    "sqs",
    "stepfunctions",
)
"""Services whose state must be saved before the emulator may be killed: it writes one file for each, one after the
other."""
WORKERS = 40
"""Maximum simultaneous function workers; each takes about 30 MB while it is busy."""
ROOT_KEY = "test"
"""Access key and secret of the account itself, for an emulator that checks the caller."""
ROOT = {"AccessKeyId": ROOT_KEY, "SecretAccessKey": ROOT_KEY}


class Emulator:
    """The emulator and its clients.

    Parameters
    ----------
    wait_scale : float
        Factor on every wait of a state machine: 1 is real time.
    folder : Path, optional
        Folder of its log; a temporary folder by default.
    environment : mapping of str to str, optional
        Further settings of the emulator.
    enforces_policies : bool
        Whether it refuses what the policies of roles, buckets, topics and queues do not allow. It uses TLS then,
        because the template's policies refuse requests without TLS.
    keeps_state : bool
        Whether it can be restarted: it saves its state when it ends, and loads it when it starts.
    """

    def __init__(
        self,
        wait_scale: float = 1.0,
        folder: Path | None = None,
        environment: Mapping[str, str] | None = None,
        *,
        enforces_policies: bool = False,
        keeps_state: bool = False,
    ) -> None:
        # The emulator gets this socket itself, so that no other process can take the port before it listens.
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.port: int = self._listener.getsockname()[1]
        self.endpoint_url = f"{'https' if enforces_policies else 'http'}://127.0.0.1:{self.port}"
        self.run_folder = RunFolder()
        self._scratch = self.run_folder.path
        self.certificate: Path | None = None
        enforcing: dict[str, str] = {}
        if enforces_policies:
            # Without one, it would run a command to create it, which not every machine has.
            authority = trustme.CA()
            server = authority.issue_cert("127.0.0.1", "localhost")
            self.certificate, key = self._scratch / "certificate.pem", self._scratch / "key.pem"
            # Its functions trust the file that it serves, so the file contains the authority's own certificate, too.
            for certificate in (*server.cert_chain_pems, authority.cert_pem):
                certificate.write_to_path(self.certificate, append=True)
            server.private_key_pem.write_to_path(key)
            enforcing = {
                "AUTH": "true",
                "USE_SSL": "1",
                "MINISTACK_SSL_CERT": str(self.certificate),
                "MINISTACK_SSL_KEY": str(key),
            }
        self._state_folder = self._scratch / "state"
        self._log_path = (folder or self._scratch) / "emulator.log"
        self._environment = {
            "PATH": os.environ.get("PATH", ""),
            "GATEWAY_PORT": str(self.port),
            "MINISTACK_HOST": "127.0.0.1",
            "MINISTACK_REGION": REGION,
            "IOT_MTLS_ENABLED": "0",
            "SFTP_ENABLED": "0",
            "SFN_WAIT_SCALE": str(wait_scale),
            "LAMBDA_ACCOUNT_CONCURRENCY": str(WORKERS),
            "TMPDIR": str(self._scratch),
            "STATE_DIR": str(self._state_folder),
            "S3_DATA_DIR": str(self._scratch / "s3"),
            **self.run_folder.environment,
            **enforcing,
            **({"PERSIST_STATE": "1", "S3_PERSIST": "1"} if keeps_state else {}),
            **(environment or {}),
        }
        self._keeps_state = keeps_state
        self._clients: dict[str, Any] = {}
        self._making = Lock()
        self._log: IO[bytes] | None = None
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """Process id of the emulator; 0 while it does not run."""
        return self._process.pid if self._process else 0

    def start(self) -> None:
        """Start the emulator and return when it responds.

        Raises
        ------
        TimeoutError
            If it does not respond in time; the message ends with the end of its log.
        """
        self._log_path.parent.mkdir(parents=True, exist_ok=True)
        self._log = self._log_path.open("ab")
        self._process = subprocess.Popen(
            [sys.executable, "-I", str(TIED), str(self._listener.fileno())],
            env=self._environment,
            cwd=self._scratch,
            stdin=subprocess.PIPE,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            pass_fds=(self._listener.fileno(),),
        )
        try:
            wait_until(self._responds, READY_SECONDS, "the emulator responds")
        except TimeoutError as error:
            words = self._log_path.read_text("utf-8", "replace")[-2_000:]
            self.stop()
            raise TimeoutError(f"{error}; its log ends with:\n{words}") from None
        if not self._keeps_state:
            # If it stayed open, callers of an emulator that died would wait for a response.
            self._listener.close()

    def restart(self) -> None:
        """Let the emulator save its state, end it with its function workers, and start it again.

        Running executions are FAILED after it (`States.ServiceRestart`), without an event about it. Requests in the
        meantime wait for the new process, which handles them.

        Raises
        ------
        TimeoutError
            If it does not save its state, or does not respond again, in time.
        """
        if self._process is None or not self._keeps_state:
            raise RuntimeError("the emulator does not run, or does not keep its state")
        process, before = self._process, self._saved()
        # Changes during the saving may be lost, so the functions are suspended from here on.
        for worker in _children(process.pid):
            _signal(worker, "suspend")
        process.terminate()

        def has_saved() -> bool:
            after = self._saved()
            return all(service in after and after[service] != before.get(service) for service in SERVICES_OF_A_STACK)

        wait_until(has_saved, READY_SECONDS, "the emulator saves its state")
        # Otherwise it would wait for its function workers.
        kill_process_tree(process.pid)
        process.wait(timeout=READY_SECONDS)
        self._close()
        self.start()

    def stop(self) -> None:
        """End the emulator and every process it started, and remove its files."""
        if self._process is not None:
            # A normal end would wait for its function workers, and its state is no longer needed.
            kill_process_tree(self._process.pid)
            self._process.wait(timeout=10)
        for made in self._clients.values():
            made.close()
        self._clients.clear()
        self._close()
        self._listener.close()
        self.run_folder.remove()

    def client(self, service: str) -> Any:
        """boto3 client of a service of the emulator; any thread may use it."""
        with self._making:
            if service not in self._clients:
                self._clients[service] = client(self.endpoint_url, service, self.certificate)
            return self._clients[service]

    def __enter__(self) -> Emulator:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _close(self) -> None:
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()
        self._process = None
        if self._log is not None:
            self._log.close()
            self._log = None

    def _saved(self) -> dict[str, tuple[int, int]]:
        """File that each service has saved: a complete one replaces the previous one."""
        found = {}
        for service in SERVICES_OF_A_STACK:
            with suppress(FileNotFoundError):
                file = (self._state_folder / f"{service}.json").stat()
                found[service] = (file.st_ino, file.st_mtime_ns)
        return found

    def _responds(self) -> bool:
        if self._process is not None and self._process.poll() is not None:
            raise TimeoutError(f"the emulator ended with exit status {self._process.returncode}")
        try:
            verify = str(self.certificate) if self.certificate else True
            return requests.get(f"{self.endpoint_url}/_ministack/health", timeout=2, verify=verify).ok
        except OSError:  # the emulator, or its certificate, does not exist yet
            return False


def client(
    endpoint_url: str, service: str, certificate: Path | None = None, credentials: Mapping[str, str] = ROOT
) -> Any:
    """boto3 client of a service behind an endpoint on this machine, with credentials in the form of STS."""
    return boto3.client(
        service,  # type: ignore[call-overload]
        endpoint_url=endpoint_url,
        region_name=REGION,
        aws_access_key_id=credentials["AccessKeyId"],
        aws_secret_access_key=credentials["SecretAccessKey"],
        aws_session_token=credentials.get("SessionToken"),
        verify=str(certificate) if certificate else None,
        config=Config(retries={"total_max_attempts": 2}, connect_timeout=3, read_timeout=60, proxies={}),
    )


def kill_process_tree(pid: int) -> None:
    """Kill a process and all processes it started."""
    try:
        parent = psutil.Process(pid)
    except psutil.NoSuchProcess:
        return
    # A suspended process starts no more of them.
    _signal(parent, "suspend")
    family = [parent, *_children(pid)]
    for process in family:
        _signal(process, "kill")
    psutil.wait_procs(family, timeout=KILLED_SECONDS)


def _children(pid: int) -> list[psutil.Process]:
    try:
        return psutil.Process(pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def _signal(process: psutil.Process, verb: str) -> None:
    try:
        getattr(process, verb)()
    except psutil.NoSuchProcess:
        return
