"""Runs first inside the sandbox: builds the cell, drops all rights, becomes the program.

``cell`` passes this file's text to an interpreter that ``unshare`` started as process 1 of new
user, mount, network, pid and ipc namespaces, or that bubblewrap started in a cell of its own. It
uses only the standard library and never imports the package. Arguments: descriptor of the
program's text, descriptor for the byte that signals readiness, user to become (0: stay), whether
the cell is built, memory in bytes, seconds of processor time, bytes of output, processes. Without
arguments it is in a container, which an engine has built and limited.
"""

from __future__ import annotations

import ctypes
import errno
import os
import resource
import struct
import sys
from pathlib import Path

_MS_RDONLY, _MS_NOSUID, _MS_NODEV, _MS_NOEXEC, _MS_REMOUNT = 1, 2, 4, 8, 32
_MS_BIND, _MS_REC, _MS_PRIVATE = 4096, 16384, 1 << 18
_MNT_DETACH = 2
_PIVOT_ROOT = {"x86_64": 155, "aarch64": 41}
_PR_CAPBSET_DROP, _PR_SET_NO_NEW_PRIVS, _PR_SET_DUMPABLE = 24, 38, 4
_PR_SET_SECCOMP, _FILTER = 22, 2
_CAPABILITIES = 41
# By machine: the kernel's id for it, and its system call numbers of clone, unshare, setns and
# clone3.
_CALLS = {
    "x86_64": (0xC000003E, 56, 272, 308, 435),
    "aarch64": (0xC00000B7, 220, 97, 268, 435),
}
_NEW_NAMESPACES = 0x7E020000  # every CLONE_NEW… flag
_ALLOW, _REFUSE, _KILL = 0x7FFF0000, 0x00050000, 0x80000000
_LIBC = ctypes.CDLL(None, use_errno=True)


def _check(result: int, what: str) -> None:
    if result:
        raise OSError(ctypes.get_errno(), f"{what}: {os.strerror(ctypes.get_errno())}")


def _mount(source: str, target: str, kind: str, flags: int, data: str = "") -> None:
    Path(target).mkdir(parents=True, exist_ok=True)
    arguments = (source.encode(), target.encode(), kind.encode(), flags, data.encode())
    _check(_LIBC.mount(*arguments), f"mount {target}")


def _show(path: str, root: str) -> None:
    """Mount the host's ``path`` read-only at the same place below ``root``."""
    if Path(path).is_symlink():
        link = Path(root + path)
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(Path(path).readlink())
    elif Path(path).is_dir() and not Path(root + path).exists():
        _mount(path, root + path, "", _MS_BIND | _MS_REC)
        flags = _MS_BIND | _MS_REMOUNT | _MS_RDONLY | _MS_NOSUID | _MS_NODEV
        if _LIBC.mount(b"", (root + path).encode(), b"", flags, b""):
            # Flags set by the host are locked: keep them, and add read-only.
            flags |= _MS_NOEXEC
            _check(_LIBC.mount(b"", (root + path).encode(), b"", flags, b""), f"protect {path}")


def _build_cell() -> None:
    """Build a root with interpreter and libraries, /proc, and 64 MiB of /tmp."""
    root = "/tmp"  # noqa: S108 - covered by a file system of our own at once
    _check(_LIBC.mount(b"", b"/", b"", _MS_REC | _MS_PRIVATE, b""), "make mounts private")
    _mount("none", root, "tmpfs", _MS_NOSUID | _MS_NODEV, "size=64m,mode=755")
    for path in ("/usr", "/bin", "/lib", "/lib64", sys.base_prefix):
        _show(path, root)
    _mount("none", root + "/proc", "proc", _MS_NOSUID | _MS_NODEV | _MS_NOEXEC)
    for device in ("null", "zero", "urandom"):
        node = Path(root) / "dev" / device
        node.parent.mkdir(exist_ok=True)
        node.touch()
        _check(
            _LIBC.mount(f"/dev/{device}".encode(), str(node).encode(), b"", _MS_BIND, b""), device
        )
    (Path(root) / "old").mkdir()
    (Path(root) / "tmp").mkdir()
    (Path(root) / "tmp").chmod(0o777)
    os.chdir(root)
    number = _PIVOT_ROOT[os.uname().machine]
    _check(_LIBC.syscall(number, b".", b"old"), "pivot_root")
    _check(_LIBC.umount2(b"/old", _MNT_DETACH), "leave the old root")


def _limit(memory: int, seconds: int, output: int, processes: int) -> None:
    # All processes together may need more memory than there is: the kernel then kills these first.
    Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    resource.setrlimit(resource.RLIMIT_FSIZE, (output, output))
    resource.setrlimit(resource.RLIMIT_NPROC, (processes, processes))
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _drop_rights(uid: int) -> None:
    for capability in range(_CAPABILITIES):
        _LIBC.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0)
    if uid:
        os.setgroups([])
        os.setresgid(uid, uid, uid)
        os.setresuid(uid, uid, uid)
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)
    _check(_LIBC.capset(header, (ctypes.c_uint32 * 6)()), "drop capabilities")
    _check(_LIBC.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no new privileges")


def _forbid_namespaces() -> None:
    """Forbid new namespaces: in a user namespace, a program could mount a larger /tmp.

    This is a system-call filter, which every later process inherits. Callers of clone3, whose
    arguments no filter can read, get ENOSYS and fall back to clone.
    """
    machine, clone, unshare, setns, clone3 = _CALLS[os.uname().machine]
    load, equal, above, anyof, give = 0x20, 0x15, 0x35, 0x45, 0x06  # BPF instructions
    number, architecture, flags = 0, 4, 16  # offsets in seccomp_data; flags are argument 0
    program = [
        (load, 0, 0, architecture),
        (equal, 0, 11, machine),  # another machine's calls (32 bits): kill
        (load, 0, 0, number),
        (above, 9, 0, 0x40000000),  # x32's numbers: kill
        (equal, 7, 0, unshare),
        (equal, 6, 0, setns),
        (equal, 4, 0, clone3),
        (equal, 0, 2, clone),
        (load, 0, 0, flags),
        (anyof, 2, 0, _NEW_NAMESPACES),
        (give, 0, 0, _ALLOW),
        (give, 0, 0, _REFUSE | errno.ENOSYS),
        (give, 0, 0, _REFUSE | errno.EPERM),
        (give, 0, 0, _KILL),
    ]
    code = b"".join(struct.pack("=HBBI", *instruction) for instruction in program)
    text = ctypes.create_string_buffer(code)
    header = struct.pack("HxxxxxxP", len(program), ctypes.addressof(text))
    filtered = _LIBC.prctl(_PR_SET_SECCOMP, _FILTER, ctypes.create_string_buffer(header))
    _check(filtered, "forbid namespaces")


def main() -> None:
    """Never returns: the process becomes the program, or ends with status 125 and the reason."""
    try:
        if len(sys.argv) > 1:
            _in_cell()
        else:
            _in_container()
    except (OSError, KeyError) as error:
        os.write(2, f"smallscale sandbox: {error}\n".encode())
        os._exit(125)


def _in_container() -> None:
    """The engine has set up everything, but some engines allow namespaces."""
    _check(_LIBC.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no new privileges")
    _forbid_namespaces()
    program = ["python3", "-I", "-B", "/sandbox/program.py"]
    os.execv(sys.executable, program)  # noqa: S606


def _in_cell() -> None:
    descriptor, mark, uid, built, memory, seconds, output, processes = map(int, sys.argv[1:9])
    with os.fdopen(descriptor, "rb") as stream:
        program = stream.read()
    if not built:
        _build_cell()
    os.chdir("/tmp")  # noqa: S108 - the cell's own
    Path("program.py").write_bytes(program)
    _limit(memory, seconds, output, processes)
    _drop_rights(uid)
    _forbid_namespaces()
    environment = {"PATH": "/usr/bin:/bin", "HOME": "/tmp", "OMP_NUM_THREADS": "1"}  # noqa: S108
    os.write(mark, b"1")
    os.closerange(3, 1024)
    os.execve(sys.executable, [sys.executable, "-I", "-B", "program.py"], environment)  # noqa: S606


if __name__ == "__main__":
    main()
