// Each kernel of policy/cuda alone, at the shapes of a preset: its time, the bytes that it has to
// move and its FLOP. scripts/gpu_report.py puts a card's bound beside them.
//
//   kernel_bench [--preset base] [--vocab 32768] [--tokens 8192] [--rows 1024]
//
// Prints a JSON object a line: first what all have in common, then each kernel. `tokens` are a
// training micro-batch's, in sequences of `length`; `rows` decode at once, with `length` / 2 tokens
// each. In bf16; letters as in docs/cuda.md.
#include "benchmarks/cuda/kernel_bench.h"

#include <CLI/CLI.hpp>

#include "core/error.h"

namespace agon::benchmarks {
namespace {

int Run(int argc, char** argv) {
  Options o;
  CLI::App app("Time, bytes and FLOP of each CUDA kernel, a JSON object a line");
  app.add_option("--preset", o.preset, "pico, nano, micro, mini, small or base")
      ->capture_default_str();
  app.add_option("--vocab", o.vocab_size, "vocabulary size")->capture_default_str();
  app.add_option("--tokens", o.tokens, "tokens of a micro-batch")->capture_default_str();
  app.add_option("--length", o.length, "tokens of a sequence")->capture_default_str();
  app.add_option("--rows", o.rows, "rows decoded at once")->capture_default_str();
  app.add_option("--runs", o.runs, "timed runs; the median counts")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  CLI11_PARSE(app, argc, argv);

  const Bench bench(o);
  KernelClock clock(o.runs);
  std::printf("{\"bench\": \"kernels\", \"preset\": \"%s\", \"vocab\": %d}\n", o.preset.c_str(),
              o.vocab_size);
  std::fflush(stdout);
  TimeRows(bench, clock);
  TimeProducts(bench, clock);
  TimeAttention(bench, clock);
  TimeDecoding(bench, clock);
  TimeHead(bench, clock);
  TimeOptimizer(bench, clock);
  return 0;
}

}  // namespace
}  // namespace agon::benchmarks

int main(int argc, char** argv) { return agon::RunMain(agon::benchmarks::Run, argc, argv); }
