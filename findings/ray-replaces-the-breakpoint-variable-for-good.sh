#!/usr/bin/env bash
# ray 2.60.0: ray.init() sets PYTHONBREAKPOINT to a hook of its own in the driver's environment, and ray.shutdown() leaves it
# there, whatever it was before. PYTHONBREAKPOINT=0, by which a CI job switches breakpoints off, is lost: breakpoint() in a
# process that the driver starts afterwards imports Ray and logs an error that debugpy is missing; where that Python has no
# Ray, it warns. Nor does it open pdb for those who had not set the variable. In a test run, tests after one with Ray have
# another environment than those before it.
#
# Starts Ray with PYTHONBREAKPOINT=0, stops it, prints the variable then, and what breakpoint() prints in a process with and in
# one without Ray; exits 1 where the variable is as it was.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
python3 -m venv --without-pip "$folder/bare"
"$folder/env/bin/pip" --quiet --disable-pip-version-check install ray==2.60.0
cat >"$folder/driver.py" <<'PYTHON'
import os
import subprocess
import sys

import ray

before = os.environ["PYTHONBREAKPOINT"]
ray.init(num_cpus=1, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
ray.shutdown()
after = os.environ["PYTHONBREAKPOINT"]
print(f"before: {before}; after: {after}")
printed = []
for python in (sys.executable, sys.argv[1]):
    done = subprocess.run([python, "-c", "breakpoint()"], capture_output=True, text=True, check=True)
    printed.append(done.stderr.strip())
    print(printed[-1])
sys.exit(not (before == "0" and after.startswith("ray.") and "debugpy" in printed[0] and "unimportable" in printed[1]))
PYTHON
PYTHONBREAKPOINT=0 "$folder/env/bin/python" "$folder/driver.py" "$folder/bare/bin/python"
