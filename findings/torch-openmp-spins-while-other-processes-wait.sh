#!/usr/bin/env bash
# torch 2.13.0+cpu: threads of a parallel region wait for each other in a loop (GNU OpenMP's default), also while another
# process wants the core. Three processes of two threads each on the same two cores, multiplying small matrices as a small
# model does at every layer: 14.7 s by default, 5.9 s with OMP_WAIT_POLICY=passive; one process alone: 2.9 and 3.9 s, start
# included. An inference server on a runner with two cores is as slow as that beside any other job, and nothing warns of it.
#
# Runs one and three processes on two cores with either policy; prints seconds; exits 1 where passive is not at least 1.5
# times as fast for three.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
pip=("$folder/env/bin/pip" --quiet --disable-pip-version-check install)
"${pip[@]}" numpy==2.3.5
"${pip[@]}" torch==2.13.0+cpu 2>/dev/null || "${pip[@]}" --index-url https://download.pytorch.org/whl/cpu torch==2.13.0+cpu
cat >"$folder/layers.py" <<'PYTHON'
import torch

torch.set_num_threads(2)
rows, weights = torch.randn(64, 576), torch.randn(576, 576)
with torch.no_grad():
    for _ in range(4000):
        rows = torch.nn.functional.silu(rows @ weights) * 0.01
PYTHON
cat >"$folder/time.py" <<'PYTHON'
import os
import subprocess
import sys
import time

script = sys.argv[1]
cores = sorted(os.sched_getaffinity(0))[:2]
os.sched_setaffinity(0, cores)


def seconds(processes, policy):
    began = time.monotonic()
    environment = {**os.environ, "OMP_NUM_THREADS": "2", **({"OMP_WAIT_POLICY": policy} if policy else {})}
    started = [subprocess.Popen([sys.executable, script], env=environment) for _ in range(processes)]
    assert not any(process.wait() for process in started)
    return time.monotonic() - began


seconds(1, "passive")  # files into memory
alone, asleep = seconds(1, ""), seconds(1, "passive")
three, three_asleep = seconds(3, ""), seconds(3, "passive")
print(f"{len(cores)} cores; one process: {alone:.1f} s by default, {asleep:.1f} s passive;"
      f" three: {three:.1f} s by default, {three_asleep:.1f} s passive")
sys.exit(len(cores) != 2 or three < 1.5 * three_asleep)
PYTHON
"$folder/env/bin/python" "$folder/time.py" "$folder/layers.py"
