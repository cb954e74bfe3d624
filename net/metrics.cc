#include "net/metrics.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>
#include <mutex>
#include <variant>

#include "core/error.h"

namespace agon::net {
namespace {

std::string FormatValue(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "+Inf" : "-Inf";
  char text[32];
  const auto [end, error] = std::to_chars(text, text + sizeof text, value);
  return {text, end};
}

std::string Escaped(std::string_view text, bool with_quotes) {
  std::string out;
  for (const char c : text) {
    if (c == '\\') {
      out += "\\\\";
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '"' && with_quotes) {
      out += "\\\"";
    } else {
      out += c;
    }
  }
  return out;
}

// `{a="1",b="2"}`, "" for none.
std::string FormatLabels(const MetricLabels& labels) {
  std::string text;
  for (const auto& [key, value] : labels) {
    text += text.empty() ? "{" : ",";
    text += key + "=\"" + Escaped(value, true) + "\"";
  }
  return text.empty() ? text : text + "}";
}

std::string WithLabel(const std::string& labels, const std::string& label) {
  if (labels.empty()) return "{" + label + "}";
  return labels.substr(0, labels.size() - 1) + "," + label + "}";
}

void Write(const std::string& name, const std::string& labels, const Counter& counter,
           std::string& out) {
  out += name + labels + " " + std::to_string(counter.value()) + "\n";
}

void Write(const std::string& name, const std::string& labels, const Gauge& gauge,
           std::string& out) {
  out += name + labels + " " + FormatValue(gauge.value()) + "\n";
}

void Write(const std::string& name, const std::string& labels, const Histogram& histogram,
           std::string& out) {
  uint64_t total = 0;
  for (size_t i = 0; i <= histogram.bounds().size(); ++i) {
    total += histogram.count(i);
    const std::string bound =
        i < histogram.bounds().size() ? FormatValue(histogram.bounds()[i]) : "+Inf";
    out += name + "_bucket" + WithLabel(labels, "le=\"" + bound + "\"") + " " +
           std::to_string(total) + "\n";
  }
  out += name + "_sum" + labels + " " + FormatValue(histogram.sum()) + "\n";
  out += name + "_count" + labels + " " + std::to_string(total) + "\n";
}

constexpr const char* kKinds[] = {"counter", "gauge", "histogram"};

}  // namespace

void Gauge::Add(double change) {
  double value = value_.load(std::memory_order_relaxed);
  while (!value_.compare_exchange_weak(value, value + change, std::memory_order_relaxed)) {
  }
}

Histogram::Histogram(std::vector<double> bounds)
    : bounds_(std::move(bounds)), counts_(bounds_.size() + 1) {
  AGON_CHECK(std::is_sorted(bounds_.begin(), bounds_.end()));
}

void Histogram::Observe(double value) {
  const auto bound = std::lower_bound(bounds_.begin(), bounds_.end(), value);
  counts_[static_cast<size_t>(bound - bounds_.begin())].Add();
  sum_.Add(value);
}

std::vector<double> SecondsBuckets() {
  return {0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60};
}

struct Metrics::State {
  using Instance =
      std::variant<std::unique_ptr<Counter>, std::unique_ptr<Gauge>, std::unique_ptr<Histogram>>;
  struct Family {
    std::string help;
    std::map<std::string, Instance> instances;  // by their labels as written
  };

  template <typename T, typename Make>
  T& Get(std::string_view name, std::string_view help, const MetricLabels& labels,
         const Make& make) {
    const std::lock_guard lock(mutex);
    Family& family = families[std::string(name)];
    if (family.help.empty()) family.help = help;
    auto [place, is_made] = family.instances.try_emplace(FormatLabels(labels));
    if (is_made) place->second = make();
    AGON_CHECK(family.instances.begin()->second.index() == place->second.index(),
               "a metric is of one kind");
    return *std::get<std::unique_ptr<T>>(place->second);
  }

  std::mutex mutex;
  std::map<std::string, Family> families;
};

Metrics::Metrics() : state_(std::make_unique<State>()) {}
Metrics::~Metrics() = default;

Counter& Metrics::AddCounter(std::string_view name, std::string_view help,
                             const MetricLabels& labels) {
  return state_->Get<Counter>(name, help, labels, [] { return std::make_unique<Counter>(); });
}

Gauge& Metrics::AddGauge(std::string_view name, std::string_view help, const MetricLabels& labels) {
  return state_->Get<Gauge>(name, help, labels, [] { return std::make_unique<Gauge>(); });
}

Histogram& Metrics::AddHistogram(std::string_view name, std::string_view help,
                                 const MetricLabels& labels, const std::vector<double>& bounds) {
  return state_->Get<Histogram>(name, help, labels,
                                [&] { return std::make_unique<Histogram>(bounds); });
}

std::string Metrics::Text() const {
  const std::lock_guard lock(state_->mutex);
  std::string out;
  // No structured bindings: Clang 14 can't capture them.
  for (const auto& named : state_->families) {
    const std::string& name = named.first;
    const State::Family& family = named.second;
    out += "# HELP " + name + " " + Escaped(family.help, false) + "\n";
    out += "# TYPE " + name + " " + kKinds[family.instances.begin()->second.index()] + "\n";
    for (const auto& instance : family.instances) {
      std::visit([&](const auto& metric) { Write(name, instance.first, *metric, out); },
                 instance.second);
    }
  }
  return out;
}

}  // namespace agon::net
