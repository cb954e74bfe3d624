#include "trainer/losses.h"

#include <algorithm>
#include <cmath>

#include "core/error.h"

namespace agon::trainer {
namespace {

struct Term {
  double loss;        // before the sign and the normalizer
  double derivative;  // by the logprob
  bool clipped;
};

// min(rho A, clip(rho) A) and its derivative by log rho.
Term ClippedSurrogate(double rho, double advantage, const LossConfig& config) {
  const double low = 1.0 - static_cast<double>(config.clip_low);
  const double high = 1.0 + static_cast<double>(config.clip_high);
  const bool clipped = (advantage > 0 && rho > high) || (advantage < 0 && rho < low);
  if (clipped) return {std::clamp(rho, low, high) * advantage, 0.0, true};
  return {rho * advantage, rho * advantage, false};
}

// Objective (to be maximised) of one token, and its derivative by the logprob.
Term TokenObjective(double logprob, double rollout_logprob, double advantage,
                    const LossConfig& config) {
  const double rho = std::exp(logprob - rollout_logprob);
  switch (config.kind) {
    case LossKind::kGrpo:
    case LossKind::kDapo:
      return ClippedSurrogate(rho, advantage, config);
    case LossKind::kCispo: {
      const double cap = static_cast<double>(config.clip_high);
      const double weight = std::min(rho, cap);
      return {weight * advantage * logprob, weight * advantage, rho > cap};
    }
    case LossKind::kReinforce:
      return {advantage * logprob, advantage, false};
    case LossKind::kGspo:
      break;
  }
  AGON_CHECK(false, "gspo has no token objective");
}

double KlDerivative(KlEstimator kind, double logprob, double ref_logprob) {
  switch (kind) {
    case KlEstimator::kNone:
      return 0.0;
    case KlEstimator::kK1:
      return 1.0;
    case KlEstimator::kK2:
      return logprob - ref_logprob;
    case KlEstimator::kK3:
      return 1.0 - std::exp(ref_logprob - logprob);
  }
  return 0.0;
}

}  // namespace

double KlEstimate(KlEstimator kind, double logprob, double ref_logprob) {
  const double difference = logprob - ref_logprob;
  switch (kind) {
    case KlEstimator::kNone:
      return 0.0;
    case KlEstimator::kK1:
      return difference;
    case KlEstimator::kK2:
      return 0.5 * difference * difference;
    case KlEstimator::kK3:
      return std::exp(-difference) + difference - 1.0;
  }
  return 0.0;
}

void LossStats::Add(const LossStats& other) {
  loss += other.loss;
  num_tokens += other.num_tokens;
  num_clipped += other.num_clipped;
  ratio_max = std::max(ratio_max, other.ratio_max);
  logprob_diff_max = std::max(logprob_diff_max, other.logprob_diff_max);
}

bool ChargesKl(const LossConfig& config, KlPlace place) {
  return config.kl != KlEstimator::kNone && config.kl_place == place;
}

namespace {

void AddKl(const TokenBatch& batch, const LossConfig& config, const LossNormalizer& normalizer,
           std::span<float> dlogprobs, LossStats& stats) {
  const double coef = static_cast<double>(config.kl_coef) / normalizer.num_tokens;
  for (size_t t = 0; t < batch.mask.size(); ++t) {
    if (!batch.mask[t]) continue;
    const double logprob = static_cast<double>(batch.logprobs[t]);
    const double ref = static_cast<double>(batch.ref_logprobs[t]);
    stats.loss += coef * KlEstimate(config.kl, logprob, ref);
    dlogprobs[t] += static_cast<float>(coef * KlDerivative(config.kl, logprob, ref));
  }
}

}  // namespace

LossStats PolicyLoss(const TokenBatch& batch, const LossConfig& config,
                     const LossNormalizer& normalizer, std::span<float> dlogprobs) {
  AGON_CHECK(dlogprobs.size() == batch.logprobs.size());
  std::fill(dlogprobs.begin(), dlogprobs.end(), 0.0f);
  const bool charges_kl = ChargesKl(config, KlPlace::kLoss);
  AGON_CHECK(!charges_kl || batch.ref_logprobs.size() == batch.logprobs.size(),
             "KL needs reference log-probabilities");
  LossStats stats;
  for (size_t i = 0; i + 1 < batch.offsets.size(); ++i) {
    const auto begin = static_cast<size_t>(batch.offsets[i]);
    const auto end = static_cast<size_t>(batch.offsets[i + 1]);
    double active = 0.0, log_ratio_sum = 0.0;
    for (size_t t = begin; t < end; ++t) {
      if (!batch.mask[t]) continue;
      const double log_ratio =
          static_cast<double>(batch.logprobs[t]) - static_cast<double>(batch.rollout_logprobs[t]);
      active += 1.0;
      log_ratio_sum += log_ratio;
      stats.logprob_diff_max = std::max(stats.logprob_diff_max, std::abs(log_ratio));
    }
    if (active == 0.0) continue;
    stats.num_tokens += active;

    const bool by_sequence = config.kind == LossKind::kGspo;
    Term sequence{};
    if (by_sequence) {
      const double ratio = std::exp(log_ratio_sum / active);
      sequence = ClippedSurrogate(ratio, static_cast<double>(batch.advantages[begin]), config);
      stats.loss -= sequence.loss / normalizer.num_trajectories;
      stats.ratio_max = std::max(stats.ratio_max, ratio);
      stats.num_clipped += sequence.clipped ? active : 0.0;
    }
    const double weight = config.kind == LossKind::kGrpo || by_sequence
                              ? 1.0 / (active * normalizer.num_trajectories)
                              : 1.0 / normalizer.num_tokens;
    for (size_t t = begin; t < end; ++t) {
      if (!batch.mask[t]) continue;
      const double logprob = static_cast<double>(batch.logprobs[t]);
      const double rollout = static_cast<double>(batch.rollout_logprobs[t]);
      double derivative = -sequence.derivative * weight;
      if (!by_sequence) {
        const Term term =
            TokenObjective(logprob, rollout, static_cast<double>(batch.advantages[t]), config);
        stats.loss -= term.loss * weight;
        stats.num_clipped += term.clipped;
        stats.ratio_max = std::max(stats.ratio_max, std::exp(logprob - rollout));
        derivative = -term.derivative * weight;
      }
      dlogprobs[t] = static_cast<float>(derivative);
    }
  }
  if (charges_kl) AddKl(batch, config, normalizer, dlogprobs, stats);
  return stats;
}

}  // namespace agon::trainer
