// Arithmetic as text, for models that start from nothing.
//
// A policy that is to reason in steps ("5+3=8") must know the facts the steps consist of.
// Natural text of a few megabytes doesn't teach them; every fact here appears many times, in
// the compact form that worked solutions are written in and in plain words.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/rng.h"

namespace agon::datasets {

// One document of about 500 bytes: lines of one kind (facts, running computations, sentences,
// comparisons, counting, number words), a pure function of (key, index). All statements are
// true. Facts: a+b and a-b with results 0..99, a*b up to 12x12, exact divisions of those.
std::string GenerateMathText(const RngKey& key, uint64_t index);

// Texts 0, 1, ... until `num_bytes` is reached. The first ones hold every fact once.
std::vector<std::string> GenerateMath(const RngKey& key, int64_t num_bytes);

// Every fact, "5+3=8", in a fixed order.
std::vector<std::string> AllMathFacts();

// 0..999 in words: "forty-two", "one hundred five".
std::string NumberWords(int64_t number);

}  // namespace agon::datasets
