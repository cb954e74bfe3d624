// The model in plain fp64, one token and one loop at a time, straight from the equations
// of Qwen3: the oracle for the engine.
#pragma once

#include <cmath>
#include <string>
#include <vector>

#include "policy/policy.h"

namespace agon::policy {

class ReferenceModel {
 public:
  explicit ReferenceModel(Policy& policy) : policy_(policy), c_(policy.config()) {}

  // log p(next token) (T, V) after each token.
  std::vector<std::vector<double>> LogProbs(const std::vector<int32_t>& tokens,
                                            double temperature) const {
    const auto x = Residual(tokens);
    std::vector<Row> result;
    for (size_t t = 0; t < x.size(); ++t) {
      auto logits = Apply("model.embed_tokens.weight", Norm(x[t], "model.norm.weight"));
      double sum = 0;
      for (double& l : logits) sum += std::exp(l /= temperature);
      for (double& l : logits) l -= std::log(sum);
      result.push_back(logits);
    }
    return result;
  }

  // The score head's value (T) after each token.
  std::vector<double> Values(const std::vector<int32_t>& tokens) const {
    std::vector<double> values;
    for (const Row& row : Residual(tokens)) {
      values.push_back(Apply("score.weight", Norm(row, "model.norm.weight"))[0]);
    }
    return values;
  }

 private:
  using Row = std::vector<double>;

  // The residual stream behind the last layer.
  std::vector<Row> Residual(const std::vector<int32_t>& tokens) const {
    const auto embedding = policy_.Weight("model.embed_tokens.weight");
    std::vector<Row> x(tokens.size());
    for (size_t t = 0; t < tokens.size(); ++t) {
      for (int i = 0; i < c_.hidden_size; ++i) {
        x[t].push_back(embedding[static_cast<size_t>(tokens[t] * c_.hidden_size + i)]);
      }
    }
    for (int i = 0; i < c_.num_layers; ++i) Layer("model.layers." + std::to_string(i) + ".", x);
    return x;
  }

  void Layer(const std::string& p, std::vector<Row>& x) const {
    std::vector<Row> q, k, v;
    for (size_t t = 0; t < x.size(); ++t) {
      const Row h = Norm(x[t], p + "input_layernorm.weight");
      q.push_back(
          Rotated(Apply(p + "self_attn.q_proj.weight", h), p + "self_attn.q_norm.weight", t));
      k.push_back(
          Rotated(Apply(p + "self_attn.k_proj.weight", h), p + "self_attn.k_norm.weight", t));
      v.push_back(Apply(p + "self_attn.v_proj.weight", h));
    }
    for (size_t t = 0; t < x.size(); ++t) {
      Add(x[t], Apply(p + "self_attn.o_proj.weight", Attend(q[t], k, v, t)));
      const Row h = Norm(x[t], p + "post_attention_layernorm.weight");
      Row gate = Apply(p + "mlp.gate_proj.weight", h);
      const Row up = Apply(p + "mlp.up_proj.weight", h);
      for (size_t i = 0; i < gate.size(); ++i) gate[i] = gate[i] / (1 + std::exp(-gate[i])) * up[i];
      Add(x[t], Apply(p + "mlp.down_proj.weight", gate));
    }
  }
  Row Apply(const std::string& name, const Row& x) const {
    const auto w = policy_.Weight(name);
    Row y(w.size() / x.size());
    for (size_t n = 0; n < y.size(); ++n) {
      for (size_t i = 0; i < x.size(); ++i) y[n] += static_cast<double>(w[n * x.size() + i]) * x[i];
    }
    return y;
  }
  Row Norm(const Row& x, const std::string& name) const {
    double sum = 0;
    for (double value : x) sum += value * value;
    const double r =
        1 / std::sqrt(sum / static_cast<double>(x.size()) + static_cast<double>(c_.rms_norm_eps));
    const auto gain = policy_.Weight(name);
    Row y = x;
    for (size_t i = 0; i < y.size(); ++i) y[i] *= r * static_cast<double>(gain[i]);
    return y;
  }
  Row Rotated(const Row& x, const std::string& gain, size_t position) const {
    const size_t d = static_cast<size_t>(c_.head_dim), half = d / 2;
    Row y;
    for (size_t head = 0; head < x.size() / d; ++head) {
      const auto begin = x.begin() + static_cast<std::ptrdiff_t>(head * d);
      const Row h = Norm(Row(begin, begin + static_cast<std::ptrdiff_t>(d)), gain);
      for (size_t i = 0; i < d; ++i) {
        const double angle = static_cast<double>(position) *
                             std::pow(static_cast<double>(c_.rope_theta),
                                      -static_cast<double>(i % half) / static_cast<double>(half));
        const double other = i < half ? -h[i + half] : h[i - half];
        y.push_back(h[i] * std::cos(angle) + other * std::sin(angle));
      }
    }
    return y;
  }
  Row Attend(const Row& q, const std::vector<Row>& k, const std::vector<Row>& v, size_t t) const {
    const size_t d = static_cast<size_t>(c_.head_dim);
    const size_t per_kv = static_cast<size_t>(c_.num_heads / c_.num_kv_heads);
    Row out(q.size());
    for (size_t head = 0; head < static_cast<size_t>(c_.num_heads); ++head) {
      const size_t at = head * d, kv = head / per_kv * d;
      Row weights;
      double sum = 0;
      for (size_t j = 0; j <= t; ++j) {
        double score = 0;
        for (size_t i = 0; i < d; ++i) score += q[at + i] * k[j][kv + i];
        weights.push_back(std::exp(score / std::sqrt(static_cast<double>(d))));
        sum += weights.back();
      }
      for (size_t j = 0; j <= t; ++j) {
        for (size_t i = 0; i < d; ++i) out[at + i] += weights[j] / sum * v[j][kv + i];
      }
    }
    return out;
  }
  static void Add(Row& x, const Row& y) {
    for (size_t i = 0; i < x.size(); ++i) x[i] += y[i];
  }

  Policy& policy_;
  const ModelConfig& c_;
};

}  // namespace agon::policy
