#include "arena/store/schema.h"

namespace agon::arena {
namespace {

constexpr const char* kMigrations[] = {
    R"sql(
CREATE TABLE log(
  seq INTEGER PRIMARY KEY,
  at_ms INTEGER NOT NULL,
  kind TEXT NOT NULL,
  body TEXT NOT NULL,
  hash TEXT NOT NULL UNIQUE
) STRICT;
CREATE TRIGGER log_keeps_rows BEFORE DELETE ON log
  BEGIN SELECT RAISE(ABORT, 'the log is append-only'); END;
CREATE TRIGGER log_keeps_values BEFORE UPDATE ON log
  BEGIN SELECT RAISE(ABORT, 'the log is append-only'); END;

CREATE TABLE secret(name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;

CREATE TABLE model(
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  weights TEXT NOT NULL,
  location TEXT NOT NULL,
  parent INTEGER REFERENCES model(id),
  stage TEXT NOT NULL,
  step INTEGER NOT NULL,
  is_private INTEGER NOT NULL,
  added_ms INTEGER NOT NULL,
  retired_ms INTEGER,
  retired_why TEXT NOT NULL DEFAULT '',
  elo REAL NOT NULL DEFAULT 1000,
  num_votes INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE TRIGGER models_stay BEFORE DELETE ON model
  BEGIN SELECT RAISE(ABORT, 'models are retired, never deleted'); END;

CREATE TABLE prompt(
  id INTEGER PRIMARY KEY,
  text TEXT NOT NULL,
  category TEXT NOT NULL,
  UNIQUE(text, category)
) STRICT;

CREATE TABLE battle(
  id TEXT PRIMARY KEY,
  prompt INTEGER NOT NULL REFERENCES prompt(id),
  model_a INTEGER NOT NULL REFERENCES model(id),
  model_b INTEGER NOT NULL REFERENCES model(id),
  session TEXT NOT NULL,
  at_ms INTEGER NOT NULL,
  CHECK(model_a <> model_b)
) STRICT;

CREATE TABLE turn(
  battle TEXT NOT NULL REFERENCES battle(id),
  turn INTEGER NOT NULL CHECK(turn >= 1),
  text TEXT NOT NULL,
  PRIMARY KEY(battle, turn)
) STRICT;

CREATE TABLE reply(
  battle TEXT NOT NULL REFERENCES battle(id),
  side INTEGER NOT NULL CHECK(side IN (0, 1)),
  turn INTEGER NOT NULL CHECK(turn >= 0),
  text TEXT NOT NULL,
  finish TEXT NOT NULL,
  num_tokens INTEGER NOT NULL,
  milliseconds INTEGER NOT NULL,
  PRIMARY KEY(battle, side, turn)
) STRICT;

CREATE TABLE vote(
  id INTEGER PRIMARY KEY,
  battle TEXT NOT NULL UNIQUE REFERENCES battle(id),
  choice TEXT NOT NULL CHECK(choice IN ('a', 'b', 'tie', 'both_bad')),
  voter TEXT NOT NULL,
  address TEXT NOT NULL,
  dwell_ms INTEGER,
  gain_a REAL NOT NULL,
  at_ms INTEGER NOT NULL
) STRICT;

CREATE TABLE comment(
  battle TEXT PRIMARY KEY REFERENCES vote(battle),
  tags TEXT NOT NULL,
  comment TEXT NOT NULL
) STRICT;

CREATE TABLE pair(
  low INTEGER NOT NULL REFERENCES model(id),
  high INTEGER NOT NULL REFERENCES model(id),
  low_wins INTEGER NOT NULL,
  high_wins INTEGER NOT NULL,
  ties INTEGER NOT NULL,
  PRIMARY KEY(low, high),
  CHECK(low < high)
) STRICT;

CREATE TABLE match(
  id INTEGER PRIMARY KEY,
  decider TEXT NOT NULL CHECK(decider IN ('game', 'grader', 'judge')),
  subject TEXT NOT NULL,
  task TEXT NOT NULL,
  model_a INTEGER NOT NULL REFERENCES model(id),
  model_b INTEGER NOT NULL REFERENCES model(id),
  score REAL NOT NULL CHECK(score IN (0, 0.5, 1)),
  detail TEXT NOT NULL,
  at_ms INTEGER NOT NULL,
  UNIQUE(decider, subject, task, model_a, model_b),
  CHECK(model_a <> model_b)
) STRICT;
)sql",
};

constexpr DerivedTable kDerivedTables[] = {
    {"model", "name"},     {"prompt", "id"},    {"battle", "id"},
    {"turn", "battle"},    {"reply", "battle"}, {"vote", "battle"},
    {"comment", "battle"}, {"pair", "low"},     {"match", "id"},
};

}  // namespace

std::span<const char* const> Migrations() { return kMigrations; }
std::span<const DerivedTable> DerivedTables() { return kDerivedTables; }

}  // namespace agon::arena
