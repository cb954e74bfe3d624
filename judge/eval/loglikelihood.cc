#include "judge/eval/loglikelihood.h"

#include <algorithm>

#include "core/error.h"

namespace agon::judge {
namespace {

// Which sum a scored token belongs to.
struct Place {
  size_t request, continuation;
};

class ContinuationScorer {
 public:
  ContinuationScorer(policy::Policy& policy, std::span<const ContinuationRequest> requests,
                     int max_batch_tokens)
      : policy_(policy), requests_(requests), max_batch_tokens_(max_batch_tokens) {
    for (const ContinuationRequest& request : requests) {
      sums_.emplace_back(request.continuations.size(), 0.0);
    }
  }

  std::vector<std::vector<double>> Run() {
    for (size_t i = 0; i < requests_.size(); ++i) {
      AddContext(requests_[i]);
      for (size_t j = 0; j < requests_[i].continuations.size(); ++j) {
        const auto& continuation = requests_[i].continuations[j];
        const size_t longer =
            std::max(batch_.tokens.size(), batch_.rows.size()) + continuation.size();
        if (longer > static_cast<size_t>(max_batch_tokens_) && !batch_.rows.empty()) {
          Flush();
          AddContext(requests_[i]);
        }
        AddContinuation(continuation, {i, j});
      }
    }
    Flush();
    return std::move(sums_);
  }

 private:
  void AddContext(const ContinuationRequest& request) {
    AGON_CHECK(!request.context.empty());
    if (batch_.tokens.size() + request.context.size() > static_cast<size_t>(max_batch_tokens_)) {
      Flush();
    }
    context_begin_ = static_cast<int32_t>(batch_.tokens.size());
    context_length_ = static_cast<int32_t>(request.context.size());
    batch_.tokens.insert(batch_.tokens.end(), request.context.begin(), request.context.end());
    batch_.segments.push_back({context_begin_, context_length_, 0, 0});
  }

  // The token before it predicts each: for the first one, the context's last. The last one
  // predicts nothing and is left out.
  void AddContinuation(const std::vector<int32_t>& continuation, Place place) {
    AGON_CHECK(!continuation.empty());
    const auto begin = static_cast<int32_t>(batch_.tokens.size());
    const auto length = static_cast<int32_t>(continuation.size()) - 1;
    AGON_CHECK(context_length_ + length <= policy_.config().max_positions);
    batch_.tokens.insert(batch_.tokens.end(), continuation.begin(), continuation.end() - 1);
    if (length > 0) batch_.segments.push_back({begin, length, context_begin_, context_length_});
    for (int32_t t = 0; t <= length; ++t) {
      batch_.rows.push_back(t == 0 ? context_begin_ + context_length_ - 1 : begin + t - 1);
      batch_.targets.push_back(continuation[static_cast<size_t>(t)]);
      places_.push_back(place);
    }
  }

  void Flush() {
    if (!batch_.rows.empty()) {
      const policy::TokenScores scores = policy_.ScoreOnly(batch_);
      AGON_CHECK(scores.logprobs.size() == places_.size());
      for (size_t i = 0; i < places_.size(); ++i) {
        sums_[places_[i].request][places_[i].continuation] += scores.logprobs[i];
      }
    }
    batch_ = {};
    places_.clear();
  }

  policy::Policy& policy_;
  std::span<const ContinuationRequest> requests_;
  int max_batch_tokens_;
  policy::PackedBatch batch_;
  std::vector<Place> places_;  // of batch_.rows
  int32_t context_begin_ = 0, context_length_ = 0;
  std::vector<std::vector<double>> sums_;
};

}  // namespace

std::vector<std::vector<double>> LogLikelihoods(policy::Policy& policy,
                                                std::span<const ContinuationRequest> requests,
                                                int max_batch_tokens) {
  return ContinuationScorer(policy, requests, max_batch_tokens).Run();
}

EncodedPair EncodePair(const datasets::Tokenizer& tokenizer, std::string_view context,
                       std::string_view continuation) {
  const size_t end = context.find_last_not_of(" \t\n\r") + 1;  // npos + 1 is 0
  const std::string text = std::string(context) + std::string(continuation);
  EncodedPair pair{tokenizer.Encode(context.substr(0, end)), {}};
  const std::vector<int32_t> whole = tokenizer.Encode(text);
  // A tokenizer may join what the cut separates; the context is then shorter by what it lost.
  const size_t shared =
      std::min(pair.context.size(), whole.size() - std::min<size_t>(1, whole.size()));
  pair.context.resize(shared);
  std::copy_n(whole.begin(), shared, pair.context.begin());
  pair.continuation.assign(whole.begin() + static_cast<ptrdiff_t>(shared), whole.end());
  return pair;
}

std::vector<ContinuationRequest> RollingWindows(std::span<const int32_t> tokens, int32_t first,
                                                int window, int context_tokens) {
  AGON_CHECK(window >= 1 && context_tokens >= 1 && context_tokens <= window);
  std::vector<ContinuationRequest> windows;
  const auto longest = static_cast<size_t>(window);
  const size_t advance = longest - static_cast<size_t>(context_tokens) + 1;
  for (size_t done = 0; done < tokens.size();) {
    const size_t count = std::min(tokens.size() - done, done == 0 ? longest : advance);
    ContinuationRequest request;
    request.continuations.emplace_back(tokens.begin() + static_cast<ptrdiff_t>(done),
                                       tokens.begin() + static_cast<ptrdiff_t>(done + count));
    // The input is the context and all predicted tokens but the last: at most `window` tokens.
    const size_t room = longest - count + 1;
    if (done < room) request.context.push_back(first);
    const size_t begin = done < room ? 0 : done - room;
    request.context.insert(request.context.end(), tokens.begin() + static_cast<ptrdiff_t>(begin),
                           tokens.begin() + static_cast<ptrdiff_t>(done));
    windows.push_back(std::move(request));
    done += count;
  }
  return windows;
}

}  // namespace agon::judge
