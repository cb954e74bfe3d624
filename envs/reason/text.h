// Pieces of text that reasoning tasks share.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "envs/problem_env.h"
#include "envs/text/text_answer.h"

namespace agon::envs {

// "3, 7 and 9" with last = " and "; "3, 7, 9" with last = ", ".
std::string Listed(const std::vector<std::string>& items, std::string_view last = ", ");
std::string Listed(const std::vector<int64_t>& numbers, std::string_view last = ", ");

// The pieces of `text` between any of `separators`, empty ones left out.
std::vector<std::string> PiecesOf(std::string_view text, std::string_view separators);

// The verdict on the answer found: `problem` says what is wrong with it, "" that it is right.
Verdict Judged(ExtractedAnswer found, std::string problem);

// Euclid's algorithm; REQUIRES: a, b > 0. Each division is a step "84=2*36+12".
int64_t GreatestCommonDivisor(int64_t a, int64_t b, std::vector<std::string>* steps = nullptr);

}  // namespace agon::envs
