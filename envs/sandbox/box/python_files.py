"""Prints what the interpreter that runs it needs on disk, one path a line: itself, its
standard library, and each shared library of its extension modules, by the name under which
the dynamic linker will look for it."""

import ctypes
import importlib
import os
import sys
import sysconfig

# Terminal and window modules would bring large libraries that no box can use.
UNWANTED = ("_tkinter", "_curses", "_curses_panel", "_dbm", "_gdbm", "readline", "nis")

for folder in sys.path:
    for name in sorted(os.listdir(folder)) if os.path.isdir(folder) else ():
        module = name.split(".")[0]
        if name.endswith(".so") and module not in UNWANTED and "test" not in module:
            try:
                importlib.import_module(module)
            except Exception:
                pass
try:
    ctypes.CDLL("libgcc_s.so.1")  # opened by libc when a thread ends early
except OSError:
    pass

libraries = []


@ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_void_p), ctypes.c_size_t, ctypes.c_void_p)
def visit(info, size, data):
    name = ctypes.string_at(info[1]).decode()
    if name.startswith("/"):
        libraries.append(name)
    return 0


ctypes.CDLL(None).dl_iterate_phdr(visit, None)
stdlib = os.path.realpath(sysconfig.get_path("stdlib"))
print("executable", os.path.realpath(sys.executable))
print("version", sys.version.split()[0])
for folder in dict.fromkeys((stdlib, os.path.realpath(sysconfig.get_path("platstdlib")))):
    print("folder", folder)
for name in dict.fromkeys(libraries):
    if not os.path.realpath(name).startswith(stdlib + "/"):
        print("library", name)
