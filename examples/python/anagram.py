"""py/anagram: put the letters of a word back in order. One question, one answer.

rl-env check py/anagram --plugin examples/python/anagram.py
"""

import agon_env

WORDS = """
apple arrow beach bread brick bridge brush cabin candle castle chair chalk cloud coast copper
corner cotton crane desert dollar dragon engine farmer feather finger flame flower forest garden
glass grape guitar hammer harbor helmet honey horse island jacket kettle knight ladder lemon
letter lizard magnet maple market meadow mirror monkey mountain needle number ocean orange
orchard painter palace paper pencil pepper pillow pirate planet plate pocket potato powder
prince puzzle rabbit ribbon river rocket saddle salmon school shadow shelter shovel silver
singer smoke soldier spider spring square station stone storm street summer table teacher
temple thread thunder ticket tiger timber towel tower travel tunnel turtle valley velvet village
violin water weather whale window winter wizard yellow zebra
""".split()


class Anagram(agon_env.Env):
    id = "py/anagram-v1"
    summary = "Put the letters of a word back in order"
    families = ("anagram",)
    num_difficulties = 2  # 0: the first letter is given
    chance = 0.12

    def make(self, rng, family, difficulty):
        word = rng.choice(WORDS)
        letters = list(word)
        while "".join(letters) in WORDS:
            rng.shuffle(letters)
        shown = " ".join(letters)
        question = f"Which word has the letters {shown}?"
        if difficulty == 0:
            question += f" It begins with {word[0]}."
        # By its identity a word belongs to one split, however its letters are shuffled.
        return agon_env.Task(question, answer=word, identity=word, difficulty=difficulty)

    def grade(self, task, completion):
        answer = agon_env.extract_answer(completion)
        if answer is None:
            return 0, "no answer"
        right = agon_env.same_answer(answer, task.answer)
        return right, "right" if right else f"wrong, the word is {task.answer}"

    def demonstrate(self, task, session, labeler, variant):
        if labeler == "immediate":
            return f"Answer: {task.answer}"
        return f"Spelled out: {' '.join(task.answer)}\nAnswer: {task.answer}"


if __name__ == "__main__":
    agon_env.serve(Anagram)
