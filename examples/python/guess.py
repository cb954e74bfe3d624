"""py/guess: find a number by halving. Several turns, a dial, a saved session.

rl-env check py/guess --plugin examples/python/guess.py
"""

import agon_env

RANGES = (20, 50, 100)


class Guess(agon_env.Env):
    id = "py/guess-v1"
    summary = "Guess a number from the answers higher and lower"
    families = ("guess",)
    attributes = {"range": [f"1 to {high}" for high in RANGES]}
    max_turns = 8
    chance = 0.3  # that one number, said eight times, is the right one

    def make(self, rng, family, difficulty):
        high = RANGES[rng.randint(*self.levels["range"])]
        game = rng.randrange(10**6)
        # The secret follows from the question, so that asking again can't change it.
        secret = agon_env.rng("secret", game, high).randint(1, high)
        question = (f"Game {game}: I think of a whole number from 1 to {high}. Guess it, one "
                    "number at a time.")
        return agon_env.Task(question, answer=str(secret), state={"high": high})

    def start(self, task):
        return {"turn": 0, "low": 1, "high": task.state["high"]}

    def step(self, task, session, completion, truncated):
        session["turn"] += 1
        secret = int(task.answer)
        text = completion.strip()
        guess = int(text) if text.isascii() and text.isdigit() and len(text) < 9 else None
        if guess == secret and not truncated:
            return agon_env.Outcome(1, f"found in {session['turn']} guesses", extracted=text)
        if truncated or session["turn"] == self.max_turns:
            return agon_env.Outcome(0, f"not found, it was {secret}")
        if guess is None:
            return "Say one whole number."
        if guess < secret:
            session["low"] = max(session["low"], guess + 1)
            return "higher"
        session["high"] = min(session["high"], guess - 1)
        return "lower"

    def demonstrate(self, task, session, labeler, variant):
        return str((session["low"] + session["high"]) // 2)


if __name__ == "__main__":
    agon_env.serve(Guess)
