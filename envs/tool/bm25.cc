#include "envs/tool/bm25.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace agon::envs {

std::vector<std::string> SearchTerms(std::string_view text) {
  std::vector<std::string> terms;
  std::string term;
  const auto finish = [&] {
    if (!term.empty()) terms.push_back(std::exchange(term, ""));
  };
  for (const char c : text) {
    if (c >= 'A' && c <= 'Z') {
      term += static_cast<char>(c | 0x20);
    } else if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
               static_cast<unsigned char>(c) >= 0x80) {
      term += c;
    } else {
      finish();
    }
  }
  finish();
  return terms;
}

Bm25Index::Bm25Index(std::vector<std::string> documents, const Options& options)
    : documents_(std::move(documents)) {
  std::map<std::string, std::map<uint32_t, int>, std::less<>> counts;
  std::vector<double> lengths;
  double total_length = 0;
  for (const std::string& document : documents_) {
    const auto terms = SearchTerms(document);
    for (const std::string& term : terms) ++counts[term][static_cast<uint32_t>(lengths.size())];
    lengths.push_back(static_cast<double>(terms.size()));
    total_length += lengths.back();
  }
  const auto num_documents = static_cast<double>(documents_.size());
  const double mean_length = total_length / std::max(num_documents, 1.0);
  for (const auto& [term, count_of] : counts) {
    const auto n = static_cast<double>(count_of.size());
    const double rarity = std::log(1 + (num_documents - n + 0.5) / (n + 0.5));
    auto& postings = postings_[term];
    for (const auto& [document, count] : count_of) {
      const double length = 1 - options.b + options.b * lengths[document] / mean_length;
      const double share = count * (options.k1 + 1) / (count + options.k1 * length);
      postings.push_back({document, static_cast<float>(rarity * share)});
    }
  }
}

std::vector<Bm25Index::Hit> Bm25Index::Search(std::string_view query, size_t num_hits) const {
  auto terms = SearchTerms(query);
  if (terms.size() > kMaxQueryTerms) terms.resize(kMaxQueryTerms);
  std::map<uint32_t, double> scores;
  for (const std::string& term : terms) {
    const auto found = postings_.find(term);
    if (found == postings_.end()) continue;
    for (const Posting& posting : found->second) scores[posting.document] += posting.weight;
  }
  std::vector<Hit> hits;
  for (const auto& [document, score] : scores) hits.push_back({document, score});
  std::stable_sort(hits.begin(), hits.end(),
                   [](const Hit& a, const Hit& b) { return a.score > b.score; });
  if (hits.size() > num_hits) hits.resize(num_hits);
  return hits;
}

}  // namespace agon::envs
