#include "envs/code/harness.h"

namespace agon::envs {
// A test is an assert. Each statement of a unit, or of its check function, that holds
// asserts is tried on its own, so that one that fails does not hide the next. An assert
// must be reached and hold every time; `assert False` must not be reached. Names with a
// "!" can't occur in a test's own source.
const char kTesterHarness[] = R"py(
import ast

class Unsupported(Exception):
    pass

class CandidateError(Exception):
    pass

class NoPlainValue(CandidateError):
    pass

class CandidateGone(BaseException):
    pass

# An object of a class that the candidate wrote. It stays in the candidate's box; attributes
# and methods are asked for there. Equal to itself only: its own opinion counts for nothing.
class Handle:
    __slots__ = ("agon_run", "agon_life", "agon_place")
    def __init__(self, run, place):
        for name, value in zip(Handle.__slots__, (run, run.life, place)):
            object.__setattr__(self, name, value)
    def agon_number(self):
        if self.agon_life != self.agon_run.life:
            raise CandidateGone
        return self.agon_place
    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return self.agon_run.request({"on": self.agon_number(), "name": name}, self)
    def __setattr__(self, name, value):
        self.agon_run.request({"on": self.agon_number(), "name": name,
                               "value": self.agon_run.encoded("a value", value)})

def name_node(name):
    return ast.Name(id=name, ctx=ast.Load())

def call_node(name, *values):
    return ast.Expr(ast.Call(name_node(name), [
        value if isinstance(value, ast.AST) else ast.Constant(value) for value in values], []))

class Marker(ast.NodeTransformer):
    def __init__(self):
        self.must_reach = []
    def visit_Assert(self, node):
        test = len(self.must_reach)
        self.must_reach.append(not (isinstance(node.test, ast.Constant) and not node.test.value))
        return [call_node("enter!", test), node, call_node("leave!", test)]
    def mark_statements(self, body):
        marked = []
        for statement in body:
            if isinstance(statement, ast.FunctionDef) and statement.name == "check":
                statement.body = self.mark_statements(statement.body)
                marked.append(statement)
                continue
            first = len(self.must_reach)
            done = self.visit(statement)
            done, last = done if isinstance(done, list) else [done], len(self.must_reach)
            if first < last:
                handler = ast.ExceptHandler(type=name_node("BaseException!"), name="error!", body=[
                    call_node("failed!", name_node("error!"), first, last)])
                done = [ast.Try(body=[call_node("begin!", first, last), *done,
                                      call_node("end!", first, last)],
                                handlers=[handler], orelse=[], finalbody=[])]
            marked += done
        return marked

def free_names(*trees):
    loaded, bound = set(), set(dir(builtins))
    for node in (node for tree in trees for node in ast.walk(tree)):
        if isinstance(node, ast.Name):
            (loaded if isinstance(node.ctx, ast.Load) else bound).add(node.id)
        elif isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            bound.add(node.name)
        elif isinstance(node, ast.arg):
            bound.add(node.arg)
        elif isinstance(node, ast.alias):
            bound.add((node.asname or node.name).split(".")[0])
        elif isinstance(node, ast.ExceptHandler) and node.name:
            bound.add(node.name)
    return {name for name in loaded - bound if not name.endswith("!")}

# Names used as "name.attribute" alone: modules of the library that a test took for granted,
# as the candidate's file imports them.
def assumed_modules(free, *trees):
    nodes = [node for tree in trees for node in ast.walk(tree)]
    bases = [node.value for node in nodes
             if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)]
    alone = {node.id for node in nodes if isinstance(node, ast.Name) and node not in bases}
    return {name for name in free - alone if name in sys.stdlib_module_names}

class Unit:
    def __init__(self, source, setup, entry_point):
        tree = ast.parse(source)
        setup_tree = ast.parse(setup)
        free = free_names(tree, setup_tree)
        self.modules = assumed_modules(free, tree, setup_tree)
        marker = Marker()
        calls_check = any(
            isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)
            and isinstance(node.value.func, ast.Name) and node.value.func.id == "check"
            for node in tree.body)
        self.has_check = not calls_check and any(
            isinstance(node, ast.FunctionDef) and node.name == "check" for node in tree.body)
        tree.body = marker.mark_statements(tree.body)
        self.must_reach = marker.must_reach
        self.setup = compile(setup_tree, "setup", "exec")
        self.code = compile(ast.fix_missing_locations(tree), "tests", "exec")
        self.entry_point = entry_point
        self.proxies = (free - self.modules) | ({entry_point} - {""})
        if self.has_check and not entry_point:
            raise ValueError("a check function needs the name of the entry point")

class Run:
    def __init__(self, unit, ask):
        self.unit, self.ask = unit, ask
        self.states = [None] * len(unit.must_reach)
        self.entered, self.span = None, range(0)
        self.life, self.handles = 0, {}  # which candidate it is, and its objects by place
    def settle(self, test, status, reason=""):
        if not (self.states[test] and self.states[test][0] == "gone"):
            self.states[test] = (status, reason)
    def enter(self, test):
        self.entered = test
        if not self.unit.must_reach[test]:
            self.settle(test, "fail", "reached")
    def leave(self, test):
        self.entered = None
        if self.states[test] is None:
            self.settle(test, "pass")
    def begin(self, first, last):
        self.entered, self.span = None, range(first, last)
    def end(self, first, last):
        for test in range(first, last):
            if not self.unit.must_reach[test] and self.states[test] is None:
                self.settle(test, "pass")
        self.span = range(0)
    def failed(self, error, first, last):
        status, reason = self.judge(error)
        if self.entered is not None:
            self.settle(self.entered, status, reason)
        for test in range(first, last):
            if self.states[test] is None or (status in ("gone", "unsupported")):
                self.settle(test, status, reason)
        self.entered, self.span = None, range(0)
    def judge(self, error):
        if isinstance(error, CandidateGone):
            return "gone", ""
        if isinstance(error, Unsupported):
            return "unsupported", str(error)
        name, text = describe(error)
        if isinstance(error, CandidateError):
            return "fail" if isinstance(error, NoPlainValue) else "error", text
        if isinstance(error, AssertionError) and not hasattr(error, "from_candidate"):
            return "fail", text
        return "error", name + ": " + text if text else name
    def encoded(self, what, value):
        try:
            return encode(value)
        except Refused as refused:
            raise Unsupported(what + " " + str(refused)) from None
    def call(self, name, args, kwargs, on=None):
        message = {"name": name, "args": self.encoded("an argument", list(args)),
                   "kwargs": self.encoded("an argument", kwargs)}
        return self.request(message if on is None else {"on": on.agon_number(), **message})
    # `owner` is the Handle whose attribute is asked for.
    def request(self, message, owner=None):
        answer = self.ask(message)
        if "value" in answer:
            return decode(answer["value"])
        if "object" in answer:
            place = answer["object"]
            return self.handles.setdefault(place, Handle(self, place))
        if "method" in answer and owner is not None:
            return lambda *args, **kwargs: self.call(message["name"], args, kwargs, owner)
        if "gone" in answer:
            self.life, self.handles = self.life + 1, {}
            # Also where the test forgives everything: outside of a statement with asserts,
            # what comes later hangs on the answer that never came.
            for test in self.span or range(len(self.states)):
                if self.span or self.states[test] is None:
                    self.states[test] = ("gone", "")
            raise CandidateGone
        if "refused" in answer:
            raise NoPlainValue("the result is " + answer["refused"])
        name, text = answer["error"]
        kind = getattr(builtins, name, None)
        if isinstance(kind, type) and issubclass(kind, Exception):
            try:
                error = kind(text)
                error.from_candidate = True
            except Exception:
                error = CandidateError(name + ": " + text)
        else:
            error = CandidateError(name + ": " + text)
        raise error
    def proxy(self, name):
        return lambda *args, **kwargs: self.call(name, args, kwargs)
    def run(self):
        unit = self.unit
        space = {"__name__": "tests", "enter!": self.enter, "leave!": self.leave,
                 "begin!": self.begin, "end!": self.end, "failed!": self.failed,
                 "BaseException!": BaseException}
        for name in unit.proxies:
            space[name] = self.proxy(name)
        if unit.entry_point and "candidate" in unit.proxies:
            space["candidate"] = self.proxy(unit.entry_point)
        rest = ("fail", "not reached")
        try:
            for name in unit.modules:
                space[name] = __import__(name)
            exec(unit.setup, space)
            exec(unit.code, space)
            if unit.has_check:
                space["check"](self.proxy(unit.entry_point))
        except BaseException as error:
            rest = self.judge(error)
            if self.entered is not None:
                self.settle(self.entered, *rest)
        return [state or rest for state in self.states]

def serve():
    send, receive = connect()
    message = receive()
    try:
        units = [Unit(source, message["setup"], message["entry_point"])
                 for source in message["units"]]
        send({"nonce": message["nonce"], "counts": [len(unit.must_reach) for unit in units]})
    except (SyntaxError, ValueError, RecursionError) as error:
        send({"nonce": message["nonce"], "problem": ": ".join(describe(error))})
        return
    while (message := receive()) is not None:
        nonce = message["nonce"]
        def ask(question):
            send({"nonce": nonce, **question})
            return receive()
        send({"nonce": nonce, "tests": Run(units[message["run"]], ask).run()})

serve()
)py";

}  // namespace agon::envs
