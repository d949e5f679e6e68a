#!/usr/bin/env bash
# pyarrow 26.0.1 with numpy: pa.array() of a plain list of texts imports pandas wherever it is installed, which
# costs a short program 0.3 s of CPU (pandas 3.1.1). Python's documented way to forbid an import,
# sys.modules["pandas"] = None, does not help: the import in pyarrow's compiled code takes the None
# for the module, and pa.array() raises AttributeError ('NoneType' object has no attribute
# '__version__'), where Python's own import statement raises ModuleNotFoundError. A finder that
# raises ModuleNotFoundError is understood.
#
# Prints what each of the three does; exits 1 where that is no longer so.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" --quiet install pyarrow==26.0.1 numpy==2.4.6
# In the place of pandas a module of its name: what is shown is that it is imported.
mkdir "$folder/installed"
printf '__version__ = "3.1.1"\nraise ImportError("seen")\n' > "$folder/installed/pandas.py"
cat > "$folder/try.py" <<'PYTHON'
import sys
from importlib.abc import MetaPathFinder

looked_for = []


class Watching(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name == "pandas":
            looked_for.append(name)
            if sys.argv[1] == "finder":
                raise ModuleNotFoundError(name=name)


sys.meta_path.insert(0, Watching())
if sys.argv[1] == "none":
    sys.modules["pandas"] = None
import pyarrow as pa

try:
    found = str(pa.array(["x"]).to_pylist())
except Exception as error:
    found = f"{type(error).__name__}: {error}"
print(f"pyarrow {pa.__version__}, {sys.argv[1]}: looked for {looked_for}, pa.array: {found}")
PYTHON
python=$folder/env/bin/python
export PYTHONPATH=$folder/installed
"$python" "$folder/try.py" plain | tee "$folder/plain"
"$python" "$folder/try.py" none | tee "$folder/none"
"$python" "$folder/try.py" finder | tee "$folder/finder"
grep -qE "looked for \\['pandas'.*pa.array: \\['x'\\]" "$folder/plain"
grep -qF "AttributeError: 'NoneType' object has no attribute '__version__'" "$folder/none"
grep -qE "looked for \\['pandas'.*pa.array: \\['x'\\]" "$folder/finder"
