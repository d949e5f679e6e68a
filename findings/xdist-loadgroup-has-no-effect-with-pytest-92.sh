#!/usr/bin/env bash
# pytest 9.2.0 with pytest-xdist 3.8.0: --dist loadgroup has no effect, and nothing says so. Tests of
# one xdist_group run on several workers; with pytest 9.0.2 they stay on one. xdist appends the group
# to the private _nodeid of a test, which pytest 9.2 no longer reads. Tests that must not meet, of
# one server or one GPU, meet.
#
# Runs two groups of ten tests with both versions of pytest and prints how many workers ran each
# group; exits 1 where that is no longer so.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cat >"$folder/test_groups.py" <<'PYTHON'
import os
import time
from pathlib import Path

import pytest


def ran(group, number):
    time.sleep(0.05)
    worker = os.environ["PYTEST_XDIST_WORKER"]
    Path(os.environ["SEEN"], f"{group}-{number}-{worker}").touch()


@pytest.mark.xdist_group("server")
@pytest.mark.parametrize("number", range(10))
def test_server(number):
    ran("server", number)


@pytest.mark.xdist_group("gpu")
@pytest.mark.parametrize("number", range(10))
def test_gpu(number):
    ran("gpu", number)
PYTHON
workers() { # VERSION: how many workers ran a test of each group
    python3 -m venv "$folder/$1"
    "$folder/$1/bin/pip" --quiet install "pytest==$1" pytest-xdist==3.8.0
    mkdir "$folder/seen-$1"
    (cd "$folder" && SEEN="$folder/seen-$1" "$folder/$1/bin/python" -m pytest -q -n 2 --dist loadgroup \
        -p no:cacheprovider test_groups.py >/dev/null)
    for group in server gpu; do
        echo "$group $(ls "$folder/seen-$1" | grep "^$group" | sed 's/.*-//' | sort -u | wc -l)"
    done
}
before=$(workers 9.0.2) now=$(workers 9.2.0)
echo "pytest 9.0.2:" $before
echo "pytest 9.2.0:" $now
[ "$before" = $'server 1\ngpu 1' ] && [ "$now" = $'server 2\ngpu 2' ]
