#!/usr/bin/env bash
# inspect-ai 0.3.285: an .eval log is a zip archive whose members are packed with zstd (method 93).
# zipfile of Python before 3.14 lists the members and raises NotImplementedError for reading any: what
# reads logs without inspect brings a zstd of its own, and finds the packed bytes by the local header.
#
# Prints the methods and what reading says; exits 1 where that is no longer so.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" --quiet install inspect-ai==0.3.285
cat > "$folder/task.py" <<'PYTHON'
from inspect_ai import Task, task
from inspect_ai.dataset import MemoryDataset, Sample
from inspect_ai.scorer import match


@task
def sums():
    return Task(dataset=MemoryDataset([Sample(input="1+1?", target="2")]), scorer=match())
PYTHON
cd "$folder"
env/bin/inspect eval task.py --model mockllm/model --log-dir logs --display none > /dev/null
env/bin/python - logs/*.eval <<'PYTHON'
import sys
import zipfile

archive = zipfile.ZipFile(sys.argv[1])
methods = {info.filename: info.compress_type for info in archive.infolist()}
print(sys.version.split()[0], methods)
try:
    archive.read("header.json")
except NotImplementedError as error:
    said = str(error)
else:
    said = "read"
print(said)
sys.exit(set(methods.values()) != {93} or (sys.version_info < (3, 14)) != (said != "read"))
PYTHON
