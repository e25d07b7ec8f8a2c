"""A process that may only work on what it has: so much memory, so much time, no network, no other
process, no file but the ones named.

It is for a process that ends with its work: nothing of it can be taken back. Two fences, because
the first is everywhere and the second is the kernel's own: Python refuses to open, to connect and
to start programs; and Linux refuses the same to whatever runs in the process, where it can
(Landlock since 5.13, seccomp on x86 and ARM of 64 bits).
"""

import contextlib
import ctypes
import errno
import os
import platform
import resource
import sys
from collections.abc import Iterable
from ctypes import Structure, c_int32, c_long, c_ubyte, c_uint16, c_uint32, c_uint64, c_void_p
from math import ceil
from pathlib import Path
from typing import NamedTuple

MORE_MEMORY_BYTES = 512 * 1024 * 1024
CPU_SECONDS = 20
OPEN_FILES = 64
REFUSED_EVENTS = (
    "socket.", "subprocess.", "os.exec", "os.posix_spawn", "os.system", "os.fork", "os.killpg",
    "ctypes.dlopen",
)  # fmt: skip
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND

NO_NEW_PRIVILEGES, SECCOMP, DIE_WITH_PARENT = 38, 22, 1
LANDLOCK_CREATE, LANDLOCK_ADD, LANDLOCK_RESTRICT = 444, 445, 446
LANDLOCK_VERSION, PATH_BENEATH = 1, 1
READ_FILE, READ_FOLDER = 1 << 2, 1 << 3
# By the version of Landlock: what it knows of files.
KNOWN_OF_FILES = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 4: (1 << 15) - 1}
KNOWN_LATER = (1 << 16) - 1
LOAD, JUMP_IF_EQUAL, JUMP_IF_AT_LEAST, RETURN = 0x20, 0x15, 0x35, 0x06
JUMP_IF_SET = 0x45
ALLOW, REFUSE, UNKNOWN = 0x7FFF0000, 0x00050000 | errno.EACCES, 0x00050000 | errno.ENOSYS
OTHER_NUMBERS = 0x40000000
# Where the filter finds what is asked: the call's number, the machine, the first argument.
NUMBER, MACHINE, FIRST = 0, 4, 16
A_THREAD = 0x10000


class _Calls(NamedTuple):
    """A machine's numbers of calls. `refused`: socket, connect, execve, execveat, ptrace, reading
    and writing another process, io_uring_setup, pidfd_getfd, pidfd_send_signal, and fork and vfork
    where there are any. `signals`: kill, tkill, tgkill, rt_sigqueueinfo and rt_tgsigqueueinfo.
    """

    machine: int
    refused: tuple[int, ...]
    signals: tuple[int, ...]
    clone: int
    clone3: int = 435


CALLS = {
    "x86_64": _Calls(
        machine=0xC000003E,
        refused=(41, 42, 59, 322, 101, 310, 311, 425, 438, 424, 57, 58),
        signals=(62, 200, 234, 129, 297),
        clone=56,
    ),
    "aarch64": _Calls(
        machine=0xC00000B7,
        refused=(198, 203, 221, 281, 117, 270, 271, 425, 438, 424),
        signals=(129, 130, 131, 138, 240),
        clone=220,
    ),
}


class Refused(PermissionError):
    """Something reached for what is not its own."""


class _Ruleset(Structure):
    _fields_ = (("files", c_uint64),)


class _Beneath(Structure):
    _pack_ = 1
    _fields_ = (("allowed", c_uint64), ("folder", c_int32))


class _Step(Structure):
    _fields_ = (("code", c_uint16), ("yes", c_ubyte), ("no", c_ubyte), ("k", c_uint32))


class _Program(Structure):
    _fields_ = (("length", c_uint16), ("steps", c_void_p))


def confine(readable: Iterable[Path], *, pages: int = 1) -> None:
    """From here on this process reads files below `readable` and nothing else of the machine.

    What it has open it keeps: close what it should not reach before. It has CPU_SECONDS for each
    of so many pages, and for the first until `allow_another_page`.
    """
    folders = [path for path in readable if path.exists()]
    _limit(pages)
    _die_with_parent()
    with contextlib.suppress(OSError, AttributeError):
        _fence_by_kernel(folders)
    _fence_by_python(folders)


def allow_another_page() -> None:
    """CPU_SECONDS from now on, within what all pages have together."""
    _soft, hard = resource.getrlimit(resource.RLIMIT_CPU)
    used = resource.getrusage(resource.RUSAGE_SELF)
    until = ceil(used.ru_utime + used.ru_stime) + CPU_SECONDS
    least = until if hard == resource.RLIM_INFINITY else min(until, hard)
    with contextlib.suppress(ValueError):
        resource.setrlimit(resource.RLIMIT_CPU, (least, hard))


def _limit(pages: int) -> None:
    """RLIMIT_AS counts what a process has already: a forked one begins with its parent's."""
    most = _address_space() + MORE_MEMORY_BYTES
    limits = {
        resource.RLIMIT_AS: most,
        resource.RLIMIT_CPU: CPU_SECONDS * pages,
        resource.RLIMIT_FSIZE: 0,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_NOFILE: OPEN_FILES,
    }
    for which, value in limits.items():
        _soft, hard = resource.getrlimit(which)
        least = value if hard == resource.RLIM_INFINITY else min(value, hard)
        # Not every system lets each of them be lowered.
        with contextlib.suppress(ValueError):
            resource.setrlimit(which, (least, least))


def _address_space() -> int:
    """Bytes; where the system doesn't say, more than such a process ever has."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[0])
    except OSError:
        return 4 * 1024**3
    return pages * resource.getpagesize()


def _die_with_parent() -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(DIE_WITH_PARENT, 9, 0, 0, 0)


def _fence_by_kernel(folders: list[Path]) -> None:
    if sys.platform != "linux":
        return
    system = ctypes.CDLL(None, use_errno=True)
    system.syscall.restype = c_long
    system.prctl(NO_NEW_PRIVILEGES, 1, 0, 0, 0)
    _allow_reading(system, folders)
    _refuse_calls(system)


def _allow_reading(system: ctypes.CDLL, folders: list[Path]) -> None:
    version = system.syscall(LANDLOCK_CREATE, None, c_long(0), LANDLOCK_VERSION)
    if version < 1:
        return
    files = _Ruleset(KNOWN_OF_FILES.get(version, KNOWN_LATER))
    rules = system.syscall(
        LANDLOCK_CREATE, ctypes.byref(files), c_long(ctypes.sizeof(files)), c_long(0)
    )
    for path in folders:
        handle = os.open(path, os.O_RDONLY)
        allowed = READ_FILE | READ_FOLDER if path.is_dir() else READ_FILE
        beneath = _Beneath(allowed, handle)
        system.syscall(LANDLOCK_ADD, c_long(rules), PATH_BENEATH, ctypes.byref(beneath), c_long(0))
        os.close(handle)
    system.syscall(LANDLOCK_RESTRICT, c_long(rules), c_long(0))
    os.close(rules)


def _refuse_calls(system: ctypes.CDLL) -> None:
    """A filter of system calls: another machine's numbers and the named ones fail, others pass."""
    if platform.machine() not in CALLS:
        return
    steps = _filter(CALLS[platform.machine()])
    filled = (_Step * len(steps))(*steps)
    program = _Program(len(steps), ctypes.cast(filled, c_void_p))
    system.prctl(SECCOMP, 2, ctypes.byref(program), 0, 0)


def _filter(calls: _Calls) -> list[_Step]:
    """Signals reach this process alone. A thread may begin, as fonts need some, and no process:
    what clone3 is to begin can't be seen, so it is unknown, and clone is asked instead."""
    return [
        _Step(LOAD, 0, 0, MACHINE),
        *_unless(_Step(JUMP_IF_EQUAL, 1, 0, calls.machine), REFUSE),
        _Step(LOAD, 0, 0, NUMBER),
        *_unless(_Step(JUMP_IF_AT_LEAST, 0, 1, OTHER_NUMBERS), REFUSE),
        *(step for call in calls.refused for step in _where(call, [_answer(REFUSE)])),
        *(step for call in calls.signals for step in _where(call, _only_to(os.getpid()))),
        *_where(calls.clone, _only_if(_Step(JUMP_IF_SET, 0, 1, A_THREAD))),
        *_where(calls.clone3, [_answer(UNKNOWN)]),
        _answer(ALLOW),
    ]


def _where(call: int, steps: list[_Step]) -> list[_Step]:
    """What is decided of one call."""
    return [_Step(JUMP_IF_EQUAL, 0, len(steps), call), *steps]


def _only_to(process: int) -> list[_Step]:
    return _only_if(_Step(JUMP_IF_EQUAL, 0, 1, process))


def _only_if(test: _Step) -> list[_Step]:
    """Allow a call whose first argument passes."""
    return [_Step(LOAD, 0, 0, FIRST), test, _answer(ALLOW), _answer(REFUSE)]


def _unless(test: _Step, answer: int) -> list[_Step]:
    return [test, _answer(answer)]


def _answer(answer: int) -> _Step:
    return _Step(RETURN, 0, 0, answer)


def _fence_by_python(folders: list[Path]) -> None:
    allowed, own = tuple(os.path.realpath(path) for path in folders), os.getpid()

    def refuse(event: str, arguments: tuple[object, ...]) -> None:
        is_to_others = event == "os.kill" and arguments[0] != own
        if is_to_others or event.startswith(REFUSED_EVENTS):
            raise Refused(event)
        if event == "open" and not _may_open(allowed, *arguments[:3]):
            raise Refused(f"{event} {arguments[0]!s:.200}")

    sys.addaudithook(refuse)


def _may_open(allowed: tuple[str, ...], path: object, _mode: object, flags: object) -> bool:
    """A number is something that is open already."""
    if isinstance(path, int):
        return True
    if isinstance(flags, int) and flags & WRITING:
        return False
    real = os.path.realpath(os.fsdecode(path))  # type: ignore[arg-type]
    return any(real == place or real.startswith(place + os.sep) for place in allowed)
