// A judge that asks a model, with a template, in both orders (docs/judging.md).
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "judge/judge.h"
#include "judge/model/judge_template.h"
#include "judge/model/respondent.h"
#include "judge/model/verdict_cache.h"

namespace agon::judge {

struct ModelJudgeOptions {
  std::string name;  // JudgeInfo::name
  VerdictStyle style = VerdictStyle::kText;
  JudgeTemplate text = BuiltInTemplate(VerdictStyle::kText);
  float temperature = 0;  // of verdicts in text; 0: greedy
  int max_tokens = 1024;  // likewise
  uint64_t seed = 0;
};

// `cache` may be null. A verdict by log-probability is the answer that is likeliest among the
// allowed ones, and a rating the mean of 1, 2, ... under their probabilities (G-Eval: Liu et al.
// 2023, arXiv 2303.16634, section 2). Throws Error(kUsage) for a template that doesn't fit.
std::unique_ptr<Judge> MakeModelJudge(std::shared_ptr<Respondent> respondent,
                                      ModelJudgeOptions options,
                                      std::shared_ptr<VerdictCache> cache);

}  // namespace agon::judge
