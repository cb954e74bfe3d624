// What a model judge is told: texts with places for the transcript.
//
// Everything that comes from a transcript is quoted: each of its lines begins with "> ", so that
// no line of a prompt that lacks it can be forged (Hines et al. 2024, arXiv 2403.14720, call it
// datamarking), and "[[" and "<|" are pulled apart, so that a judge who quotes it gives no verdict,
// and no server takes a turn's end that is written out for one.
#pragma once

#include <string>
#include <string_view>

#include "core/message.h"
#include "judge/judge.h"

namespace agon::judge {

// How a model judge's verdict is read.
enum class VerdictStyle {
  kText,     // from a mark in what it writes, after an explanation
  kLogprob,  // from the probabilities of the answers, "A", "B", "C" or 1, 2, ...: one prefill
};

// Places: {conversation}, {reply} or {reply_a} and {reply_b}, {reference}, {highest}. Other
// braces stand for themselves.
struct JudgeTemplate {
  std::string system;                      // "": no system message
  std::string score, score_reference;      // the latter where the question has a reference
  std::string compare, compare_reference;  // likewise
  int highest = 10;                        // ratings go from 1 to this

  // Throws Error(kUsage) naming `where` and the key for an unknown place, one that is missing,
  // or a `highest` that the style can't rate (2 to 100, in text; 2 to 9 by one digit).
  void Check(VerdictStyle style, const std::string& where) const;
};

JudgeTemplate BuiltInTemplate(VerdictStyle style);

Messages RenderScorePrompt(const JudgeTemplate& text, const Question& question,
                           std::string_view reply);
Messages RenderComparePrompt(const JudgeTemplate& text, const Question& question,
                             std::string_view first, std::string_view second);

// `text` as a quotation: valid UTF-8, every line behind "> ", without "[[" and "<|".
std::string Quoted(std::string_view text);

}  // namespace agon::judge
