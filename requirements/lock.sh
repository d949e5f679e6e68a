#!/usr/bin/env bash
# Resolve pyproject.toml anew into core.txt (what a user needs) and dev.txt (what tests need besides).
set -euo pipefail
cd "$(dirname "$0")/.."
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
freeze() { "$scratch/$1/bin/python" -m pip freeze --exclude-editable --exclude smallscale-ci; }
for kind in core dev; do
    "${1:-python3}" -m venv "$scratch/$kind"
    extra=$([ "$kind" = dev ] && echo '[dev]' || true)
    "$scratch/$kind/bin/python" -m pip install --quiet --editable ".$extra"
done
{ echo "# The core environment, complete: install with --no-deps. Made by requirements/lock.sh."
  freeze core; } > "$scratch/core.txt"
{ echo "# What development needs besides core.txt. Made by requirements/lock.sh."
  freeze dev | grep -vxFf "$scratch/core.txt"; } > "$scratch/dev.txt"
mv "$scratch/core.txt" "$scratch/dev.txt" requirements/
