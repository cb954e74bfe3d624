
#include "arena/store/impl.h"
#include "core/error.h"

namespace agon::arena {
namespace {

constexpr const char* kSelectModels =
    "SELECT model.name, model.weights, model.location, parent.name, model.stage, model.step, "
    "model.is_private, model.added_ms, model.retired_ms, model.retired_why, model.elo, "
    "model.num_votes FROM model LEFT JOIN model AS parent ON parent.id = model.parent ";

Model ReadModel(const Statement& row) {
  Model model;
  model.name = row.Text(0);
  model.weights = row.Text(1);
  model.location = row.Text(2);
  model.parent = row.OptionalText(3).value_or("");
  model.stage = row.Text(4);
  model.step = row.Int(5);
  model.is_private = row.Int(6) != 0;
  model.added_ms = row.Int(7);
  model.retired_ms = row.OptionalInt(8);
  model.retired_why = row.Text(9);
  model.elo = row.Real(10);
  model.num_votes = row.Int(11);
  return model;
}

}  // namespace

Arena::Arena(const std::filesystem::path& file, const ArenaOptions& options)
    : impl_(std::make_unique<Impl>(file, options)) {}
Arena::~Arena() = default;
Arena::Arena(Arena&&) noexcept = default;

bool Arena::AddModel(const Model& model) {
  const Json body = {{"name", model.name},         {"weights", model.weights},
                     {"location", model.location}, {"parent", model.parent},
                     {"stage", model.stage},       {"step", model.step},
                     {"private", model.is_private}};
  LogTransaction log(*impl_);
  const std::string where = "model " + CanonicalText(model.name);
  if (impl_->projection.Holds("model", ParseJson(CanonicalText(body), where), where)) return false;
  log.Append("model", body, where);
  log.Commit();
  return true;
}

void Arena::RetireModel(const std::string& name, const std::string& why) {
  const Json body = {{"name", name}, {"why", why}};
  const std::string where = "model " + CanonicalText(name);
  LogTransaction log(*impl_);
  if (impl_->projection.Holds("retire", ParseJson(CanonicalText(body), where), where)) return;
  log.Append("retire", body, where);
  log.Commit();
}

std::vector<Model> Arena::Models() {
  std::vector<Model> models;
  Statement rows = impl_->database.Prepare(std::string(kSelectModels) + "ORDER BY model.id");
  while (rows.Step()) models.push_back(ReadModel(rows));
  return models;
}

std::optional<Model> Arena::FindModel(const std::string& name) {
  Statement row = impl_->database.Prepare(std::string(kSelectModels) + "WHERE model.name = ?");
  row.Bind(name);
  if (!row.Step()) return std::nullopt;
  return ReadModel(row);
}

std::string Arena::Head() {
  Statement row = impl_->database.Prepare("SELECT hash FROM log ORDER BY seq DESC LIMIT 1");
  return row.Step() ? std::string(row.Text(0)) : std::string(kFirstHash);
}

int64_t Arena::NumLogRows() { return impl_->database.QueryInt("SELECT COUNT(*) FROM log"); }

}  // namespace agon::arena
