#include "envs/text/words.h"

#include <array>

#include "core/error.h"

namespace agon::envs {
namespace {

constexpr std::string_view kWords[] = {
    "able",       "about",       "above",       "accept",      "accident",    "account",
    "across",     "action",      "address",     "adventure",   "afternoon",   "again",
    "agree",      "airport",     "alarm",       "alive",       "almost",      "alone",
    "alphabet",   "always",      "amazing",     "amount",      "ancient",     "animal",
    "answer",     "apple",       "april",       "apron",       "arrive",      "artist",
    "attack",     "august",      "autumn",      "average",     "baby",        "bacon",
    "badge",      "bake",        "balance",     "balloon",     "banana",      "bandage",
    "basket",     "bathroom",    "battery",     "beach",       "beautiful",   "because",
    "bedroom",    "beetle",      "before",      "begin",       "believe",     "berry",
    "better",     "between",     "bicycle",     "billion",     "birthday",    "bitter",
    "blanket",    "blossom",     "bottle",      "bottom",      "bounce",      "branch",
    "brave",      "bread",       "breakfast",   "bridge",      "bright",      "broccoli",
    "brother",    "bubble",      "bucket",      "building",    "butter",      "butterfly",
    "button",     "cabbage",     "camera",      "candle",      "cannot",      "carpet",
    "carrot",     "castle",      "catch",       "cattle",      "celebrate",   "center",
    "century",    "ceremony",    "chair",       "challenge",   "cheese",      "cherry",
    "chicken",    "children",    "chocolate",   "circle",      "city",        "classroom",
    "clever",     "climb",       "clock",       "coffee",      "collect",     "college",
    "color",      "common",      "computer",    "connect",     "cookie",      "correct",
    "cotton",     "cousin",      "cradle",      "crayon",      "cream",       "curtain",
    "dance",      "danger",      "daughter",    "december",    "decide",      "decision",
    "deep",       "deliver",     "desert",      "dessert",     "detail",      "diamond",
    "dictionary", "difference",  "different",   "difficult",   "dinner",      "discover",
    "distance",   "doctor",      "dolphin",     "dragon",      "drawer",      "dream",
    "early",      "earth",       "east",        "easy",        "eight",       "elbow",
    "elephant",   "eleven",      "embarrass",   "empty",       "engine",      "enough",
    "evening",    "example",     "excellent",   "exercise",    "expect",      "explain",
    "express",    "falcon",      "family",      "famous",      "farmer",      "father",
    "favorite",   "feather",     "february",    "fifteen",     "finger",      "finish",
    "flower",     "forest",      "forget",      "fountain",    "freedom",     "friend",
    "frozen",     "future",      "garden",      "garlic",      "gentle",      "giraffe",
    "glass",      "golden",      "grammar",     "grandmother", "grass",       "gravity",
    "green",      "grocery",     "group",       "guitar",      "hammer",      "handle",
    "happen",     "happy",       "harbor",      "harvest",     "heavy",       "hello",
    "helmet",     "hidden",      "history",     "holiday",     "honest",      "honey",
    "horse",      "hospital",    "hotel",       "house",       "hundred",     "hurry",
    "idea",       "imagine",     "immediately", "important",   "insect",      "inside",
    "island",     "jacket",      "january",     "jelly",       "journey",     "juice",
    "jungle",     "kangaroo",    "kettle",      "kitchen",     "kitten",      "knight",
    "ladder",     "lantern",     "laptop",      "laugh",       "leather",     "lemon",
    "lesson",     "letter",      "library",     "lightning",   "little",      "lizard",
    "lobster",    "lunch",       "machine",     "magnet",      "mammal",      "market",
    "marry",      "mathematics", "matter",      "meadow",      "meeting",     "melody",
    "middle",     "million",     "minute",      "mirror",      "mississippi", "mistake",
    "mitten",     "monday",      "money",       "monkey",      "moon",        "morning",
    "mother",     "mountain",    "mouse",       "muffin",      "mushroom",    "music",
    "necessary",  "needle",      "neighbor",    "nephew",      "nickel",      "night",
    "noodle",     "north",       "notebook",    "nothing",     "number",      "object",
    "occasion",   "ocean",       "october",     "office",      "onion",       "opposite",
    "orange",     "orchard",     "orchestra",   "ordinary",    "other",       "oxygen",
    "paddle",     "paint",       "palace",      "pancake",     "paper",       "parallel",
    "parrot",     "passenger",   "peanut",      "pebble",      "pencil",      "pepper",
    "perfect",    "person",      "piano",       "picnic",      "picture",     "pillow",
    "pilot",      "pineapple",   "planet",      "plastic",     "pocket",      "poem",
    "poetry",     "police",      "possess",     "potato",      "powder",      "practice",
    "present",    "pretty",      "problem",     "process",     "professor",   "promise",
    "pumpkin",    "puppy",       "purple",      "puzzle",      "quarter",     "queen",
    "question",   "quick",       "quiet",       "rabbit",      "raccoon",     "radio",
    "railway",    "rainbow",     "raspberry",   "reason",      "receive",     "recommend",
    "referee",    "remember",    "repeat",      "report",      "river",       "robot",
    "rocket",     "rubber",      "saddle",      "salad",       "sandwich",    "saturday",
    "scissors",   "season",      "second",      "secret",      "seven",       "shadow",
    "sheep",      "shell",       "shoulder",    "silver",      "simple",      "singer",
    "sister",     "skeleton",    "slipper",     "snow",        "soccer",      "soldier",
    "someone",    "spaghetti",   "special",     "spider",      "spring",      "square",
    "squirrel",   "station",     "stomach",     "strawberry",  "street",      "strong",
    "student",    "success",     "sudden",      "summer",      "sunday",      "sunflower",
    "supper",     "surprise",    "swimming",    "table",       "teacher",     "teeth",
    "telephone",  "temperature", "terrible",    "theater",     "thirteen",    "thousand",
    "thunder",    "ticket",      "tiger",       "tomato",      "tomorrow",    "tongue",
    "tooth",      "towel",       "tower",       "traffic",     "train",       "travel",
    "treasure",   "trouble",     "trumpet",     "tunnel",      "turtle",      "twelve",
    "twenty",     "ubiquitous",  "umbrella",    "uncle",       "under",       "university",
    "useful",     "valley",      "vanilla",     "vegetable",   "village",     "violin",
    "volcano",    "voyage",      "wagon",       "walnut",      "water",       "weather",
    "wedding",    "week",        "whisper",     "whistle",     "window",      "winter",
    "wonder",     "woodpecker",  "world",       "worm",        "yellow",      "yesterday",
    "zebra",      "zigzag",      "zipper",
};

constexpr std::array<std::string_view, 28> kOnsets = {
    "b",  "d",  "f",  "g",  "h",  "k",  "l",  "m",  "n",  "p",  "r",  "s",  "t",  "v",
    "br", "cl", "dr", "fl", "gr", "kl", "pl", "pr", "sh", "sl", "st", "th", "tr", "w"};
constexpr std::string_view kVowels = "aeiou";
constexpr std::array<std::string_view, 10> kCodas = {"",  "",  "",  "l",  "n",
                                                     "r", "s", "m", "rt", "nd"};

}  // namespace

std::string InventedWord(Rng& rng, int num_syllables) {
  AGON_CHECK(num_syllables >= 1);
  std::string word;
  for (int i = 0; i < num_syllables; ++i) {
    word += kOnsets[rng.Below(kOnsets.size())];
    word += kVowels[rng.Below(kVowels.size())];
    word += kCodas[rng.Below(kCodas.size())];
  }
  return word;
}

std::span<const std::string_view> CommonWords() { return kWords; }

std::string DrawWord(Rng& rng, size_t min_size, size_t max_size) {
  AGON_CHECK(min_size >= 3 && min_size <= max_size && max_size <= 14);
  for (;;) {
    std::string word(rng.Below(2) == 0 ? InventedWord(rng, static_cast<int>(rng.Between(1, 4)))
                                       : std::string(kWords[rng.Below(std::size(kWords))]));
    if (word.size() >= min_size && word.size() <= max_size) return word;
  }
}

std::string SpacedLetters(std::string_view word) {
  std::string spaced;
  for (const char c : word) {
    if (!spaced.empty()) spaced += ' ';
    spaced += c;
  }
  return spaced;
}

std::string Capitalized(std::string word) {
  if (!word.empty() && word[0] >= 'a' && word[0] <= 'z')
    word[0] = static_cast<char>(word[0] & ~0x20);
  return word;
}

}  // namespace agon::envs
