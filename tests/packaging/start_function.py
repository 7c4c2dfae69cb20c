"""Starts a function as the runtime's image does: its folders on the search path, then the runtime client.

python -I -S start_function.py <search path> <handler>
"""

import os
import sys

task, layer, runtime = sys.argv[1].split(os.pathsep)
sys.path[:0] = [task, layer]
sys.path.append(runtime)

from awslambdaric.__main__ import main  # noqa: E402

main(["awslambdaric", sys.argv[2]])
