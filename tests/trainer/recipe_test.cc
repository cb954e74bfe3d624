#include "trainer/recipe.h"

#include <gtest/gtest.h>

#include <cstdlib>

#include "core/error.h"
#include "core/file.h"
#include "tests/paths.h"

namespace agon::trainer {
namespace {

// The text of the Error(kUsage) that parsing `toml` throws.
std::string Refusal(const std::string& toml, const std::vector<std::string>& overrides = {}) {
  try {
    ParseRecipe(toml, "my.toml", overrides);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kUsage) << error.what();
    return error.what();
  }
  ADD_FAILURE() << "accepted: " << toml;
  return "";
}

void ExpectMentions(const std::string& text, std::initializer_list<const char*> parts) {
  for (const char* part : parts) EXPECT_NE(text.find(part), std::string::npos) << text;
}

TEST(RecipeTest, AnEmptyRecipeHasTheDefaultsOfTheStages) {
  const Recipe recipe = ParseRecipe("", "empty");
  EXPECT_EQ(recipe.rl.group_size, RlConfig().group_size);
  EXPECT_EQ(recipe.rl.loss.clip_low, 0.2f);
  EXPECT_EQ(recipe.rl.loss.clip_high, 0.28f);
  EXPECT_EQ(recipe.sft.num_steps, SftConfig().num_steps);
  EXPECT_EQ(recipe.pretrain.optimizer.weight_decay, 0.1f);
}

TEST(RecipeTest, ResolvedTextReadsBackAsTheSameRecipe) {
  const Recipe recipe = ParseRecipe(
      "[rl]\nloss = \"gspo\"\ngroup_size = 8\nkl = \"k3\"\nkl_coef = 0.01\n"
      "[data]\nsources = [\"a=text:/tmp/\\\"x\"]\n",
      "t", {"run.seed=7"});
  const std::string text = RecipeToml(recipe);
  const Recipe again = ParseRecipe(text, "resolved");
  EXPECT_EQ(RecipeToml(again), text);
  EXPECT_EQ(RecipeHash(again), RecipeHash(recipe));
  EXPECT_EQ(again.rl.loss.kind, LossKind::kGspo);
  EXPECT_EQ(again.data.sources, recipe.data.sources);
}

TEST(RecipeTest, TheSeedAndMicroBatchReachEveryStage) {
  const Recipe recipe = ParseRecipe("[run]\nseed = 9\nmicro_batch_tokens = 512\n", "t");
  EXPECT_EQ(recipe.pretrain.seed, 9u);
  EXPECT_EQ(recipe.sft.seed, 9u);
  EXPECT_EQ(recipe.rl.seed, 9u);
  EXPECT_EQ(recipe.pretrain.micro_batch_tokens, 512);
  EXPECT_EQ(recipe.sft.micro_batch_tokens, 512);
  EXPECT_EQ(recipe.rl.micro_batch_tokens, 512);
}

TEST(RecipeTest, ClipRangesFollowTheLossUnlessGiven) {
  const auto clip = [](const char* toml) { return ParseRecipe(toml, "t").rl.loss; };
  EXPECT_EQ(clip("[rl]\nloss = \"grpo\"\n").clip_high, 0.2f);
  EXPECT_EQ(clip("[rl]\nloss = \"gspo\"\n").clip_low, 3e-4f);
  EXPECT_EQ(clip("[rl]\nloss = \"gspo\"\n").clip_high, 4e-4f);
  EXPECT_EQ(clip("[rl]\nloss = \"cispo\"\n").clip_high, 5.0f);
  EXPECT_EQ(clip("[rl]\nloss = \"gspo\"\nclip_high = 0.5\n").clip_high, 0.5f);
}

TEST(RecipeTest, QuickstartIsBuiltInAndValid) {
  const Recipe recipe = LoadRecipe("quickstart");
  EXPECT_EQ(QuickstartToml(),
            ReadFile(std::filesystem::path(kSourceDir) / "recipes/quickstart.toml"));
  EXPECT_EQ(recipe.model.preset, "nano");
  EXPECT_GE(recipe.eval.num_tasks, 500);
  EXPECT_EQ(LoadRecipe("quickstart", {"rl.num_steps=3"}).rl.num_steps, 3);
}

TEST(RecipeTest, EveryRecipeIsValid) {
  int num_recipes = 0;
  const auto folder = std::filesystem::path(kSourceDir) / "recipes";
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    EXPECT_NO_THROW(LoadRecipe(entry.path().string())) << entry.path();
    ++num_recipes;
  }
  EXPECT_GE(num_recipes, 3);
}

TEST(RecipeTest, RefusesUnknownKeysAndGroups) {
  ExpectMentions(Refusal("[rl]\ngroupsize = 8\n"), {"my.toml", "rl.groupsize", "rl.group_size"});
  ExpectMentions(Refusal("", {"rl.losss=dapo"}), {"rl.losss", "rl.loss"});
}

TEST(RecipeTest, RolloutsHaveNoTruncatedSampling) {
  // A ratio against a truncated distribution isn't one; so there are no such keys.
  ExpectMentions(Refusal("[rl]\ntop_k = 10\n"), {"rl.top_k"});
  ExpectMentions(Refusal("[rl]\ntop_p = 0.9\n"), {"rl.top_p"});
}

TEST(RecipeTest, RefusesWhatCantWork) {
  ExpectMentions(Refusal("[rl]\ngroup_size = 1\n"), {"rl.group_size", "baseline"});
  ExpectMentions(Refusal("[rl]\nnum_minibatches = 5\n"), {"rl.num_minibatches", "32", "5"});
  ExpectMentions(Refusal("[rl]\ntemperature = 0\n"), {"rl.temperature"});
  ExpectMentions(Refusal("[rl]\nmax_new_tokens = 256\n"), {"rl.max_new_tokens", "256"});
  ExpectMentions(Refusal("[rl]\nkl = \"k3\"\n"), {"rl.kl_coef"});
  ExpectMentions(Refusal("[rl]\noverlong = \"soft_penalty\"\noverlong_buffer = 97\n"),
                 {"rl.overlong_buffer", "97"});
  ExpectMentions(Refusal("[pretrain]\nmax_tokens = 512\n"), {"pretrain.max_tokens", "512"});
  ExpectMentions(Refusal("[pretrain]\ntokens_per_step = 128\n"), {"pretrain.tokens_per_step"});
  ExpectMentions(Refusal("[model]\npreset = \"nanno\"\n"), {"nanno", "nano"});
  ExpectMentions(Refusal("[sft]\nenv = \"math/shopp\"\n"), {"sft.env", "math/shop"});
  ExpectMentions(Refusal("[rl]\nenv = \"none\"\n"), {"rl.env"});
  ExpectMentions(Refusal("[eval]\nenv = \"none\"\n"), {"eval.env"});
  ExpectMentions(Refusal("[eval]\nmax_new_tokens = 300\n"), {"eval.max_new_tokens"});
  ExpectMentions(Refusal("[pretrain]\nnum_steps = 0\n[sft]\nnum_steps = 0\n[rl]\nnum_steps = 0\n"),
                 {"rl.num_steps"});
}

// Two trajectories of each game would be taken for two tasks'.
TEST(RecipeTest, RefusesBestOfNInGames) {
  const std::string connect4 =
      ReadFile(std::filesystem::path(kSourceDir) / "recipes/connect4.toml");
  ExpectMentions(Refusal(connect4, {"rl.best_of_n=4"}), {"rl.best_of_n", "2 seats"});
  EXPECT_NO_THROW(ParseRecipe(connect4, "connect4", {"rl.best_of_n=0"}));
}

TEST(RecipeTest, RefusesAtOnceWhatALaterStageCouldNotUse) {
  ExpectMentions(Refusal("", {"rl.reward_models=[\"/no/where\"]"}),
                 {"rl.reward_models", "/no/where", "no such directory"});
  ExpectMentions(Refusal("", {"rl.reward_models=[\"https://a/get_reward\"]"}),
                 {"rl.reward_models", "http://"});
  EXPECT_NO_THROW(ParseRecipe("", "t", {"rl.reward_models=[\"http://a/get_reward\", \"/\"]"}));
  for (const char* env : {"game/connect4(opponent=self)", "tool/calculator"}) {
    const std::string name = std::string("reward_model.env=") + env;
    ExpectMentions(Refusal("", {"reward_model.num_steps=5", name}),
                   {"reward_model.env", "several turns or seats"});
  }
}

TEST(RecipeTest, StagesThatAreLeftOutArentChecked) {
  const Recipe recipe = ParseRecipe(
      "[pretrain]\nnum_steps = 0\nmax_tokens = 9999\n[rl]\nnum_steps = 0\nenv = \"x\"\n", "t");
  EXPECT_EQ(recipe.rl.num_steps, 0);
}

TEST(RecipeTest, RefusesPromptsThatDontFit) {
  const auto tokenizer = datasets::Tokenizer::FromMerges({}, datasets::ChatSpecialTokens());
  const datasets::ChatTemplate chat(tokenizer);
  Recipe recipe = ParseRecipe("", "t");
  recipe.model.max_positions = 1000;
  CheckPromptsFit(recipe, chat);
  recipe.model.max_positions = 110;
  try {
    CheckPromptsFit(recipe, chat);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kUsage);
    ExpectMentions(error.what(), {"rl.max_new_tokens", "math/shop", "110", "model.max_positions"});
  }
}

TEST(RecipeTest, NamesWhatChanged) {
  const Recipe before = ParseRecipe("", "t");
  const Recipe after =
      ParseRecipe("[rl]\ngroup_size = 8\n[run]\nthreads = 3\nsave_every = 5\n", "t");
  EXPECT_EQ(ChangedKeys(after, RecipeToml(before)),
            std::vector<std::string>{"rl.group_size (8, was 16)"});
  EXPECT_NE(RecipeHash(after), RecipeHash(before));
  const Recipe same =
      ParseRecipe("[run]\nthreads = 3\nsave_every = 5\nrecompute = \"layer\"\n", "t");
  EXPECT_EQ(RecipeHash(same), RecipeHash(before)) << "none decides a result";
}

TEST(RecipeTest, AMissingFileNamesTheBuiltInRecipe) {
  try {
    LoadRecipe("/nonexistent.toml");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kNotFound);
    ExpectMentions(error.what(), {"/nonexistent.toml", "quickstart"});
  }
}

// AGON_UPDATE_DOCS=1 writes the page.
TEST(RecipeTest, DocumentationIsCurrent) {
  const auto page = std::filesystem::path(kSourceDir) / "docs/config.md";
  if (std::getenv("AGON_UPDATE_DOCS")) WriteFileAtomic(page, RecipeMarkdown());
  EXPECT_EQ(ReadFile(page), RecipeMarkdown())
      << "run trainer_test with AGON_UPDATE_DOCS=1 and commit docs/config.md";
}

}  // namespace
}  // namespace agon::trainer
