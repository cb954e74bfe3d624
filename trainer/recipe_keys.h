// The one table of a recipe's keys.
#pragma once

#include <string>

#include "core/config.h"
#include "trainer/recipe.h"

namespace agon::trainer {

// Adds every key, bound to its field of `recipe`, which must outlive `table`.
void BindRecipe(Recipe& recipe, ConfigTable& table);

// The file's text. A missing file's hint names the built-in recipe.
std::string ReadRecipeFile(const std::string& file);

}  // namespace agon::trainer
