"""What is uploaded to the emulator: the same for the same content, and with bytecode that its interpreter takes."""

from __future__ import annotations

import io
import subprocess
import sys
import zipfile
from pathlib import Path

from local.deployment import _zip
from local.lambda_layout import LAYER

SECONDS = 60


def test_function_workers_compile_nothing(tmp_path: Path) -> None:
    with zipfile.ZipFile(io.BytesIO(_zip(LAYER, "python/"))) as bundle:
        bundle.extractall(tmp_path)
    for source in (tmp_path / "python" / "import_watch").rglob("*.py"):
        source.write_text("raise SystemExit('compiled from its source')")
    program = "import sys; sys.path.insert(0, sys.argv[1]); import import_watch; print(import_watch.__file__)"
    command = [sys.executable, "-I", "-c", program, str(tmp_path / "python")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
    assert done.stdout == f"{tmp_path / 'python' / 'import_watch' / '__init__.py'}\n", done.stderr


def test_the_same_content_has_the_same_key() -> None:
    assert _zip(LAYER, "python/") == _zip(LAYER, "python/")
