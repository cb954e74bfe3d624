// The Python half of envs/code/plain_value.h.
#include "envs/code/harness.h"

namespace agon::envs {

// Types are compared by identity, and containers of exactly these types are walked by the
// interpreter itself: no method that a program has written takes part.
const char kValueCodec[] = R"py(
import builtins, collections, json, os, sys, types

MAX_DEPTH, MAX_BYTES, MAX_KEYS = 56, 900000, 256
MAPPINGS = (dict, collections.Counter, collections.defaultdict, collections.OrderedDict)
TYPES = {t.__name__: t for t in (int, float, bool, str, bytes, complex, list, tuple, dict, set,
                                 frozenset)}

class Refused(Exception):
    pass

Handle = None  # the tester's stand-in for an object that stays in the candidate's box

def encode(value, budget=None, depth=0):
    if budget is None:
        budget = [MAX_BYTES]
    kind = type(value)
    if value is None or value is True or value is False:
        cost = 5
    elif kind is int:
        cost = value.bit_length() // 3 + 4
    elif kind is str or kind is bytes:
        cost = len(value) * (1 if kind is str and value.isascii() else 6) + 4
    else:
        cost = 16
    budget[0] -= cost
    if budget[0] < 0:
        raise Refused("larger than %d bytes" % MAX_BYTES)
    if depth > MAX_DEPTH:
        raise Refused("nested too deeply")
    if value is None or value is True or value is False:
        return value
    if kind is int:
        return value if -2**63 <= value < 2**63 else {"$int": hex(value)}
    if kind is float:
        if value - value == 0:
            return value
        return {"$float": "nan" if value != value else "inf" if value > 0 else "-inf"}
    if kind is str:
        try:
            value.encode()
        except UnicodeEncodeError:
            raise Refused("a str that is no Unicode text")
        return value
    if kind is list:
        return [encode(item, budget, depth + 1) for item in value]
    if kind in (tuple, set, frozenset):
        return {"$" + kind.__name__: [encode(item, budget, depth + 2) for item in value]}
    if kind in MAPPINGS:
        items = list(dict.items(value))
        if len(items) <= MAX_KEYS and all(
                type(key) is str and key[:1] != "$" for key, item in items):
            return {encode(key, budget): encode(item, budget, depth + 1) for key, item in items}
        return {"$dict": [[encode(key, budget, depth + 3), encode(item, budget, depth + 3)]
                          for key, item in items]}
    if kind is bytes:
        return {"$bytes": value.hex()}
    if kind is complex:
        return {"$complex": [encode(value.real, budget), encode(value.imag, budget)]}
    if kind is Handle:
        return {"$object": value.agon_number()}
    if kind is type and TYPES.get(value.__name__) is value:
        return {"$type": value.__name__}
    name = kind.__name__
    raise Refused("of type " + (name[:60] if type(name) is str else "?"))

# `objects` are those that a "$object" may name.
def decode(tree, objects=()):
    if type(tree) is list:
        return [decode(item, objects) for item in tree]
    if type(tree) is not dict:
        return tree
    if len(tree) == 1:
        (tag, body), = tree.items()
        if tag == "$int":
            return int(body, 16)
        if tag == "$float":
            return float(body)
        if tag in ("$tuple", "$set", "$frozenset"):
            return TYPES[tag[1:]]([decode(item, objects) for item in body])
        if tag == "$dict":
            return {decode(key, objects): decode(item, objects) for key, item in body}
        if tag == "$object":
            return objects[body]
        if tag == "$bytes":
            return bytes.fromhex(body)
        if tag == "$complex":
            return complex(decode(body[0]), decode(body[1]))
        if tag == "$type":
            return TYPES[body]
    return {key: decode(item, objects) for key, item in tree.items()}

def describe(error):
    name = type(error).__name__
    try:
        text = str(error)
    except BaseException:
        text = ""
    return [name[:60] if type(name) is str else "?",
            text[:200].encode("ascii", "backslashreplace").decode() if type(text) is str else ""]

def connect(open=open, write=os.write, dumps=json.JSONEncoder().encode, loads=json.loads):
    lines = open(3, "rb", closefd=False)
    def send(message):
        data = (dumps(message) + "\n").encode()
        while data:
            data = data[write(3, data):]
    def receive():
        line = lines.readline()
        return loads(line) if line else None
    return send, receive
)py";

}  // namespace agon::envs
