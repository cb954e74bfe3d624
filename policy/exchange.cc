#include "policy/exchange.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "core/error.h"
#include "policy/backend.h"

namespace agon::policy {
namespace {

class HostExchange final : public Exchange {
 public:
  HostExchange(Backend& backend, Communicator& ranks, std::string shortfall, int64_t floats)
      : backend_(backend),
        ranks_(ranks),
        shortfall_(std::move(shortfall)),
        piece_(static_cast<size_t>(std::max<int64_t>(1, floats / ranks.size()))) {}

  void Run(std::span<const std::span<const float>> sent,
           std::span<const std::span<float>> received) override {
    // Ranks have pieces left for each other as long as any of them says so.
    bool is_more = true;
    for (size_t at = 0; is_more; at += piece_) {
      bool has_more = false;
      std::vector<std::string> parts(sent.size());
      ForOthers([&](size_t r) {
        const auto piece = Piece(sent[r], at);
        parts[r].resize(piece.size_bytes());
        if (!piece.empty()) backend_.Download(parts[r].data(), piece.data(), piece.size_bytes());
        has_more = has_more || sent[r].size() > at + piece_;
      });
      parts = ranks_.Exchange(std::move(parts));
      ForOthers([&](size_t r) {
        const auto piece = Piece(received[r], at);
        AGON_CHECK(parts[r].size() == piece.size_bytes(), "ranks agree on what they exchange");
        if (!piece.empty()) backend_.Upload(piece.data(), parts[r].data(), piece.size_bytes());
      });
      is_more = ranks_.Any(has_more);
    }
  }

  std::string Name() const override { return "the host's memory"; }
  std::string Shortfall() const override { return shortfall_; }

 private:
  template <typename Body>
  void ForOthers(const Body& body) const {
    for (int r = 0; r < ranks_.size(); ++r) {
      if (r != ranks_.rank()) body(static_cast<size_t>(r));
    }
  }
  template <typename T>
  std::span<T> Piece(std::span<T> part, size_t at) const {
    at = std::min(at, part.size());
    return part.subspan(at, std::min(piece_, part.size() - at));
  }

  Backend& backend_;
  Communicator& ranks_;
  std::string shortfall_;
  size_t piece_;  // floats for one rank
};

}  // namespace

std::unique_ptr<Exchange> MakeHostExchange(Backend& backend, Communicator& ranks,
                                           std::string shortfall, int64_t floats) {
  return std::make_unique<HostExchange>(backend, ranks, std::move(shortfall), floats);
}

std::unique_ptr<Exchange> MakeExchange(Backend& backend, Communicator& ranks) {
  std::string shortfall;
  if (auto exchange = backend.NewExchange(ranks, &shortfall)) return exchange;
  return MakeHostExchange(backend, ranks, std::move(shortfall));
}

}  // namespace agon::policy
