// Continuous batching: rows decode together, leave when they stop, others take their
// place. Private to policy.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "policy/transformer.h"

namespace agon::policy {

class Generator {
 public:
  // Keeps references.
  Generator(const ModelConfig& config, Backend& backend, Transformer& transformer);

  // As Policy::Generate.
  std::vector<Completion> Run(std::span<const Prompt> prompts, const Sampling& sampling,
                              const RngKey& key, uint64_t policy_version,
                              const TokenCallback& on_token);

 private:
  struct Row {
    size_t completion_idx;
    int slot;
    int position;  // of the token that is decoded next
  };
  class Queue;

  void Check(std::span<const Prompt> prompts, const Sampling& sampling) const;
  void Refill(std::span<const Prompt> prompts, Queue& queue, std::vector<int>& free_slots);
  std::vector<int32_t> SampleRows(std::span<const Prompt> prompts, const Sampling& sampling,
                                  const RngKey& key, const TokenCallback& on_token,
                                  std::vector<Completion>& completions,
                                  std::vector<int>& free_slots);

  const ModelConfig& config_;
  Backend& backend_;
  Transformer& transformer_;
  std::unique_ptr<KvCache> cache_;  // kept between calls; grows
  std::vector<Row> rows_;
  std::vector<char> hidden_;  // T (rows, C)
};

}  // namespace agon::policy
