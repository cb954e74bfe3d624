#!/usr/bin/env python3
"""The nano model in PyTorch, for comparison with engine_bench in the same session.

  python3 benchmarks/peers/torch_peer.py [--preset nano] [--tokens 4096] [--length 128]

Trains (forward, backward, AdamW) in bf16 autocast where it pays and rolls out 512 rows
with a KV cache. Prints one JSON object; says why and exits 0 where PyTorch is missing.
Debian: apt-get install python3-torch libopenblas0-pthread, run with /usr/bin/python3
(with the reference BLAS alone, fp32 is some fifty times slower).
"""
import argparse
import json
import os
import statistics
import sys
import time

try:
    import torch
    import torch.nn as nn
    import torch.nn.functional as F
except ImportError as error:
    print(f"skipped: {error}", file=sys.stderr)
    sys.exit(0)

PRESETS = {  # hidden, layers, heads, kv heads, head size, SwiGLU width
    "nano": (128, 4, 4, 2, 32, 384),
    "micro": (256, 6, 4, 2, 64, 768),
    "small": (768, 12, 12, 4, 64, 2304),
}


def rms(x):
    return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6)


def rotate(x, cos, sin):
    a, b = x.chunk(2, -1)
    return torch.cat((a * cos - b * sin, b * cos + a * sin), -1)


class Block(nn.Module):
    def __init__(self, c, h, kv, d, f):
        super().__init__()
        self.h, self.kv, self.d = h, kv, d
        self.norms = nn.ParameterList(nn.Parameter(torch.ones(n)) for n in (c, c, d, d))
        self.qkv = nn.Linear(c, (h + 2 * kv) * d, bias=False)
        self.o = nn.Linear(h * d, c, bias=False)
        self.gate_up = nn.Linear(c, 2 * f, bias=False)
        self.down = nn.Linear(f, c, bias=False)

    def forward(self, x, cos, sin, cache=None):
        b, t, _ = x.shape
        qkv = self.qkv(rms(x) * self.norms[0]).view(b, t, -1, self.d).transpose(1, 2)
        q, k, v = qkv.split((self.h, self.kv, self.kv), 1)
        q = rotate(rms(q) * self.norms[2], cos, sin)
        k = rotate(rms(k) * self.norms[3], cos, sin)
        if cache is not None:
            if cache:
                k, v = torch.cat((cache[0], k), 2), torch.cat((cache[1], v), 2)
            cache[:] = [k, v]
        k = k.repeat_interleave(self.h // self.kv, 1)
        v = v.repeat_interleave(self.h // self.kv, 1)
        scores = q @ k.transpose(-1, -2) / self.d**0.5
        if t > 1:
            scores = scores + torch.full((t, t), float("-inf")).triu(1)
        y = (scores.softmax(-1).to(v.dtype) @ v).transpose(1, 2).reshape(b, t, -1)
        x = x + self.o(y)
        gate, up = self.gate_up(rms(x) * self.norms[1]).chunk(2, -1)
        return x + self.down(F.silu(gate) * up)


class Model(nn.Module):
    def __init__(self, preset, vocab, length):
        super().__init__()
        c, layers, h, kv, d, f = PRESETS[preset]
        self.embed = nn.Embedding(vocab, c)
        self.blocks = nn.ModuleList(Block(c, h, kv, d, f) for _ in range(layers))
        self.norm = nn.Parameter(torch.ones(c))
        angle = torch.outer(torch.arange(length), 10000 ** (-torch.arange(0, d, 2) / d))
        self.register_buffer("cos", angle.cos())
        self.register_buffer("sin", angle.sin())
        for p in self.parameters():
            if p.dim() > 1:
                nn.init.normal_(p, std=0.02)

    def forward(self, ids, caches=None, start=0):
        t = ids.shape[1]
        x = self.embed(ids)
        for i, block in enumerate(self.blocks):
            x = block(x, self.cos[start : start + t], self.sin[start : start + t],
                      None if caches is None else caches[i])
        return (rms(x) * self.norm) @ self.embed.weight.T


def median_seconds(runs, work):
    work()
    seconds = []
    for _ in range(runs):
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds)


def train_rate(model, vocab, tokens, length, runs, bf16):
    ids = torch.randint(vocab, (tokens // length, length + 1))
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4)

    def step():
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            logits = model(ids[:, :-1])
        F.cross_entropy(logits.float().view(-1, vocab), ids[:, 1:].reshape(-1)).backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()

    return tokens / median_seconds(runs, step)


@torch.no_grad()
def rollout_rate(model, vocab, rows, prompt, new, runs):
    ids = torch.randint(vocab, (rows, prompt))

    @torch.autocast("cpu", torch.bfloat16)
    def run():
        caches = [[] for _ in model.blocks]
        logits, position = model(ids, caches)[:, -1], prompt
        for i in range(new):
            token = torch.multinomial(logits.float().softmax(-1), 1)
            if i + 1 < new:
                logits, position = model(token, caches, position)[:, -1], position + 1

    return rows * new / median_seconds(runs, run)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--preset", choices=PRESETS, default="nano")
    parser.add_argument("--vocab", type=int, default=2048)
    parser.add_argument("--tokens", type=int, default=4096)
    parser.add_argument("--length", type=int, default=128)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    model = Model(args.preset, args.vocab, max(256, args.length))
    result = {"bench": "torch_peer", "torch": torch.__version__, "preset": args.preset,
              "threads": torch.get_num_threads(),
              "parameters": sum(p.numel() for p in model.parameters())}
    for name, bf16 in (("f32", False), ("bf16", True)):
        result[f"train_tokens_per_s_{name}"] = round(
            train_rate(model, args.vocab, args.tokens, args.length, args.runs, bf16))
    if args.preset == "nano":
        result["rollout_tokens_per_s_512_rows"] = round(
            rollout_rate(model, args.vocab, 512, 32, 30, args.runs))
    print(json.dumps(result))


main()
