// Writes the bytecode of a folder that will be /opt/python on Lambda: node compile.mjs FOLDER
import { loadPyodide } from "pyodide";

const LAYER = "/opt/python"; // tracebacks name it
const python = await loadPyodide();
python.FS.mkdirTree(LAYER);
python.FS.mount(python.FS.filesystems.NODEFS, { root: process.argv[2] }, LAYER);
const written = python.runPython(`
import compileall, py_compile, sys
sys.version_info[:2] == (3, 13) and compileall.compile_dir(
    "${LAYER}", quiet=1, invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH
)
`);
process.exit(written ? 0 : 1);
