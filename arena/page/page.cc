#include <cstdio>
#include <utility>

#include "arena/page/impl.h"
#include "core/digest.h"
#include "core/error.h"

namespace agon::arena {
namespace {

bool IsApi(std::string_view path) { return path.starts_with("/api/"); }

std::vector<std::string> LowerWords(std::vector<std::string> words) {
  for (std::string& word : words) {
    for (char& c : word) {
      if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
    }
  }
  return words;
}

}  // namespace

Page::Impl::Impl(const std::filesystem::path& file, Speakers& speakers, PageOptions options,
                 net::Metrics& metrics)
    : speakers_(speakers),
      options_(std::move(options)),
      metrics_(metrics),
      clerk_(file, metrics),
      readers_(file),
      battles_per_session_(options_.battles_per_session.burst,
                           options_.battles_per_session.per_minute),
      battles_per_address_(options_.battles_per_address.burst,
                           options_.battles_per_address.per_minute),
      votes_per_session_(options_.votes_per_session.burst, options_.votes_per_session.per_minute),
      votes_per_address_(options_.votes_per_address.burst, options_.votes_per_address.per_minute),
      reads_per_address_(options_.reads_per_address.burst, options_.reads_per_address.per_minute),
      vote_seconds_(metrics.AddHistogram("agon_arena_vote_seconds",
                                         "From a vote's request until it is on the disk.")),
      rooms_(clerk_, speakers, metrics,
             {.reply_ms = options_.reply_ms,
              .max_live = options_.max_live,
              .identity_words = LowerWords(options_.identity_words)}) {}

Visitor Page::Impl::Admit(const Request& request) {
  Visitor visitor = VisitorOf(request, options_.trusts_forwarded);
  if (!KnowsHost(request.Header("Host"), options_.host_names)) throw Refusal{421, "err_host"};
  if (request.method != "GET" && request.method != "HEAD" && IsForeign(request)) {
    throw Refusal{403, "err_form"};
  }
  return visitor;
}

void Page::Impl::Allow(RateLimit& limit, const std::string& key) const {
  const int64_t wait_ms = limit.Take(key, SteadyMs());
  if (wait_ms > 0) throw Refusal{429, "err_rate", static_cast<int>(wait_ms / 1000) + 1};
}

// A form of ours for this session, or nothing happens.
void Page::Impl::RequireForm(const Visitor& visitor, std::string_view token) {
  const std::string wanted =
      readers_.With([&](Arena& arena) { return arena.FormToken(visitor.session); });
  if (visitor.is_new || !SameSecret(token, wanted)) throw Refusal{403, "err_form"};
}

net::HttpResponse Page::Impl::Refuse(const Request& request, const Visitor& visitor,
                                     const Refusal& refusal) const {
  const std::string_view text = Say(visitor, refusal.key);
  Response response;
  if (IsApi(request.path)) {
    response = net::ErrorResponse(refusal.status, text, refusal.key.substr(4));
  } else {
    Html html;
    html.Add("<section class=\"card notice\"><h1>").Text(text).Add("</h1>");
    html.Add("<p><a class=\"button\" href=\"/\">").Text(Say(visitor, "back")).Add("</a></p>");
    html.Add("</section>");
    response = Framed(visitor, {.title = std::string(text), .path = "/"}, html, refusal.status);
  }
  if (refusal.retry_s > 0) {
    response.headers.emplace_back("Retry-After", std::to_string(refusal.retry_s));
  }
  return response;
}

void Page::Impl::Async(net::HttpServer& server, std::string_view method, std::string_view path,
                       AsyncHandler handler, bool is_json) {
  server.AsyncRoute(method, path,
                    [this, handler](const net::HttpExchangePtr& exchange) {
                      Visitor visitor;
                      visitor.language = "en";
                      try {
                        visitor = VisitorOf(exchange->request(), options_.trusts_forwarded);
                        visitor = Admit(exchange->request());
                        (this->*handler)(exchange, visitor);
                      } catch (const Refusal& refusal) {
                        Response response = Refuse(exchange->request(), visitor, refusal);
                        AddPageHeaders(visitor, false, response);
                        exchange->Reply(std::move(response));
                      }
                    },
                    {.is_json = is_json});
}

// Of handlers that reply at once. Looking is limited by address; what changes something has
// limits of its own.
net::HttpResponse Page::Impl::Answer(const Request& request, Handler handler, bool only_looks) {
  Visitor visitor;
  visitor.language = "en";
  Response response;
  try {
    visitor = VisitorOf(request, options_.trusts_forwarded);
    visitor = Admit(request);
    if (only_looks) Allow(reads_per_address_, visitor.address);
    response = (this->*handler)(request, visitor);
  } catch (const Refusal& refusal) {
    response = Refuse(request, visitor, refusal);
  }
  AddPageHeaders(visitor, false, response);
  return response;
}

void Page::Impl::Get(net::HttpServer& server, std::string_view path, Handler handler) {
  server.Route("GET", path,
               [this, handler](const Request& request) { return Answer(request, handler, true); },
               {.is_public = true});
}

void Page::Impl::Post(net::HttpServer& server, std::string_view path, Handler handler,
                      bool is_json) {
  server.Route("POST", path,
               [this, handler](const Request& request) { return Answer(request, handler, false); },
               {.is_json = is_json});
}

net::HttpResponse Page::Impl::Health(const Request&, const Visitor&) {
  const int64_t rows = readers_.With([](Arena& arena) { return arena.NumLogRows(); });
  return {200, Json{{"status", "ok"}, {"log_rows", rows}}.dump() + "\n"};
}

net::HttpResponse Page::Impl::ShowMetrics(const Request&, const Visitor&) {
  return {200, metrics_.Text(), {{"Content-Type", net::Metrics::kContentType}}};
}

void Page::Impl::AddRoutes(net::HttpServer& server) {
  Get(server, "/", &Impl::StartPage);
  Get(server, "/battle/*", &Impl::BattlePage);
  Get(server, "/leaderboard", &Impl::BoardPage);
  Get(server, "/model", &Impl::ModelPage);
  Get(server, "/games", &Impl::GamesPage);
  Post(server, "/setup", &Impl::SetUp, false);
  Post(server, "/battles", &Impl::FormNewBattle, false);
  Async(server, "POST", "/battle/*", &Impl::FormBattleAction, false);

  Get(server, "/api/session", &Impl::ApiSession);
  Get(server, "/api/prompt", &Impl::ApiPrompt);
  Get(server, "/api/leaderboard", &Impl::ApiLeaderboard);
  Get(server, "/api/model", &Impl::ApiModel);
  Get(server, "/api/games", &Impl::ApiGames);
  Post(server, "/api/battles", &Impl::ApiNewBattle, true);
  Async(server, "GET", "/api/battles/*", &Impl::ApiBattle, true);
  Async(server, "POST", "/api/battles/*", &Impl::ApiBattleAction, true);

  Get(server, "/health", &Impl::Health);
  Get(server, "/metrics", &Impl::ShowMetrics);
  server.Route("GET", "/assets/*", [](const Request& request) {
    Response response = ServeAsset(request);
    AddPageHeaders({}, true, response);
    return response;
  });
}

Page::Page(const std::filesystem::path& file, Speakers& speakers, PageOptions options,
           net::Metrics& metrics)
    : impl_(std::make_unique<Impl>(file, speakers, std::move(options), metrics)) {}

Page::~Page() = default;

void Page::AddRoutes(net::HttpServer& server) { impl_->AddRoutes(server); }

}  // namespace agon::arena
