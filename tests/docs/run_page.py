#!/usr/bin/env python3
"""Does what a page of docs/ says: writes its files, runs its commands.

Usage: run_page.py PAGE BUILD_DIR

A block that opens with ```LANG file=PATH is written to PATH; a block that opens with ```sh is run
by bash, each stopping at the first command that fails. All in a fresh folder, in the page's order.
"""

import os
import pathlib
import re
import subprocess
import sys
import tempfile

BLOCK = re.compile(r"^```(\w+)(?: file=(\S+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def main():
    page, build = (pathlib.Path(argument).resolve() for argument in sys.argv[1:3])
    blocks = BLOCK.findall(page.read_text(encoding="utf-8"))
    environment = dict(os.environ, AGON_DIR=str(build),
                       PATH=f"{build / 'bin'}:{os.environ['PATH']}")
    num_run = 0
    with tempfile.TemporaryDirectory() as folder:
        for language, file, text in blocks:
            if file:
                path = pathlib.Path(folder, file)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, encoding="utf-8")
            elif language == "sh":
                print(text, flush=True)
                subprocess.run(["bash", "-euc", text], cwd=folder, env=environment, check=True,
                               stdin=subprocess.DEVNULL)
                num_run += 1
    if num_run == 0:
        raise SystemExit(f"{page}: no command to run")
    print(f"{num_run} blocks of commands ran")


if __name__ == "__main__":
    main()
