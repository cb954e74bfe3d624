#include "envs/code/harness.h"

namespace agon::envs {
const char kCandidateHarness[] = R"py(
def serve(encode=encode, decode=decode, describe=describe, Refused=Refused):
    send, receive = connect()
    message = receive()
    nonce = message["nonce"]
    module = types.ModuleType("candidate")
    sys.modules["candidate"] = module
    try:
        exec(compile(message["source"], "candidate.py", "exec"), module.__dict__)
        answer = {}
    except BaseException as error:
        answer = {"error": describe(error)}
    send({"nonce": nonce, **answer})
    objects, numbers = [], {}  # what the tests hold on to, and its places by identity
    def look_up(message):
        name = message["name"]
        if "on" in message:
            return getattr(objects[message["on"]], name)
        if name not in module.__dict__:
            raise NameError("name '%s' is not defined" % name)
        return module.__dict__[name]
    def perform(message):
        if "value" in message:
            value = decode(message["value"], objects)
            return setattr(objects[message["on"]], message["name"], value)
        found = look_up(message)
        if "args" not in message:
            return found
        return found(*decode(message["args"], objects), **decode(message["kwargs"], objects))
    # A result that is no plain value: what the tests may do with it.
    def hold(value, refused):
        answer = {"refused": str(refused)}
        if type(value) in (types.MethodType, types.FunctionType, types.BuiltinMethodType):
            return {"method": True, **answer}
        if type(value).__module__ != "candidate":
            return answer
        if id(value) not in numbers:
            numbers[id(value)] = len(objects)
            objects.append(value)
        return {"object": numbers[id(value)], **answer}
    while (message := receive()) is not None:
        nonce = message["nonce"]
        try:
            result = perform(message)
            try:
                answer = {"value": encode(result)}
            except Refused as refused:
                answer = hold(result, refused)
        except BaseException as error:
            answer = {"error": describe(error)}
        send({"nonce": nonce, **answer})

serve()
)py";

}  // namespace agon::envs
