// reason/prime_factorization: a number as a product of primes, in any order.
//
//   Write 84 as a product of primes.
//   84/2=42, 42/2=21, 21/3=7
//   Answer: 2*2*3*7
//
// The primes are at most 13. "2^2*3*7" and "2 x 2 x 3 x 7" are right, too.
#include <array>
#include <charconv>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "envs/reason/text.h"

namespace agon::envs {
namespace {

constexpr std::array<int64_t, 6> kPrimes = {2, 3, 5, 7, 11, 13};
// Numbers of each difficulty, the bounds included.
constexpr std::array<std::pair<int64_t, int64_t>, 4> kRanges = {
    {{4, 99}, {100, 299}, {300, 999}, {1000, 4999}}};

// In rising order; empty if a prime above 13 divides `number`.
std::vector<int64_t> FactorsOf(int64_t number) {
  std::vector<int64_t> factors;
  for (const int64_t prime : kPrimes) {
    for (; number % prime == 0; number /= prime) factors.push_back(prime);
  }
  return number == 1 ? factors : std::vector<int64_t>();
}

Problem Draw(Rng& rng, int difficulty) {
  const auto [low, high] = kRanges[static_cast<size_t>(difficulty)];
  int64_t number = 0;
  std::vector<int64_t> factors;
  while (factors.size() < 2) {
    number = rng.Between(low, high);
    factors = FactorsOf(number);
  }
  std::string product, step;
  int64_t left = number;
  for (const int64_t factor : factors) {
    product += (product.empty() ? "" : "*") + std::to_string(factor);
    if (left == factor) break;
    step += (step.empty() ? "" : ", ") + std::to_string(left) + "/" + std::to_string(factor) + "=" +
            std::to_string(left / factor);
    left /= factor;
  }
  const std::string text = std::to_string(number);
  return {"Write " + text + " as a product of primes.", product, {step}, {number}, text};
}

// A prime that stands `count` times; count 0 where `piece` isn't one.
std::pair<int64_t, int64_t> PowerOf(std::string_view piece) {
  int64_t prime = 0, count = 1;
  const char* end = piece.data() + piece.size();
  auto parsed = std::from_chars(piece.data(), end, prime);
  if (parsed.ec == std::errc() && parsed.ptr != end && *parsed.ptr == '^') {
    parsed = std::from_chars(parsed.ptr + 1, end, count);
  }
  if (parsed.ec != std::errc() || parsed.ptr != end || count < 1 || count > 64) return {0, 0};
  return {prime, count};
}

Verdict VerifyFactors(std::string_view /*answer*/, const std::vector<int64_t>& given,
                      std::string_view completion) {
  ExtractedAnswer found = ExtractText(completion);
  const int64_t number = given.empty() ? 0 : given[0];
  std::string text = LowerCase(found.text);
  if (text.ends_with('.')) text.pop_back();
  for (const std::string_view times : {"\xc3\x97", "\\times", "\\cdot", "x"}) {
    for (size_t at; (at = text.find(times)) != std::string::npos;) {
      text.replace(at, times.size(), "*");
    }
  }
  int64_t product = 1;
  for (const std::string& factor : PiecesOf(text, "*")) {
    // Around a factor there may be spaces, inside none.
    const auto words = PiecesOf(factor, " ");
    const auto [prime, count] = PowerOf(words.size() == 1 ? words[0] : "");
    if (count == 0) return Judged(std::move(found), "not a product");
    if (prime < 2 || FactorsOf(prime).size() != 1) {
      return Judged(std::move(found), std::to_string(prime) + " is not a prime factor");
    }
    for (int64_t i = 0; i < count && product <= number; ++i) product *= prime;
  }
  return Judged(std::move(found),
                product == number ? "" : "the product isn't " + std::to_string(number));
}

std::unique_ptr<Env> MakePrimeFactorization(std::string_view params) {
  ProblemEnvSpec spec;
  spec.info.id = "reason/prime_factorization-v1";
  spec.info.summary = "A number as a product of primes up to 13";
  spec.info.num_difficulties = static_cast<int>(kRanges.size());
  for (int64_t number = kRanges.front().first; number <= kRanges.back().second; ++number) {
    spec.info.num_tasks += FactorsOf(number).size() >= 2;
  }
  spec.families = {{"factors", Draw, 0.05}};
  spec.verify = VerifyFactors;
  return MakeProblemEnv(std::move(spec), params);
}

REGISTER_ENV("reason/prime_factorization-v1", MakePrimeFactorization);

}  // namespace
}  // namespace agon::envs
