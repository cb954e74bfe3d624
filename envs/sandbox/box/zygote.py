"""The warm interpreter: imports what programs tend to import, then becomes one program in
each box. AgonServe forks; it returns in the box, once the box is sealed."""

import bisect, collections, copy, functools, heapq, itertools, json, math, operator, os, random
import re, string, threading, typing
import atexit, ctypes, gc, sys, types

SOCKET, PROC, NETS = 3, 4, 5
MEMORY_ERROR_STATUS = 86


def run(source, main):
    """Runs the program and returns its exit status, as the interpreter's own start would."""
    try:
        exec(compile(source, "main.py", "exec", dont_inherit=True), main.__dict__)
        return 0
    except SystemExit as error:
        if error.code is None or isinstance(error.code, int):
            return (error.code or 0) & 255
        print(error.code, file=sys.stderr)
        return 1
    except MemoryError:
        os.write(2, b"MemoryError\n")
        return MEMORY_ERROR_STATUS
    except BaseException as error:
        trace = error.__traceback__
        sys.excepthook(type(error), error, trace and trace.tb_next)
        return 1


def leave(status, exit):
    """Ends the process. The interpreter's own end would take apart, page by page, what the
    box shares with others: several milliseconds for nothing."""
    try:
        threading._shutdown()
        atexit._run_exitfuncs()
        sys.stdout.flush()
    except BaseException:
        status = status or 120
    exit(status)


box = ctypes.PyDLL("/box/zygote.so")
box.AgonServe.restype = ctypes.c_int64
box.AgonPayload.restype = ctypes.c_void_p
os.environ.clear()
sys.argv = ["main.py"]
sys.path = [path for path in sys.path if path]
sys.modules["__main__"] = main = types.ModuleType("__main__")
main.__builtins__ = __builtins__
exit = os._exit
gc.collect()
gc.freeze()

ctypes.pythonapi.PyOS_BeforeFork()
size = box.AgonServe(SOCKET, PROC, NETS)
ctypes.pythonapi.PyOS_AfterFork_Child()
leave(run(ctypes.string_at(box.AgonPayload(), size), main), exit)
