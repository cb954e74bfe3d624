"""Environments for agon in Python: one file, no server, nothing to install.

    import agon_env

    class Doubling(agon_env.Env):
        id = "py/doubling-v1"
        summary = "Double a number"

        def make(self, rng, family, difficulty):
            number = rng.randrange(1, 10**6)
            return agon_env.Task(f"What is twice {number}?", answer=str(2 * number))

        def grade(self, task, completion):
            return agon_env.extract_answer(completion) == task.answer

        def demonstrate(self, task, session, labeler, variant):
            return "Answer: " + task.answer

    agon_env.serve(Doubling)

Run by hand, the file tries itself: it shows tasks and grades its own demonstrations. Given to
agon (--plugin FILE) it speaks the protocol of docs/formats/env-protocol.md over stdin and
stdout. What it prints goes to stderr. Python 3.8 or later; standard library only.

Everything must follow from (id, parameters, split, seed, index, completions): no clock, no
global random state; random numbers come from `make`'s rng or from rng().
"""

import fractions
import json
import math
import os
import random
import re
import signal
import sys
import time
import traceback

__all__ = ["Env", "Task", "Turn", "Outcome", "UsageError", "serve", "rng", "split_of",
           "extract_answer", "same_answer"]

PROTOCOL = 1
MAX_LINE_BYTES = 64 << 20
_MAX_DRAWS = 10000
_FLUSH_SECONDS = 0.002
_MASK = (1 << 64) - 1

# Requests and replies take the place of stdin and stdout at once, so that a print() while the
# environment is imported does no harm either.
_is_served = os.environ.pop("AGON_ENV_PROTOCOL", None) is not None
if _is_served:
    _requests, _replies = os.dup(0), os.dup(1)
    _nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(_nothing, 0)
    os.close(_nothing)
    os.dup2(2, 1)
    sys.stdout.reconfigure(line_buffering=True)


class UsageError(ValueError):
    """Parameters that are wrong: the message says which and what is allowed."""


class _DeadlineExceeded(BaseException):
    """Not an Exception, so that `except Exception` lets it through."""


class Task:
    """What is asked. `question` is text or a list of {"role", "content"}."""

    def __init__(self, question, answer="", state=None, identity=None, family=None, difficulty=0):
        self.messages = _messages(question)
        self.answer = answer  # in canonical form; may be ""
        self.state = state  # anything that JSON can hold, for step() and grade()
        # What is asked, whatever the wording: decides the split.
        self.identity = self.question if identity is None else identity
        self.family = family
        self.difficulty = difficulty

    @property
    def question(self):
        return "\n".join(message["content"] for message in self.messages)


class Turn:
    """What the policy sees next: text (from the user) or a list of {"role", "content"}."""

    def __init__(self, messages, seat=0):
        self.messages = _messages(messages)
        self.seat = seat  # who acts next


class Outcome:
    """The end of an episode. `reward` is a number, or named parts: {"name": value} or
    {"name": (value, weight)}; a value of None was not scored."""

    def __init__(self, reward=None, reason="", extracted="", truncated=None, parts=None):
        self.parts = parts or []  # [{"name", "value", "weight", "seat"}]
        if isinstance(reward, dict):
            for name, value in reward.items():
                value, weight = value if isinstance(value, tuple) else (value, 1.0)
                self.parts.append({"name": name, "value": value, "weight": weight})
        elif reward is not None:
            self.parts.append({"name": "correct", "value": float(reward), "weight": 1.0})
        self.reason = reason  # one short line
        self.extracted = extracted  # the answer that was found
        self.truncated = truncated  # a limit cut it; None: if the completion was cut
        self.masked = None  # {"kind", "reason"}: says nothing about the policy

    def reward(self, seat=0):
        return sum((part["value"] or 0) * part.get("weight", 1.0) for part in self.parts
                   if part.get("seat", 0) == seat)


class Env:
    """Subclass it. Objects are shared by all episodes: keep what belongs to one in its session."""

    id = ""  # "namespace/name-vN"
    summary = ""  # one line
    families = ("all",)
    num_difficulties = 1
    attributes = {}  # dials besides difficulty: {"name": ["level 0", "level 1", ...]}
    parameters = {}  # other parameters and their defaults, as text
    tools = ()  # as in OpenAI's "tools"
    max_turns = 1  # of one seat
    num_seats = 1
    max_reward = 1.0  # of one seat; the least is 0
    num_tasks = 0  # in all splits; 0: more than anyone will see
    chance = 0.1  # bound on the rate at which a blind answer is right
    demonstrates_gold = True  # whether demonstrations earn the maximum
    needs = ""  # parameters without which there are no tasks: "file=PATH"
    step_timeout_ms = 30000  # a step that takes longer masks its episode

    def __init__(self, params=""):
        """Reads "difficulty=0..2,families=a|b,NAME=VALUE". Raises UsageError."""
        self.difficulty = (0, self.num_difficulties - 1)  # both included
        self.chosen_families = list(self.families)
        self.levels = {name: (0, len(levels) - 1) for name, levels in self.attributes.items()}
        self.options = dict(self.parameters)
        for assignment in filter(None, params.split(",")):
            key, _, value = (part.strip() for part in assignment.partition("="))
            self._set(key, value)
        self.spec = self._spec()

    def make(self, rng, family, difficulty):
        """A task drawn with `rng` (random.Random). Used by task() unless that is overridden."""
        raise NotImplementedError(f"{type(self).__name__} defines neither make nor task")

    def task(self, split, seed, index):
        """The task of this name. Draws with make() until the task falls into the split, by
        the rule of split_of(), so that no question is in two splits."""
        kinds = rng(self.id, seed, index, 0)
        family = kinds.choice(self.chosen_families)
        difficulty = kinds.randint(*self.difficulty)
        for draw in range(1, _MAX_DRAWS + 1):
            task = self.make(rng(self.id, seed, index, draw), family, difficulty)
            task.family = task.family or family
            task.difficulty = task.difficulty or difficulty
            if split_of(task.family, task.identity) == split:
                return task
        raise UsageError(f'family "{family}" at difficulty {difficulty} has no task in the '
                         f"{split} split: choose more families or difficulties")

    def start(self, task):
        """The session of an episode: whatever step() needs to remember."""
        return {}

    def step(self, task, session, completion, truncated):
        """Takes what the policy said; returns a Turn (or text) if it goes on, else an Outcome
        or a number. `truncated`: the token limit cut it. By default grade() decides."""
        if truncated:  # the last line may lack its end: "Answer: 1" of "Answer: 12"
            completion = completion[: completion.rfind("\n") + 1]
        return self.grade(task, completion)

    def grade(self, task, completion):
        """For a single turn: a number or bool, (number, reason), or an Outcome."""
        raise NotImplementedError(f"{type(self).__name__} defines neither grade nor step")

    def demonstrate(self, task, session, labeler, variant):
        """What a labeler ("immediate" or "step_by_step") would say now, or None."""
        return None

    def save(self, session):
        """The session as text, for restore(); None if it can't be saved."""
        try:
            saved = json.dumps(session)
        except (TypeError, ValueError):
            return None
        return saved if json.loads(saved) == session else None

    def restore(self, task, saved):
        return json.loads(saved)

    def score_group(self, task, completions, outcomes):
        """Judges all samples of a task against each other: may change `outcomes`."""

    def info(self):
        return {"id": self.id, "summary": self.summary, "families": list(self.families),
                "num_difficulties": self.num_difficulties,
                "attributes": [{"name": name, "levels": list(levels)}
                               for name, levels in self.attributes.items()],
                "tools": list(self.tools), "max_turns": self.max_turns,
                "num_seats": self.num_seats, "max_reward": self.max_reward,
                "num_tasks": self.num_tasks, "chance": self.chance,
                "demonstrates_gold": self.demonstrates_gold, "needs": self.needs,
                "step_timeout_ms": self.step_timeout_ms}

    def _set(self, key, value):
        if key == "difficulty":
            self.difficulty = _range(key, value, self.num_difficulties)
        elif key == "families":
            wanted = [name.strip() for name in value.split("|")]
            for name in wanted:
                if name not in self.families:
                    raise UsageError(f'families = "{name}" is not allowed; allowed: '
                                     + "|".join(self.families))
            self.chosen_families = [name for name in self.families if name in wanted]
        elif key in self.attributes:
            self.levels[key] = _range(key, value, len(self.attributes[key]))
        elif key in self.parameters:
            self.options[key] = value
        else:
            known = ["difficulty", "families", *self.attributes, *self.parameters]
            raise UsageError(f'no parameter "{key}"; the parameters are ' + ", ".join(known))

    def _spec(self):
        params = []
        ranges = {"difficulty": (self.difficulty, self.num_difficulties)}
        for name, levels in self.attributes.items():
            ranges[name] = (self.levels[name], len(levels))
        for name, ((low, high), count) in ranges.items():
            if (low, high) != (0, count - 1):
                params.append(f"{name}={low}" if low == high else f"{name}={low}..{high}")
        if len(self.chosen_families) != len(self.families):
            params.append("families=" + "|".join(self.chosen_families))
        params += [f"{name}={value}" for name, value in self.options.items()
                   if value != self.parameters[name]]
        return self.id + (f"({','.join(params)})" if params else "")


def rng(*key):
    """random.Random that follows from `key`, e.g. rng(self.id, seed, index)."""
    return random.Random("|".join(map(str, key)))


def split_of(family, identity):
    """The split of a problem, by the rule of agon's own environments: a hash decides; 8 of 10
    problems are "train", one "val", one "test"."""
    value = _hash64(identity.encode(), _hash64(family.encode()))
    value = ((value ^ (value >> 32)) * 0x9E3779B97F4A7C15) & _MASK
    return {0: "test", 1: "val"}.get((value >> 32) % 10, "train")


def extract_answer(completion):
    r"""The final answer: what stands in \boxed{}, behind "####" or behind "Answer:", the last
    of each kind. None if there is none, or if two disagree. Thinking doesn't count."""
    text = completion.rpartition("</think>")[2].partition("<think>")[0]
    found = re.findall(r"\\boxed\{([^{}]*)\}", text)
    for marker in (r"####", r"(?<![0-9A-Za-z_])answer:"):
        lines = re.findall(marker + r"([^\n]*)", text, re.IGNORECASE)
        if lines and "\\boxed{" not in lines[-1]:
            found.append(lines[-1])
    answers = [answer.strip().strip("*`$ \t\r") for answer in found]
    if not answers or not answers[0] or len(answers[0]) > 200:
        return None
    if not all(same_answer(answers[0], other) for other in answers[1:]):
        return None
    return answers[0]


def same_answer(one, other):
    """Equal as text, whatever the case, or as numbers."""
    if one is None or other is None:
        return False
    if one.strip().casefold() == other.strip().casefold():
        return True
    numbers = [_number(text) for text in (one, other)]
    return None not in numbers and numbers[0] == numbers[1]


def serve(*classes):
    """Serves environments until agon closes stdin. The last line of the file."""
    if not classes:
        raise UsageError("agon_env.serve needs an environment")
    if _is_served:
        _Server(classes).run()
    else:
        _try(classes)


def _hash64(data, value=0xCBF29CE484222325):
    for byte in data:  # FNV-1a
        value = ((value ^ byte) * 0x100000001B3) & _MASK
    return value


def _number(text):
    text = text.strip().rstrip(".").replace(",", "").lstrip("$")
    if len(text) > 40 or not re.fullmatch(r"[+-]?\d+(\.\d+)?(/[1-9]\d*)?|[+-]?\.\d+", text):
        return None
    try:
        return fractions.Fraction(text)
    except (ValueError, ZeroDivisionError):
        return None


def _range(key, value, count):
    match = re.fullmatch(r"\s*(\d{1,6})\s*(?:\.\.\s*(\d{1,6})\s*)?", value)
    low, high = (int(match[1]), int(match[2] or match[1])) if match else (1, 0)
    if not low <= high < count:
        raise UsageError(f'{key} = "{value}" is not allowed; allowed: 0..{count - 1} or one '
                         "number of them")
    return low, high


def _messages(content):
    if isinstance(content, str):
        return [{"role": "user", "content": content}]
    return [{"role": message["role"], "content": message["content"]} for message in content]


def _last_line(error):
    """The traceback's last line and where it happened, on one line."""
    text = traceback.format_exception_only(type(error), error)[-1].strip()
    frames = traceback.extract_tb(error.__traceback__)
    if not frames:
        return text
    place = frames[-1]
    return f"{text} ({os.path.basename(place.filename)}:{place.lineno} in {place.name})"


def _task_to_json(env, task, split, seed, index):
    return {"id": {"env": env.spec, "split": split, "seed": seed, "index": index},
            "messages": task.messages, "answer": task.answer,
            "family": task.family or env.families[0], "difficulty": task.difficulty,
            "state": json.dumps(task.state)}


def _task_from_json(data):
    try:
        state = json.loads(data["state"]) if data["state"] else None
        return Task(data["messages"], data["answer"], state, family=data["family"],
                    difficulty=data["difficulty"])
    except (KeyError, TypeError, ValueError) as error:
        raise _Refusal("corrupt", f"the task was not made by this environment: {error!r}")


def _outcome_to_json(outcome, truncated):
    cut = truncated if outcome.truncated is None else outcome.truncated
    result = {"parts": outcome.parts, "terminated": not cut, "truncated": cut,
              "extracted": outcome.extracted, "reason": outcome.reason}
    if outcome.masked:
        result["masked"] = outcome.masked
    for part in outcome.parts:
        value, weight = part["value"], part.get("weight", 1.0)
        if value is not None:
            part["value"] = value = float(value)
        if not (math.isfinite(value or 0) and math.isfinite(weight)):
            result.update(parts=[], masked={
                "kind": "grader",
                "reason": f'the reward part "{part["name"]}" is not a finite number'})
            break
    return {"outcome": result}


def _outcome_from_json(data):
    outcome = Outcome(None, data["reason"], data["extracted"], data["truncated"], data["parts"])
    outcome.masked = data.get("masked")
    return outcome


def _step_to_json(result, truncated):
    if isinstance(result, str):
        result = Turn(result)
    if isinstance(result, Turn):
        return {"turn": {"messages": result.messages, "seat": result.seat}}
    if isinstance(result, tuple):
        result = Outcome(*result)
    if isinstance(result, (bool, int, float)):
        result = Outcome(result)
    if not isinstance(result, Outcome):
        raise TypeError(f"a step gave a {type(result).__name__}: return a Turn, an Outcome or a "
                        "number")
    return _outcome_to_json(result, truncated)


class _Refusal(Exception):
    def __init__(self, code, message):
        super().__init__(message)
        self.code = code


class _Session:
    __slots__ = ("env", "task", "state")

    def __init__(self, env, task, state):
        self.env, self.task, self.state = env, task, state


class _Server:
    def __init__(self, classes):
        self._classes = {cls.id: cls for cls in classes}
        self._envs = {}  # (id, params) -> Env
        self._sessions = {}
        self._deadline = math.inf  # of the request that is being worked on
        self._alarm = math.inf  # when the timer will fire
        self._encode = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode
        self._handlers = {"hello": self._hello, "make": self._make, "get": self._get,
                          "start": self._start, "restore": self._restore, "step": self._step,
                          "demonstrate": self._demonstrate, "save": self._save,
                          "score_group": self._score_group, "end": self._end}

    def run(self):
        signal.signal(signal.SIGALRM, self._on_alarm)
        rest = b""
        while True:
            chunk = os.read(_requests, 1 << 20)
            if not chunk:
                return
            *lines, rest = (rest + chunk).split(b"\n")
            if len(rest) > 2 * MAX_LINE_BYTES:
                raise SystemExit("agon_env: a request is too long")
            self._answer_all(lines)

    def _answer_all(self, lines):
        replies, flushed = [], time.monotonic()
        for line in lines:
            request = json.loads(line)
            if request.get("version") != PROTOCOL:
                raise SystemExit(f"agon_env: agon speaks version {request.get('version')} of the "
                                 f"protocol, this agon_env.py is version {PROTOCOL}")
            for item in request["batch"] if "batch" in request else (request,):
                reply = self._answer(item)
                if item["id"]:
                    replies.append(reply)
                now = time.monotonic()
                if now - flushed > _FLUSH_SECONDS:
                    self._flush(replies)
                    replies, flushed = [], now
        self._flush(replies)

    def _flush(self, replies):
        if not replies:
            return
        line = replies[0] if len(replies) == 1 else '{"batch":[' + ",".join(replies) + "]}"
        data = memoryview(line.encode() + b"\n")
        while data:
            data = data[os.write(_replies, data):]

    def _answer(self, request):
        code, message = "failed", ""
        try:
            self._watch(request.get("deadline_ms", 0))
            try:
                result = self._handlers[request["type"]](request.get("data", {}))
            finally:
                self._deadline = math.inf
            return self._encode({"id": request["id"], "type": "result", "data": result})
        except _DeadlineExceeded:
            code, message = "timeout", f"no answer within {request['deadline_ms']} ms"
        except _Refusal as refusal:
            code, message = refusal.code, str(refusal)
        except UsageError as error:
            code, message = "usage", str(error)
        except Exception as error:  # the author's code may raise anything
            traceback.print_exc()
            message = _last_line(error)
        return self._encode({"id": request["id"], "type": "error",
                             "data": {"code": code, "message": message}})

    def _watch(self, limit_ms):
        """A timer that fires once a while costs less than two system calls a request."""
        if not limit_ms:
            return
        self._deadline = time.monotonic() + limit_ms / 1000
        if self._deadline < self._alarm:
            self._alarm = self._deadline
            signal.setitimer(signal.ITIMER_REAL, limit_ms / 1000)

    def _on_alarm(self, _number, _frame):
        now = time.monotonic()
        self._alarm = math.inf
        if now >= self._deadline:
            self._deadline = math.inf
            raise _DeadlineExceeded
        if self._deadline < math.inf:
            self._alarm = self._deadline
            signal.setitimer(signal.ITIMER_REAL, self._deadline - now)

    def _env(self, data):
        key = data["env"], data["params"]
        env = self._envs.get(key)
        if env is None:
            if key[0] not in self._classes:
                raise _Refusal("usage", f"this program has no environment {key[0]}")
            env = self._envs[key] = self._classes[key[0]](key[1])
        return env

    def _session(self, data):
        session = self._sessions.get(data["session"])
        if session is None:
            raise _Refusal("corrupt", f"there is no session {data['session']}")
        return session

    def _hello(self, _data):
        infos = [self._env({"env": name, "params": ""}).info() for name in self._classes]
        return {"version": PROTOCOL, "environments": infos}

    def _make(self, data):
        return self._env(data).info()

    def _get(self, data):
        env = self._env(data)
        split, seed, index = data["split"], data["seed"], data["index"]
        return _task_to_json(env, env.task(split, seed, index), split, seed, index)

    def _start(self, data):
        env, task = self._env(data), _task_from_json(data["task"])
        if not data["task"]["id"]["env"].startswith(env.id):
            raise _Refusal("corrupt", f"the task isn't one of {env.id}")
        self._sessions[data["session"]] = _Session(env, task, env.start(task))
        return {}

    def _restore(self, data):
        env, task = self._env(data), _task_from_json(data["task"])
        self._sessions[data["session"]] = _Session(env, task, env.restore(task, data["saved"]))
        return {}

    def _step(self, data):
        session = self._session(data)
        truncated = data["truncated"]
        return _step_to_json(session.env.step(session.task, session.state, data["completion"],
                                              truncated), truncated)

    def _demonstrate(self, data):
        session = self._session(data)
        return {"text": session.env.demonstrate(session.task, session.state, data["labeler"],
                                                data["variant"])}

    def _save(self, data):
        session = self._session(data)
        return {"text": session.env.save(session.state)}

    def _score_group(self, data):
        env = self._env(data)
        outcomes = [_outcome_from_json(outcome) for outcome in data["outcomes"]]
        env.score_group(_task_from_json(data["task"]), data["completions"], outcomes)
        return {"outcomes": [_outcome_to_json(outcome, False)["outcome"]
                             for outcome in outcomes]}

    def _end(self, data):
        self._sessions.pop(data["session"], None)


def _try(classes):
    """Shows what a person who writes an environment wants to see first."""
    for cls in classes:
        env = cls()
        print(f"{env.id}: {env.summary}")
        for split in ("train", "val", "test"):
            made = _task_to_json(env, env.task(split, 1, 0), split, 1, 0)
            task = _task_from_json(json.loads(json.dumps(made)))
            print(f"\n{split}: {task.question}")
            session = env.start(task)
            for _ in range(env.max_turns * env.num_seats):
                text = env.demonstrate(task, session, "immediate", 0)
                said = "" if text is None else text
                print(f"  {'nothing' if text is None else 'demonstration'}: {said}")
                result = _step_to_json(env.step(task, session, said, False), False)
                if "outcome" in result:
                    print("  outcome:", json.dumps(result["outcome"]))
                    break
                print("  then:", " ".join(m["content"] for m in result["turn"]["messages"]))
    print("\nNow hold it to the contract: rl-env check", cls.id, "--plugin", sys.argv[0])
