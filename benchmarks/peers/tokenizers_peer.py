#!/usr/bin/env python3
"""Hugging Face tokenizers on the same file with the same vocabulary.

  bpe_bench --save DIR && tokenizers_peer.py DIR/tokenizer.json DIR/english.txt

Prints one JSON object: encoding speed of one thread, best of 3, and the number of
tokens. Needs the Python package `tokenizers`; says so and succeeds where it is missing.
"""

import json
import os
import sys
import time

os.environ["TOKENIZERS_PARALLELISM"] = "false"
# Documents of this size, since the library slows down on one huge string.
DOCUMENT_CHARACTERS = 16384


def main():
    if len(sys.argv) != 3:
        print(__doc__, file=sys.stderr)
        return 2
    try:
        import tokenizers
    except ImportError:
        print("skipped: the Python package `tokenizers` is missing (pip install tokenizers)")
        return 0
    tokenizer = tokenizers.Tokenizer.from_file(sys.argv[1])
    with open(sys.argv[2], encoding="utf-8", errors="replace") as file:
        text = file.read()
    documents = [
        text[i : i + DOCUMENT_CHARACTERS] for i in range(0, len(text), DOCUMENT_CHARACTERS)
    ]
    num_bytes = len(text.encode())
    best = float("inf")
    num_tokens = 0
    for _ in range(3):
        start = time.perf_counter()
        encodings = [tokenizer.encode(d, add_special_tokens=False) for d in documents]
        best = min(best, time.perf_counter() - start)
        num_tokens = sum(len(e.ids) for e in encodings)
    print(
        json.dumps(
            {
                "benchmark": "tokenizers_peer",
                "version": tokenizers.__version__,
                "mb": num_bytes / 1e6,
                "mb_per_s": num_bytes / best / 1e6,
                "tokens": num_tokens,
            }
        )
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
