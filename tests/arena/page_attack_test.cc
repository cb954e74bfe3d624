// Hostile visitors and hostile models: what the page must withstand.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <sstream>

#include "arena/page/html.h"
#include "arena/page/leak.h"
#include "arena/page/limits.h"
#include "arena/page/visitor.h"
#include "tests/arena/page_server.h"
#include "tests/contains.h"
#include "tests/net/raw_client.h"
#include "tests/paths.h"

namespace agon::arena {
namespace {

TEST_F(PageTest, AReplayedVoteCountsOnceAndStaysAsItWas) {
  Start();
  TestVisitor visitor = Visit();
  const Json battle = visitor.Battle();
  EXPECT_EQ(visitor.Vote(battle, "a").status, 201);
  for (const char* choice : {"a", "b", "tie"}) {
    const auto again = visitor.Vote(battle, choice);
    EXPECT_EQ(again.status, 200);
    EXPECT_EQ(Parsed(again).at("status"), "already_voted");
  }
  EXPECT_EQ(NumVotes(), 1);
  EXPECT_EQ(Count("SELECT COUNT(*) FROM vote WHERE choice = 'a'"), 1);
}

TEST_F(PageTest, ARaceOfVotesOnOneBattleIsWonByOne) {
  Start();
  TestVisitor visitor = Visit();
  for (int round = 0; round < 5; ++round) {
    const Json battle = visitor.Battle();
    std::atomic<int> num_counted{0}, num_repeated{0};
    std::vector<std::thread> voters;
    for (int i = 0; i < 12; ++i) {
      voters.emplace_back([&, i] {
        TestVisitor same = Visit();
        same.cookie = visitor.cookie;
        same.form_token = visitor.form_token;
        const auto reply = same.Vote(battle, i % 2 == 0 ? "a" : "b");
        num_counted += reply.status == 201;
        num_repeated += reply.status == 200;
      });
    }
    for (std::thread& voter : voters) voter.join();
    EXPECT_EQ(num_counted, 1);
    EXPECT_EQ(num_repeated, 11);
  }
  EXPECT_EQ(NumVotes(), 5);
  EXPECT_TRUE(VerifyArena(file_).problems.empty());
}

TEST_F(PageTest, AForgedOrStolenTokenIsRefused) {
  Start();
  TestVisitor visitor = Visit(), thief = Visit();
  Json battle = visitor.Battle();
  EXPECT_EQ(thief.Vote(battle, "a").status, 403);
  EXPECT_EQ(thief.Get("/api/battles/" + battle.at("id").get<std::string>()).status, 404);
  EXPECT_EQ(thief.Get("/battle/" + battle.at("id").get<std::string>()).status, 404);
  Json forged = battle;
  std::string token = battle.at("token");
  token[0] = token[0] == '0' ? '1' : '0';
  forged["token"] = token;
  EXPECT_EQ(visitor.Vote(forged, "a").status, 403);
  forged["token"] = "";
  EXPECT_EQ(visitor.Vote(forged, "a").status, 403);
  forged = battle;
  forged["id"] = std::string(32, 'f');
  EXPECT_EQ(visitor.Vote(forged, "a").status, 404);
  forged["id"] = "x'%20OR%201=1%20--";
  EXPECT_EQ(visitor.Vote(forged, "a").status, 404);
  EXPECT_EQ(visitor.Vote(battle, "c").status, 400);
  EXPECT_EQ(NumVotes(), 0);
  EXPECT_EQ(visitor.Vote(battle, "a").status, 201);
}

TEST_F(PageTest, AnotherSiteCantActForAVisitor) {
  Start();
  TestVisitor visitor = Visit(), other = Visit();
  const Json battle = visitor.Battle();
  const std::string vote = "/battle/" + battle.at("id").get<std::string>() + "/vote";
  const std::string fields = "choice=a&token=" + battle.at("token").get<std::string>();
  const std::pair<std::string, std::string> form = {"Content-Type",
                                                    "application/x-www-form-urlencoded"};
  const std::string own = "form=" + visitor.form_token + "&" + fields;
  // Without our form's token, or with that of another session.
  EXPECT_EQ(visitor.Send("POST", vote, fields, {form}).status, 403);
  EXPECT_EQ(visitor.Send("POST", vote, "form=" + other.form_token + "&" + fields, {form}).status,
            403);
  // With it, but from elsewhere, as browsers say.
  EXPECT_EQ(visitor.Send("POST", vote, own, {form, {"Sec-Fetch-Site", "cross-site"}}).status, 403);
  EXPECT_EQ(visitor.Send("POST", vote, own, {form, {"Origin", "http://evil.example"}}).status, 403);
  EXPECT_EQ(visitor.Send("POST", vote, own, {form, {"Origin", "null"}}).status, 403);
  // A form can't be JSON, and JSON needs the header.
  const std::string json = Json{{"token", battle.at("token")}, {"choice", "a"}}.dump();
  EXPECT_EQ(visitor
                .Send("POST", "/api" + ("/battles" + vote.substr(7)), json,
                      {{"Content-Type", "text/plain"}})
                .status,
            415);
  EXPECT_EQ(visitor
                .Send("POST", "/api" + ("/battles" + vote.substr(7)), json,
                      {{"Content-Type", "application/json"}})
                .status,
            403);
  EXPECT_EQ(visitor.Get(vote).status, 404);
  EXPECT_EQ(NumVotes(), 0);
  const std::string host = "http://127.0.0.1:" + std::to_string(port());
  EXPECT_EQ(visitor.Send("POST", vote, own, {form, {"Origin", host}}).status, 303);
}

TEST_F(PageTest, AnUnknownHostNameIsRefused) {
  Start();
  for (const auto& [host, status] :
       {std::pair("localhost:8080", "200"), std::pair("127.0.0.1", "200"),
        std::pair("[::1]", "200"), std::pair("evil.example", "421"),
        std::pair("127.0.0.1.evil.example", "421")}) {
    RawClient client(port());
    client.Send("GET / HTTP/1.1\r\nHost: " + std::string(host) + "\r\nConnection: close\r\n\r\n");
    EXPECT_TRUE(client.ReceiveAll().starts_with("HTTP/1.1 " + std::string(status))) << host;
  }
}

TEST_F(PageTest, HostileTextNeverBecomesMarkup) {
  speakers_.reply = ReadFile(kSourceDir + "/tests/browser/hostile.txt");
  Start(0);
  const std::string name = "<script>window.hacked=1</script>\"'>";
  {
    Arena arena = Open();
    arena.AddModel({.name = name, .stage = "<b>"});
    arena.AddModel({.name = "plain"});
  }
  TestVisitor visitor = Visit();
  const Json battle = visitor.Battle(speakers_.reply);
  const std::string id = battle.at("id");
  std::vector<std::string> pages = {visitor.Get("/battle/" + id).body};
  EXPECT_EQ(visitor.Vote(battle, "a").status, 201);
  for (const std::string& path :
       {"/battle/" + id, "/model?name=" + UrlEncoded(name), std::string("/leaderboard"),
        std::string("/?lang=%3Cscript%3E"), "/battle/<script>" + id}) {
    pages.push_back(visitor.Get(path).body);
  }
  for (const std::string& page : pages) {
    // Each line that has markup in it, as it came, would be an element.
    std::istringstream lines(speakers_.reply + name);
    for (std::string line; std::getline(lines, line);) {
      EXPECT_FALSE(Contains(line, "<") && Contains(page, line)) << line;
    }
    EXPECT_FALSE(Contains(page, "<script>"));
    EXPECT_FALSE(Contains(page, "<img src=x"));
  }
  EXPECT_TRUE(Contains(pages[0], "&lt;script&gt;window.hacked = 1&lt;/script&gt;"));
}

TEST_F(PageTest, EveryReplyCarriesAStrictPolicy) {
  Start();
  TestVisitor visitor = Visit();
  for (const char* path : {"/", "/leaderboard", "/nothing/here", "/battle/none", "/api/leaderboard",
                           "/assets/page.css", "/assets/none", "/api/battles/none"}) {
    const auto reply = visitor.Get(path);
    if (std::string_view(path) == "/nothing/here") continue;  // the server's own 404 is JSON
    const std::string_view policy = reply.Header("Content-Security-Policy");
    EXPECT_TRUE(Contains(policy, "default-src 'none'")) << path;
    EXPECT_FALSE(Contains(policy, "unsafe")) << path;
    EXPECT_EQ(reply.Header("X-Content-Type-Options"), "nosniff") << path;
  }
  RawClient fresh(port());
  fresh.Send("GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
  const std::string reply = fresh.ReceiveAll();
  EXPECT_TRUE(Contains(reply, "SameSite=Lax; HttpOnly")) << reply.substr(0, 1000);
}

TEST_F(PageTest, PathsDontLeadOutOfTheAssets) {
  Start();
  for (const char* path :
       {"/assets/../arena.db", "/assets/%2e%2e/arena.db", "/assets/..%2farena.db",
        "/assets//etc/passwd", "/assets/page.css/../../arena.db", "/assets/%00page.css",
        "/battle/../../etc/passwd"}) {
    RawClient client(port());
    client.Send("GET " + std::string(path) +
                " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    const std::string reply = client.ReceiveAll();
    EXPECT_TRUE(reply.starts_with("HTTP/1.1 404") || reply.starts_with("HTTP/1.1 400")) << path;
  }
}

TEST_F(PageTest, HugeBodiesAndSlowClientsDontKeepOthersFromVoting) {
  Start();
  RawClient huge(port());
  huge.Send("POST /battles HTTP/1.1\r\nHost: localhost\r\nContent-Length: 104857600\r\n\r\n");
  EXPECT_TRUE(huge.Receive("}\n").starts_with("HTTP/1.1 413"));
  std::vector<std::unique_ptr<RawClient>> slow;
  for (int i = 0; i < 200; ++i) {
    slow.push_back(std::make_unique<RawClient>(port()));
    slow.back()->Send(
        "POST /battles HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\nform");
  }
  TestVisitor visitor = Visit();
  EXPECT_EQ(visitor.Vote(visitor.Battle(), "a").status, 201);
  EXPECT_EQ(visitor.Post("/api/battles", {{"prompt", std::string(20000, 'x')}}).status, 413);
  EXPECT_EQ(visitor.Post("/api/battles", {{"prompt", 7}}).status, 400);
  EXPECT_EQ(visitor.Post("/api/battles", {{"prompt", ""}}).status, 400);
  EXPECT_EQ(visitor
                .Send("POST", "/api/battles", "{\"prompt\": ",
                      {{"Content-Type", "application/json"}, {"X-Form-Token", visitor.form_token}})
                .status,
            400);
}

TEST(HtmlText, IsNeverMarkup) {
  Html html;
  html.Add("<p title=\"").Text("\"'><b>&\0\xff").Add("\">").JsonText("{\"a\":\"</script>\"}");
  EXPECT_EQ(std::move(html).Take(),
            "<p title=\"&quot;&#39;&gt;&lt;b&gt;&amp;\">{\"a\":\"\\u003c/script>\"}");
}

TEST(Leak, IsAWholeWordThatNobodyAskedFor) {
  const auto names = NamesOfModel("demo/rl-000100", "http://127.0.0.1:8000/v1#Nano-Big");
  EXPECT_EQ(names, (std::vector<std::string>{"demo/rl-000100", "nano-big", "rl-000100"}));
  EXPECT_EQ(FindLeak("I am RL-000100!", {"Who?"}, names), "rl-000100");
  EXPECT_EQ(FindLeak("I am rl-0001000", {"Who?"}, names), "");
  EXPECT_EQ(FindLeak("Trained by OpenAI.", {"Who?"}, names), "openai");
  EXPECT_EQ(FindLeak("Trained by OpenAI.", {"Is it openai?"}, names), "");
  EXPECT_EQ(FindLeak("저는 nano-big입니다", {"누구?"}, names), "nano-big");
  EXPECT_EQ(FindLeak("bards sing, clauded skies", {"Sing"}, names), "");
  EXPECT_TRUE(NamesOfModel("a", "").empty());  // would be in every text
}

TEST(RateLimit, RefillsAndForgets) {
  RateLimit limit(2, 60);
  EXPECT_EQ(limit.Take("a", 0), 0);
  EXPECT_EQ(limit.Take("a", 0), 0);
  EXPECT_EQ(limit.Take("a", 0), 1000);
  EXPECT_EQ(limit.Take("a", 400), 600);
  EXPECT_EQ(limit.Take("b", 400), 0);
  EXPECT_EQ(limit.Take("a", 1000), 0);
  EXPECT_EQ(limit.Take("a", 900), 1000);  // a clock behind: no refill
  for (int i = 0; i < 200000; ++i) limit.Take("flood " + std::to_string(i), 2000);
  RateLimit none(0, 0);
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(none.Take("a", 0), 0);
}

TEST(Forms, AreReadStrictly) {
  auto fields = ParseForm("a=1&b=x+y%2B%26&a=2&=&c&d=%zz&e=%ed%95%9c");
  EXPECT_EQ(fields["a"], "1");
  EXPECT_EQ(fields["b"], "x y+&");
  EXPECT_EQ(fields.count("c"), 1u);
  EXPECT_EQ(fields.count("d"), 0u);
  EXPECT_EQ(fields["e"], "한");
  EXPECT_EQ(ParseList("t=1&u=2&t=3", "t"), (std::vector<std::string>{"1", "3"}));
  std::string many;
  for (int i = 0; i < 100000; ++i) many += "&k" + std::to_string(i) + "=1";
  EXPECT_LE(ParseForm(many).size(), 64u);
  EXPECT_EQ(UrlEncoded("a b/<\xff"), "a%20b/%3C%FF");
}

}  // namespace
}  // namespace agon::arena
