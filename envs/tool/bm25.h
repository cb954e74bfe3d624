// Full-text search: Okapi BM25 over documents in memory.
//
// Terms are runs of letters and digits in lower case (any byte above 0x7f is a letter);
// no stemming, no stop words. The weight of a term is ln(1 + (N - n + 0.5) / (n + 0.5))
// for n of N documents with it, which is never negative. Source: Robertson and Zaragoza,
// "The Probabilistic Relevance Framework: BM25 and Beyond", 2009, with Lucene's weight.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace agon::envs {

// Immutable; thread-safe.
class Bm25Index {
 public:
  struct Options {
    double k1 = 1.2;  // how fast repeated terms saturate
    double b = 0.75;  // how much long documents are held back, 0..1
  };
  struct Hit {
    size_t document = 0;  // its place in documents()
    double score = 0;     // > 0
  };

  explicit Bm25Index(std::vector<std::string> documents) : Bm25Index(std::move(documents), {}) {}
  Bm25Index(std::vector<std::string> documents, const Options& options);

  // The best `num_hits` documents that share a term with `query`, best first; of equal
  // scores the earlier document first. A term that is repeated in the query counts again.
  // Untrusted bytes: only the first kMaxQueryTerms terms are looked at.
  std::vector<Hit> Search(std::string_view query, size_t num_hits) const;

  const std::vector<std::string>& documents() const { return documents_; }

  static constexpr size_t kMaxQueryTerms = 64;

 private:
  struct Posting {
    uint32_t document;
    float weight;  // the term's share of the document's score
  };

  std::vector<std::string> documents_;
  std::map<std::string, std::vector<Posting>, std::less<>> postings_;
};

// The terms of a text, in order.
std::vector<std::string> SearchTerms(std::string_view text);

}  // namespace agon::envs
