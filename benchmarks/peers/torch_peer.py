#!/usr/bin/env python3
"""The same model in plain PyTorch, for comparison with engine_bench in the same session.

  build/release/bin/engine_bench --models build/models > engine.json
  python3 benchmarks/peers/torch_peer.py --beside engine.json --parts train,rollout,step

Trains (forward, backward, AdamW; micro-batches of --micro-batch tokens, as engine_bench), rolls out
rows with a KV cache, and does one whole GRPO step; what a GPU's memory is too small for is halved.
bf16 autocast, on a CPU fp32 as well, on a GPU torch's fused attention. Where transformers is
installed and engine_bench named the directory of its model, rollouts are transformers' generate,
in bf16, and the step is of that model. Prints one JSON object; says why and exits 0 where PyTorch
is missing.
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

try:
    import transformers
except ImportError:
    transformers = None

GROUP = 16  # completions of a prompt


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
        if x.is_cuda:
            y = F.scaled_dot_product_attention(q.to(v.dtype), k.to(v.dtype), v, is_causal=t > 1)
        else:
            scores = q @ k.transpose(-1, -2) / self.d**0.5
            if t > 1:
                scores = scores + torch.full((t, t), float("-inf")).triu(1)
            y = scores.softmax(-1).to(v.dtype) @ v
        x = x + self.o(y.transpose(1, 2).reshape(b, t, -1))
        gate, up = self.gate_up(rms(x) * self.norms[1]).chunk(2, -1)
        return x + self.down(F.silu(gate) * up)


class Model(nn.Module):
    """Written out, with the shape that engine_bench gives."""

    rolled_out_by = "its own loop"

    def __init__(self, shape, vocab, length):
        super().__init__()
        c, h, d = shape["hidden"], shape["heads"], shape["head_dim"]
        self.vocab = vocab
        self.embed = nn.Embedding(vocab, c)
        self.blocks = nn.ModuleList(Block(c, h, shape["kv_heads"], d, shape["intermediate"])
                                    for _ in range(shape["layers"]))
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

    @torch.no_grad()
    def rollout(self, ids, new):
        """`new` more tokens after each row of ids."""
        with torch.autocast(ids.device.type, torch.bfloat16):
            caches, tokens = [[] for _ in self.blocks], []
            logits, position = self(ids, caches)[:, -1], ids.shape[1]
            for i in range(new):
                tokens.append(torch.multinomial(logits.float().softmax(-1), 1))
                if i + 1 < new:
                    logits, position = self(tokens[-1], caches, position)[:, -1], position + 1
        return torch.cat(tokens, 1)

    def has_learned(self):
        """After an optimizer step."""


class Transformers(nn.Module):
    """transformers' model of a directory: fp32 weights that learn, bf16 ones that roll out."""

    def __init__(self, directory, vocab):
        super().__init__()
        load = transformers.AutoModelForCausalLM.from_pretrained
        self.vocab = vocab
        self.learner = load(directory).to(torch.float32)
        self.sampler = load(directory).to(torch.bfloat16).requires_grad_(False).eval()
        self.rolled_out_by = f"transformers {transformers.__version__} generate"

    def forward(self, ids):
        return self.learner(ids, use_cache=False).logits

    @torch.no_grad()
    def rollout(self, ids, new):
        tokens = self.sampler.generate(
            ids, attention_mask=torch.ones_like(ids), do_sample=True, temperature=1.0, top_k=0,
            top_p=1.0, min_new_tokens=new, max_new_tokens=new, pad_token_id=0, use_cache=True)
        return tokens[:, ids.shape[1]:]

    @torch.no_grad()
    def has_learned(self):
        for to, weight in zip(self.sampler.parameters(), self.learner.parameters()):
            to.copy_(weight)


def median_seconds(runs, work):
    def wait():
        if torch.cuda.is_available():
            torch.cuda.synchronize()

    work()
    seconds = []
    for _ in range(runs):
        wait()
        start = time.perf_counter()
        work()
        wait()
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds)


class Portions:
    """So many at once, and half as many from where a GPU's memory was too small for that."""

    def __init__(self, at_once):
        self.at_once = max(1, at_once)

    def run(self, total, work):
        """work(slice) for all of range(total). The first run, which isn't timed, finds what fits."""
        begin, self.at_once = 0, min(self.at_once, total)
        while begin < total:
            try:
                work(slice(begin, min(begin + self.at_once, total)))
            except torch.cuda.OutOfMemoryError:
                if self.at_once == 1:
                    raise
            else:
                begin += self.at_once
                continue
            # Not while the exception is handled: it holds the frames, and they the tensors.
            torch.cuda.empty_cache()
            self.at_once //= 2


def train_rate(model, args, portions, bf16):
    """Tokens a second of steps of args.tokens, in portions of sequences."""
    device = next(model.parameters()).device
    ids = torch.randint(model.vocab, (args.tokens // args.length, args.length + 1), device=device)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4)

    def backward(part):
        with torch.autocast(device.type, torch.bfloat16, enabled=bf16):
            logits = model(ids[part, :-1])
        loss = F.cross_entropy(logits.float().view(-1, model.vocab), ids[part, 1:].reshape(-1),
                               reduction="sum")
        loss.div(args.tokens).backward()

    def step():
        portions.run(len(ids), backward)
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()

    return args.tokens / median_seconds(args.runs, step)


def rollout(model, prompts, new, portions):
    completions = []
    portions.run(len(prompts), lambda part: completions.append(model.rollout(prompts[part], new)))
    return torch.cat(completions)


def rollout_rate(model, args, portions):
    device = next(model.parameters()).device
    prompts = torch.randint(model.vocab, (args.rows, args.prompt), device=device)
    seconds = median_seconds(args.runs, lambda: rollout(model, prompts, args.new, portions))
    return args.rows * args.new / seconds


def step_seconds(model, args, decoded, trained):
    """One GRPO step over args.rows completions: rollouts, policy loss in micro-batches, AdamW."""
    learning = [p for p in model.parameters() if p.requires_grad]
    device = learning[0].device
    prompts = torch.randint(model.vocab, (args.rows // GROUP, args.prompt), device=device)
    prompts = prompts.repeat_interleave(GROUP, 0)
    advantages = torch.randn(args.rows, 1, device=device)
    optimizer = torch.optim.AdamW(learning, lr=1e-5)

    def step():
        completions = rollout(model, prompts, args.new, decoded)
        ids = torch.cat((prompts, completions), 1)

        def backward(part):
            with torch.autocast(device.type, torch.bfloat16):
                logits = model(ids[part, :-1])[:, args.prompt - 1:]
            nll = F.cross_entropy(logits.float().transpose(1, 2), completions[part],
                                  reduction="none")
            (nll * advantages[part]).sum().div(args.rows * args.new).backward()

        trained.run(args.rows, backward)
        nn.utils.clip_grad_norm_(learning, 1.0)
        optimizer.step()
        optimizer.zero_grad()
        model.has_learned()

    return median_seconds(args.runs, step)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--beside", required=True, help="file with what engine_bench printed")
    parser.add_argument("--tokens", type=int, default=4096)
    parser.add_argument("--micro-batch", type=int, help="tokens of a pass; a step's without it")
    parser.add_argument("--length", type=int, default=128)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--parts", default="train,rollout", help="train, rollout, step")
    parser.add_argument("--rows", type=int, default=512)
    parser.add_argument("--prompt", type=int, default=32)
    parser.add_argument("--new", type=int, default=30)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    with open(args.beside, encoding="utf-8") as file:
        engine = json.load(file)
    micro_batch = args.micro_batch or args.tokens
    context = max(256, args.length, args.prompt + args.new)
    model = Model(engine["shape"], engine["vocab"], context).to(args.device)
    result = {"bench": "torch_peer", "torch": torch.__version__, "preset": engine["preset"],
              "device": args.device, "threads": torch.get_num_threads(),
              "parameters": sum(p.numel() for p in model.parameters())}
    parts = args.parts.split(",")
    if "train" in parts:
        portions = Portions(micro_batch // args.length)
        if args.device == "cpu":
            result["train_tokens_per_s_f32"] = round(train_rate(model, args, portions, False))
        rate = round(train_rate(model, args, portions, True))
        result["train_tokens_per_s_bf16"] = result["train_tokens_per_s"] = rate
        result["micro_batch_tokens"] = portions.at_once * args.length
    if {"rollout", "step"} & set(parts):
        if transformers and "model" in engine:
            model = Transformers(engine["model"], engine["vocab"]).to(args.device)
        result["rolled_out_by"] = model.rolled_out_by
    decoded = Portions(args.rows)
    if "rollout" in parts:
        rate = round(rollout_rate(model, args, decoded))
        result[f"rollout_tokens_per_s_{args.rows}_rows"] = rate
    if "step" in parts:
        trained = Portions(micro_batch // (args.prompt + args.new))
        result["rl_step_s"] = step_seconds(model, args, decoded, trained)
        result["micro_batch_tokens"] = trained.at_once * (args.prompt + args.new)
    if {"rollout", "step"} & set(parts):
        result["rows_at_once"] = decoded.at_once
    print(json.dumps(result))


if __name__ == "__main__":
    main()
