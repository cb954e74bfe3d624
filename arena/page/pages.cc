#include <algorithm>
#include <charconv>

#include "arena/page/impl.h"
#include "core/error.h"

namespace agon::arena {

net::HttpResponse Page::Impl::Framed(const Visitor& visitor, const Frame& frame, const Html& body,
                                     int status) const {
  const std::string& language = visitor.language;
  const bool is_korean = language == "ko";
  Html html;
  html.Add("<!doctype html>\n<html lang=\"").Text(language).Add("\">\n<head>\n");
  html.Add("<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width, ");
  html.Add("initial-scale=1\">\n<meta name=\"color-scheme\" content=\"light dark\">\n<title>");
  html.Text(frame.title).Add(" · agon arena</title>\n");
  html.Add("<link rel=\"icon\" href=\"/assets/icon.svg\" type=\"image/svg+xml\">\n");
  html.Add("<link rel=\"stylesheet\" href=\"/assets/page.css\">\n");
  if (frame.refreshes) {
    html.Add("<noscript><meta http-equiv=\"refresh\" content=\"2\"></noscript>\n");
  }
  if (!frame.script.empty()) {
    html.Add("<script type=\"application/json\" id=\"texts\">");
    html.JsonText(texts_.JsonOf(language)).Add("</script>\n");
    html.Add("<script type=\"module\" src=\"/assets/").Text(frame.script).Add("\"></script>\n");
  }
  html.Add("</head>\n<body>\n<a class=\"skip\" href=\"#main\">");
  html.Text(Say(visitor, "skip")).Add("</a>\n<header class=\"top\"><div class=\"wide\">");
  html.Add("<a class=\"brand\" href=\"/\"><img src=\"/assets/icon.svg\" alt=\"\" width=\"28\" ");
  html.Add("height=\"28\">agon<span>arena</span></a>\n<nav aria-label=\"");
  html.Text(Say(visitor, "nav")).Add("\">");
  const std::pair<std::string_view, const char*> links[] = {
      {"/", "nav_battle"}, {"/leaderboard", "nav_board"}, {"/games", "nav_games"}};
  for (const auto& [path, key] : links) {
    html.Add("<a href=\"").Text(path).Add("\"");
    if (path == frame.path) html.Add(" aria-current=\"page\"");
    html.Add(">").Text(Say(visitor, key)).Add("</a>");
  }
  html.Add("<a class=\"language\" href=\"").Text(frame.path).Add("?lang=");
  html.Text(is_korean ? "en" : "ko").Add("\" lang=\"").Text(is_korean ? "en" : "ko");
  html.Add("\" hreflang=\"").Text(is_korean ? "en" : "ko").Add("\">");
  html.Text(is_korean ? "English" : "한국어").Add("</a></nav></div></header>\n");
  html.Add("<main id=\"main\" class=\"wide\">\n").Append(body).Add("\n</main>\n");
  html.Add("<footer class=\"wide\"><p>").Text(Say(visitor, "privacy")).Add("</p></footer>\n");
  html.Add("</body>\n</html>\n");
  return {status, std::move(html).Take(), {{"Content-Type", "text/html; charset=utf-8"}}};
}

void Page::Impl::AddFormToken(Html& html, const Visitor& visitor) const {
  const std::string token =
      readers_.With([&](Arena& arena) { return arena.FormToken(visitor.session); });
  html.Add("<input type=\"hidden\" name=\"form\" value=\"").Text(token).Add("\">");
}

void Page::Impl::AddPromptForm(Html& html, const Visitor& visitor,
                               const std::string& prompt) const {
  html.Add("<form class=\"ask\" method=\"post\" action=\"/battles\">");
  AddFormToken(html, visitor);
  html.Add("<label for=\"prompt\">").Text(Say(visitor, "prompt_label")).Add("</label>");
  html.Add("<textarea id=\"prompt\" name=\"prompt\" rows=\"4\" dir=\"auto\" maxlength=\"");
  html.Text(static_cast<int64_t>(options_.max_prompt_bytes)).Add("\" placeholder=\"");
  html.Text(Say(visitor, "prompt_hint")).Add("\">").Text(prompt).Add("</textarea>");
  html.Add("<div class=\"row\"><button class=\"primary\" id=\"start\">");
  html.Text(Say(visitor, "start")).Add("</button>");
  if (options_.draw_prompt) {
    html.Add("<button id=\"draw\" name=\"draw\" value=\"1\">");
    html.Text(Say(visitor, "draw")).Add("</button>");
  }
  html.Add("</div></form>");
}

void Page::Impl::AddSetUp(Html& html, const Visitor& visitor) const {
  html.Add("<section class=\"card\"><h2>").Text(Say(visitor, "setup_title")).Add("</h2>");
  if (options_.checkpoints.empty()) {
    html.Add("<p>").Text(Say(visitor, "setup_none")).Add("</p>");
    html.Add("<pre class=\"command\">bash scripts/quickstart.sh\n");
    html.Add("rl-arena serve --model DIR --model DIR</pre></section>");
    return;
  }
  html.Add("<p>").Text(Say(visitor, "setup_found")).Add("</p>");
  html.Add("<form method=\"post\" action=\"/setup\">");
  AddFormToken(html, visitor);
  html.Add("<fieldset class=\"checks\"><legend>").Text(Say(visitor, "setup_legend"));
  html.Add("</legend>");
  for (size_t i = 0; i < options_.checkpoints.size(); ++i) {
    html.Add("<label><input type=\"checkbox\" name=\"checkpoint\" value=\"");
    html.Text(static_cast<int64_t>(i)).Add("\" checked> ");
    html.Text(options_.checkpoints[i]).Add("</label>");
  }
  html.Add("</fieldset><button class=\"primary\" id=\"enter\">");
  html.Text(Say(visitor, "setup_enter")).Add("</button></form></section>");
}

net::HttpResponse Page::Impl::StartPage(const Request&, const Visitor& visitor) {
  const size_t num_models = ReadyModels().size();
  Html html;
  html.Add("<section class=\"hero\"><h1>").Text(Say(visitor, "hero")).Add("</h1><p>");
  html.Text(Say(visitor, "hero_text")).Add("</p></section>");
  if (num_models < 2) {
    AddSetUp(html, visitor);
  } else {
    html.Add("<section class=\"card\">");
    AddPromptForm(html, visitor, "");
    html.Add("</section><ol class=\"steps\">");
    for (const char* key : {"step_1", "step_2", "step_3"}) {
      html.Add("<li>").Text(Say(visitor, key)).Add("</li>");
    }
    html.Add("</ol>");
  }
  return Framed(
      visitor,
      {.title = std::string(Say(visitor, "nav_battle")), .script = "start.js", .path = "/"}, html);
}

net::HttpResponse Page::Impl::SetUp(const Request& request, const Visitor& visitor) {
  RequireForm(visitor, ParseForm(request.body)["form"]);
  const std::lock_guard lock(enter_mutex_);
  if (ReadyModels().size() >= 2 || !options_.enter) throw Refusal{409, "err_set_up"};
  std::vector<size_t> chosen;
  for (const std::string& text : ParseList(request.body, "checkpoint")) {
    size_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    const bool is_number = error == std::errc() && end == text.data() + text.size();
    if (!is_number || number >= options_.checkpoints.size()) throw Refusal{400, "err_choice"};
    if (std::find(chosen.begin(), chosen.end(), number) == chosen.end()) chosen.push_back(number);
  }
  std::sort(chosen.begin(), chosen.end());
  try {
    options_.enter(chosen);
  } catch (const Error& error) {
    std::fprintf(stderr, "arena: a checkpoint can't be entered: %s\n", error.what());
    throw Refusal{500, "err_enter"};
  }
  return {303, "", {{"Location", "/"}}};
}

net::HttpResponse Page::Impl::FormNewBattle(const Request& request, const Visitor& visitor) {
  auto fields = ParseForm(request.body);
  RequireForm(visitor, fields["form"]);
  const std::string id =
      NewBattle(visitor, fields["prompt"], fields["category"], fields["draw"] == "1");
  return {303, "", {{"Location", "/battle/" + id}}};
}

// Drawn by the script; without one, the same as plain text.
net::HttpResponse Page::Impl::BoardPage(const Request&, const Visitor& visitor) {
  const std::string table = readers_.With(
      [](Arena& arena) { return LeaderboardTable(ReadLeaderboard(arena, LeaderboardOptions())); });
  Html html;
  html.Add("<h1>").Text(Say(visitor, "nav_board")).Add("</h1><div id=\"app\"><noscript><pre>");
  html.Text(table).Add("</pre></noscript></div>");
  return Framed(visitor,
                {.title = std::string(Say(visitor, "nav_board")),
                 .script = "board.js",
                 .path = "/leaderboard"},
                html);
}

net::HttpResponse Page::Impl::ModelPage(const Request& request, const Visitor& visitor) {
  const std::string name = ParseForm(request.query)["name"];
  const bool is_known =
      readers_.With([&](Arena& arena) { return arena.FindModel(name).has_value(); });
  if (!is_known) throw Refusal{404, "err_no_model"};
  Html html;
  html.Add("<h1 class=\"name\">").Text(name).Add("</h1><div id=\"app\"><noscript><p>");
  html.Text(Say(visitor, "needs_script")).Add("</p></noscript></div>");
  return Framed(visitor, {.title = name, .script = "model.js", .path = "/leaderboard"}, html);
}

net::HttpResponse Page::Impl::GamesPage(const Request&, const Visitor& visitor) {
  Html html;
  html.Add("<h1>").Text(Say(visitor, "nav_games")).Add("</h1><div id=\"app\"><noscript><p>");
  html.Text(Say(visitor, "needs_script")).Add("</p></noscript></div>");
  return Framed(
      visitor,
      {.title = std::string(Say(visitor, "nav_games")), .script = "games.js", .path = "/games"},
      html);
}

}  // namespace agon::arena
