// What a model knows, and whether it says so: held-out questions before and after it was taught to
// say that it doesn't know. Pure functions but for files.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "judge/statistics.h"

namespace agon::judge {

// What a reply to a question is; any reply that isn't right and doesn't only admit ignorance is
// made up.
enum class ReplyKind : char { kRight = 'r', kDontKnow = 'd', kWrong = 'w' };

// A question as one model answered it, several times.
struct AskedFact {
  uint64_t index = 0;  // of its task
  std::string question, answer, family;
  std::string said;                        // a ReplyKind for each sample that could be graded
  std::string example;                     // the first reply
  std::vector<std::string> right_replies;  // each once
};

enum class FactClass { kKnown, kUnsure, kNeverRight };
// Known: at least `known_share` of the replies are right.
FactClass ClassOf(std::string_view said, double known_share);

// A held-out question. Whether it was known is decided by other samples than `before`, so that
// chance doesn't favour what was known.
struct HeldOutFact {
  std::string question, answer, family;
  FactClass known = FactClass::kUnsure;
  std::string before, after;  // AskedFact::said
  std::string example_before, example_after;
};

struct Knowledge {
  int64_t num_known = 0, num_unsure = 0, num_never_right = 0;  // of the training questions
  std::vector<HeldOutFact> held_out;
};

struct ReplyShares {
  Estimate right, dont_know, wrong;
};

// Questions that belong together. Intervals are clustered by the right answer, so that a fact
// that is asked for twice counts once; a share of 0 or 1 has the exact binomial interval.
struct KnowledgeGroup {
  std::string name;
  int64_t num_questions = 0;
  ReplyShares before, after;
  Estimate right_change;  // after less before, by question
};

// "known before", "never right before", and each family if there are several. Empty ones are left
// out.
std::vector<KnowledgeGroup> KnowledgeGroups(std::span<const HeldOutFact> held_out);

// "made up 91.0 % → 3.2 % where it was never right; right 97.1 % → 96.0 % where it knew".
std::string DescribeKnowledge(const Knowledge& knowledge);

// JSON lines of what was asked; and back. Reading throws kCorrupt, kNotFound.
void WriteAsked(const std::filesystem::path& file, std::span<const AskedFact> facts);
std::vector<AskedFact> ReadAsked(const std::filesystem::path& file);

// One file, whole or not at all; and back. Reading throws kCorrupt; without the file there is
// nothing in it.
void WriteKnowledge(const std::filesystem::path& file, const Knowledge& knowledge);
Knowledge ReadKnowledge(const std::filesystem::path& file);

}  // namespace agon::judge
