"""Runs one handler in a fresh process, as the runtime of Lambda does, and prints what that took.

    python -I -S -B invocation.py <search path> <handler> < order

The order is a line of JSON: `event`, `follow` (the key of a response that replaces the same key in the next
event, or null) and `polls`, how often the warm handler is called. The result is the last line, also JSON. Nothing is
imported here but what the runtime has loaded anyway before it loads a handler.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import time


class Context:
    """What a handler learns about its invocation."""

    function_name = "benchmark"
    function_version = "$LATEST"
    memory_limit_in_mb = 512
    invoked_function_arn = "arn:aws:lambda:eu-west-1:000000000000:function:benchmark"
    aws_request_id = "00000000-0000-0000-0000-000000000000"

    def get_remaining_time_in_millis(self) -> int:
        """Always enough time."""
        return 60_000


def main() -> None:
    """Run the handler and print the result."""
    order = json.loads(sys.stdin.readline())
    event, key = order["event"], order["follow"]
    before = set(sys.modules)
    started, cpu_started = time.perf_counter(), time.process_time()
    module, _, name = sys.argv[2].rpartition(".")
    handler = getattr(importlib.import_module(module), name)
    imported, cpu_imported = time.perf_counter(), time.process_time()
    response = handler(event, Context())
    invoked, cpu_invoked = time.perf_counter(), time.process_time()
    result = {
        "importSeconds": imported - started,
        "firstSeconds": invoked - started,
        "importCpuSeconds": cpu_imported - cpu_started,
        "firstCpuSeconds": cpu_invoked - cpu_started,
        "modules": sorted(set(sys.modules) - before),
        "response": response,
        "polls": [],
    }
    for _ in range(order["polls"]):
        event = {**event, key: response[key]} if key else event
        began, cpu_began = time.perf_counter(), time.process_time()
        response = handler(event, Context())
        took, cpu_took = time.perf_counter() - began, time.process_time() - cpu_began
        result["polls"].append({"seconds": took, "cpuSeconds": cpu_took})
    result["peakBytes"] = peak_bytes()
    sys.__stdout__.write("\n" + json.dumps(result) + "\n")  # type: ignore[union-attr]


def peak_bytes() -> int:
    """Most memory that this process has had; unlike getrusage's, not its parent's before it began."""
    with open("/proc/self/status") as status:  # noqa: PTH123
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM:"))


if __name__ == "__main__":
    task, layer, runtime = sys.argv[1].split(os.pathsep)
    sys.path[:0] = [task, layer]
    sys.path.append(runtime)
    import awslambdaric.bootstrap  # noqa: F401

    main()
