"""Runs a program that can't open a network connection: `python without_network.py PROGRAM ARGS`.

A seccomp filter (seccomp(2), https://docs.kernel.org/userspace-api/seccomp_filter.html) refuses
sockets of all families but AF_UNIX to the program and its descendants. It needs no privileges,
works inside containers, and can't be removed. The file is run by its path and imports nothing of
this package, which keeps a start under 20 ms.
"""

import ctypes
import errno
import os
import platform
import struct
import sys

#: Exit status if the filter can't be set: the program then isn't started.
EXIT_UNAVAILABLE = 126

_PR_SET_NO_NEW_PRIVS = 38
_PR_SET_SECCOMP = 22
_SECCOMP_MODE_FILTER = 2

# Instructions of classic BPF: load a word, compare, return.
_LOAD = 0x20
_JUMP_EQUAL = 0x15
_JUMP_AT_LEAST = 0x35
_RETURN = 0x06

_ALLOW = 0x7FFF0000
_REFUSE = 0x00050000 | errno.EACCES

# Offsets in struct seccomp_data: number of the call, architecture, low half of the first argument.
_NUMBER, _ARCHITECTURE, _FIRST_ARGUMENT = 0, 4, 16
_AF_UNIX = 1
# Calls of the x32 ABI have this bit in their number.
_X32 = 0x40000000

# Architecture (AUDIT_ARCH_*), number of socket(2), and numbers of other calls that give access to a
# socket or to another process's memory, and are refused.
_IO_URING_SETUP, _PIDFD_GETFD = 425, 438
_MACHINES = {
    # ptrace, process_vm_readv
    "x86_64": (0xC000003E, 41, (101, 310, _IO_URING_SETUP, _PIDFD_GETFD)),
    "aarch64": (0xC00000B7, 198, (117, 270, _IO_URING_SETUP, _PIDFD_GETFD)),
}


def network_filter(machine: str) -> bytes:
    """Return the filter's instructions for a machine such as `x86_64`.

    Raises `KeyError` if there is no filter for the machine.
    """
    architecture, socket, refused = _MACHINES[machine]
    code = [
        _instruction(_LOAD, 0, 0, _ARCHITECTURE),
        _instruction(_JUMP_EQUAL, 1, 0, architecture),
        _instruction(_RETURN, 0, 0, _REFUSE),
        _instruction(_LOAD, 0, 0, _NUMBER),
        _instruction(_JUMP_AT_LEAST, 0, 1, _X32),
        _instruction(_RETURN, 0, 0, _REFUSE),
    ]
    for number in refused:
        code += [_instruction(_JUMP_EQUAL, 0, 1, number), _instruction(_RETURN, 0, 0, _REFUSE)]
    code += [
        _instruction(_JUMP_EQUAL, 0, 3, socket),
        _instruction(_LOAD, 0, 0, _FIRST_ARGUMENT),
        _instruction(_JUMP_EQUAL, 1, 0, _AF_UNIX),
        _instruction(_RETURN, 0, 0, _REFUSE),
        _instruction(_RETURN, 0, 0, _ALLOW),
    ]
    return b"".join(code)


def _instruction(code: int, if_true: int, if_false: int, value: int) -> bytes:
    return struct.pack("=HBBI", code, if_true, if_false, value)


def close_network() -> None:
    """Set the filter for this process and its descendants.

    Raises `OSError` if the kernel or the container doesn't allow filters, and `KeyError` if there
    is no filter for this machine.
    """
    code = network_filter(platform.machine())
    buffer = ctypes.create_string_buffer(code, len(code))

    class Program(ctypes.Structure):
        _fields_ = (("length", ctypes.c_ushort), ("code", ctypes.c_void_p))

    program = Program(len(code) // 8, ctypes.addressof(buffer))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_NO_NEW_PRIVS)")
    if libc.prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.byref(program), 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_SECCOMP)")


def main() -> None:
    """Close the network, and execute the program of the command line."""
    try:
        close_network()
    except (OSError, KeyError) as fault:
        print(f"{sys.argv[1]}: can't be kept from the network here: {fault}", file=sys.stderr)
        sys.exit(EXIT_UNAVAILABLE)
    os.execv(sys.argv[1], sys.argv[1:])  # noqa: S606 - what the worker was asked to run


if __name__ == "__main__":
    main()
