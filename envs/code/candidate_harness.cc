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
    while (message := receive()) is not None:
        nonce = message["nonce"]
        try:
            function = module.__dict__.get(message["name"])
            if function is None:
                raise NameError("name '%s' is not defined" % message["name"])
            args, kwargs = decode(message["args"]), decode(message["kwargs"])
            answer = {"value": encode(function(*args, **kwargs))}
        except Refused as refused:
            answer = {"refused": str(refused)}
        except BaseException as error:
            answer = {"error": describe(error)}
        send({"nonce": nonce, **answer})

serve()
)py";

}  // namespace agon::envs
