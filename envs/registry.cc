#include <algorithm>
#include <charconv>
#include <map>
#include <mutex>
#include <utility>

#include "core/error.h"
#include "core/names.h"
#include "envs/choice.h"
#include "envs/env.h"

namespace agon::envs {
namespace {

struct Registry {
  std::mutex mutex;
  std::map<std::string, EnvFactory, std::less<>> factories;
};

// Constructed on first use: registration runs before main, in no fixed order.
Registry& GlobalRegistry() {
  static Registry registry;
  return registry;
}

bool IsName(std::string_view text) {
  const auto is_name_byte = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
  };
  return !text.empty() && std::all_of(text.begin(), text.end(), is_name_byte);
}

struct ParsedId {
  std::string_view base;       // "math/shop"
  std::optional<int> version;  // absent in "math/shop"
};

// nullopt if `id` is not "namespace/name" or "namespace/name-vN".
std::optional<ParsedId> ParseId(std::string_view id) {
  ParsedId parsed{id, std::nullopt};
  if (const size_t dash = id.rfind("-v"); dash != std::string_view::npos) {
    const std::string_view digits = id.substr(dash + 2);
    int version = 0;
    const auto [end, error] =
        std::from_chars(digits.data(), digits.data() + digits.size(), version);
    if (error == std::errc() && end == digits.data() + digits.size() && digits[0] != '0' &&
        version > 0) {
      parsed = {id.substr(0, dash), version};
    }
  }
  const size_t slash = parsed.base.find('/');
  if (slash == std::string_view::npos || !IsName(parsed.base.substr(0, slash)) ||
      !IsName(parsed.base.substr(slash + 1))) {
    return std::nullopt;
  }
  return parsed;
}

[[noreturn]] void ThrowUnknown(std::string_view id, const Registry& registry) {
  constexpr int kMaxShown = 100;
  const std::string_view shown = id.substr(0, kMaxShown);
  std::string nearest;
  int best = kMaxShown;
  for (const auto& [known, factory] : registry.factories) {
    const std::string_view base = std::string_view(known).substr(0, known.rfind("-v"));
    const int distance = std::min(EditDistance(shown, known), EditDistance(shown, base));
    if (distance < best) best = distance, nearest = known;
  }
  throw Error(ErrorKind::kUsage, "no environment \"" + std::string(shown) + "\"", "",
              nearest.empty() ? "no environment is registered"
                              : "did you mean \"" + nearest + "\"? `rl-env list` shows all");
}

// The factory of the registered id that `id` means.
EnvFactory Find(std::string_view id, const Registry& registry) {
  const auto parsed = ParseId(id);
  if (!parsed) ThrowUnknown(id, registry);
  const EnvFactory* newest = nullptr;
  int newest_version = 0;
  for (const auto& [known, factory] : registry.factories) {
    const ParsedId candidate = *ParseId(known);
    if (candidate.base != parsed->base) continue;
    if (parsed->version ? *candidate.version == *parsed->version
                        : *candidate.version > newest_version) {
      newest = &factory;
      newest_version = *candidate.version;
    }
  }
  if (newest == nullptr) ThrowUnknown(id, registry);
  return *newest;
}

}  // namespace

std::unique_ptr<Env> MakeEnv(std::string_view spec) {
  const auto [id, params] = SplitSpec(spec);
  Registry& registry = GlobalRegistry();
  EnvFactory factory;
  {
    const std::lock_guard lock(registry.mutex);
    factory = Find(id, registry);
  }
  return factory(params);
}

std::vector<std::string> ListEnvs() {
  Registry& registry = GlobalRegistry();
  const std::lock_guard lock(registry.mutex);
  std::vector<std::string> ids;
  for (const auto& [id, factory] : registry.factories) ids.push_back(id);
  return ids;
}

void RegisterEnv(std::string_view id, EnvFactory factory) {
  const auto parsed = ParseId(id);
  if (!parsed || !parsed->version || factory == nullptr) {
    throw Error(ErrorKind::kUsage, "\"" + std::string(id) + "\" is no environment id",
                "REGISTER_ENV", "write it like math/shop-v1, in lower case");
  }
  Registry& registry = GlobalRegistry();
  const std::lock_guard lock(registry.mutex);
  if (!registry.factories.emplace(id, std::move(factory)).second) {
    throw Error(ErrorKind::kUsage, "\"" + std::string(id) + "\" is registered twice",
                "REGISTER_ENV", "raise the version if the tasks differ");
  }
}

namespace internal {

bool Register(std::string_view id, EnvFactory factory) {
  RegisterEnv(id, std::move(factory));
  return true;
}

}  // namespace internal
}  // namespace agon::envs
