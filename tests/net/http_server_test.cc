// The server as clients see it: every byte of some replies, every status it gives by itself, and
// what happens to those that are slow, rude or many.
#include "net/http_server.h"

#include <gtest/gtest.h>

#include <thread>

#include "core/error.h"
#include "tests/error_of.h"
#include "tests/net/http_server_fixture.h"

namespace agon::net {
namespace {

TEST_F(HttpServerTest, ARepliesBytes) {
  Start();
  RawClient client(port());
  client.Send("GET /hello HTTP/1.1\r\nHost: a\r\nX-Request-Id: r1\r\nConnection: close\r\n\r\n");
  EXPECT_EQ(client.ReceiveAll(),
            "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nX-Request-Id: r1\r\n"
            "Connection: close\r\nContent-Length: 2\r\n\r\nhi");
}

TEST_F(HttpServerTest, RequestsOfOneConnectionAreAnsweredInOrder) {
  Start();
  RawClient client(port());
  client.Send("GET /files/a HTTP/1.1\r\nHost: a\r\n\r\nGET /files/b%20c?x=%20 HTTP/1.1\r\n");
  client.Send("Host: a\r\n\r\nPOST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n");
  client.Send("Content-Type: application/json; charset=utf-8\r\n\r\n1");
  client.Send("23GET /files/last HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  const std::string all = client.ReceiveAll();
  const size_t a = all.find("/files/a?"), b = all.find("/files/b c?x=%20"),
               echo = all.find("\r\n\r\n123HTTP"), last = all.find("/files/last?");
  EXPECT_TRUE(a < b && b < echo && echo < last && last != std::string::npos) << all;
}

TEST_F(HttpServerTest, ChunkedBodiesAndContinue) {
  Start();
  RawClient client(port());
  client.Send(
      "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
      "Transfer-Encoding: chunked\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n");
  EXPECT_EQ(client.Receive("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
  client.Send("3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n");
  EXPECT_TRUE(client.ReceiveAll().ends_with("\r\n\r\nabcde"));
}

TEST_F(HttpServerTest, Http10) {
  Start();
  RawClient client(port());
  client.Send("GET /hello HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  EXPECT_TRUE(Contains(client.Receive("hi"), "Connection: keep-alive\r\n"));
  client.Send("GET /stream HTTP/1.0\r\n\r\n");
  const HttpExchangePtr stream = Stream();
  stream->Write("more");
  stream->EndStream();
  const std::string reply = client.ReceiveAll();
  EXPECT_TRUE(reply.ends_with("\r\n\r\nfirst,more")) << reply;
  EXPECT_FALSE(Contains(reply, "chunked"));
}

TEST_F(HttpServerTest, HeadAndOptions) {
  Start();
  HttpClient client(Url(""));
  const HttpResponse head = client.Send("HEAD", "/hello");
  EXPECT_EQ(head.status, 200);
  EXPECT_EQ(head.Header("content-length"), "2");
  EXPECT_EQ(head.body, "");
  const HttpResponse options = client.Send("OPTIONS", "/hello");
  EXPECT_EQ(options.status, 204);
  EXPECT_EQ(options.Header("Allow"), "OPTIONS, GET, HEAD");
  EXPECT_EQ(client.Send("GET", "/hello").body, "hi");  // the connection lives on
}

TEST_F(HttpServerTest, StatusesItGivesByItself) {
  Start({.max_header_bytes = 512, .max_body_bytes = 100});
  const std::string host = " HTTP/1.1\r\nHost: a\r\nConnection: close\r\n";
  const std::string json = "Content-Type: application/json\r\n";
  const std::pair<const char*, std::string> cases[] = {
      {"400", "hello\r\n\r\n"},
      {"400", "GET /hello HTTP/1.1\r\n\r\n"},                        // no Host
      {"400", "GET /hello HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"},  // two
      {"400", "GET hello" + host + "\r\n"},
      {"400", "GET /%4" + host + "\r\n"},
      {"400", "GET /hello" + host + "Content-Length: 1\r\nContent-Length: 2\r\n\r\n"},
      {"400", "POST /echo" + host + json + "Content-Length: -1\r\n\r\n"},
      {"400", "POST /echo" + host + json + "Transfer-Encoding: chunked\r\n\r\nxyz\r\n"},
      {"404", "GET /nothing" + host + "\r\n"},
      {"404", "GET /files" + host + "\r\n"},
      {"405", "DELETE /hello" + host + "\r\n"},
      {"411", "POST /echo" + host + json + "\r\n"},
      {"413", "POST /echo" + host + json + "Content-Length: 101\r\n\r\n"},
      {"413", "POST /echo" + host + json + "Transfer-Encoding: chunked\r\n\r\n65\r\n" +
                  std::string(101, 'x') + "\r\n0\r\n\r\n"},
      {"415", "POST /echo" + host + "Content-Length: 2\r\n\r\n{}"},
      {"415", "POST /echo" + host + "Content-Type: text/plain\r\nContent-Length: 2\r\n\r\n{}"},
      {"417", "POST /echo" + host + json + "Expect: tea\r\nContent-Length: 2\r\n\r\n{}"},
      {"431", "GET /hello" + host + "A: " + std::string(600, 'a') + "\r\n\r\n"},
      {"501", "POST /echo" + host + json + "Transfer-Encoding: gzip\r\n\r\n"},
      {"505", "GET /hello HTTP/2.0\r\nHost: a\r\n\r\n"},
  };
  for (const auto& [status, bytes] : cases) EXPECT_EQ(StatusOf(bytes), status) << bytes;
  EXPECT_EQ(StatusName(417), "Expectation Failed");
  EXPECT_EQ(
      StatusOf("POST /echo" + host +
               "Content-Type: Application/JSON; charset=utf-8\r\nContent-Length: 2\r\n\r\n{}"),
      "200");
  const HttpResponse response = HttpPost(Url("/hello"), "{}");
  EXPECT_EQ(response.status, 405);
  EXPECT_EQ(response.Header("Allow"), "OPTIONS, GET, HEAD");
  EXPECT_EQ(response.body,
            "{\"error\":{\"message\":\"/hello takes OPTIONS, GET, HEAD\","
            "\"type\":\"invalid_request_error\",\"param\":null,\"code\":null}}\n");
  // Nothing of this harmed the server.
  EXPECT_EQ(HttpGet(Url("/hello")).body, "hi");
}

TEST_F(HttpServerTest, WhatHandlersThrow) {
  Start();
  EXPECT_EQ(HttpPost(Url("/throw"), "1").status, 400);
  EXPECT_TRUE(Contains(HttpPost(Url("/throw"), "1").body, "n: bad \\\"n\\\""));
  EXPECT_EQ(HttpPost(Url("/throw"), "2").status, 404);
  testing::internal::CaptureStderr();
  const HttpResponse internal = HttpPost(Url("/throw"), "3", {{"X-Request-Id", "my-id"}});
  EXPECT_EQ(internal.status, 500);
  EXPECT_FALSE(Contains(internal.body, "secret"));
  EXPECT_TRUE(Contains(testing::internal::GetCapturedStderr(), "my-id POST /throw: secret"));
  EXPECT_EQ(HttpGet(Url("/drop")).status, 500);
}

TEST_F(HttpServerTest, BearerToken) {
  Start({.bearer_token = "s3cret"});
  EXPECT_EQ(HttpGet(Url("/health")).status, 200);
  HttpClient client(Url(""));
  const HttpResponse without = client.Send("GET", "/hello");
  EXPECT_EQ(without.status, 401);
  EXPECT_EQ(without.Header("WWW-Authenticate"), "Bearer");
  const auto with = [&](const char* value) {
    return client.Send("GET", "/hello", "", {{"Authorization", value}}).status;
  };
  EXPECT_EQ(with("Bearer s3cret"), 200);
  EXPECT_EQ(with("bearer s3cret"), 200);  // the scheme's case is free, the token's isn't
  for (const char* wrong : {"Bearer s3creT", "Bearer s3cret2", "Bearer ", "Basic s3cret", ""}) {
    EXPECT_EQ(with(wrong), 401) << wrong;
  }
}

TEST_F(HttpServerTest, SlowRequestsAreCutOff) {
  Start({.request_ms = 200, .idle_ms = 300});
  RawClient slow(port()), idle(port());
  const std::string request = "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n";
  const auto begin = std::chrono::steady_clock::now();
  bool is_open = true;
  std::thread drip([&] {  // a byte now and then: each is progress, all together are too slow
    for (size_t i = 0; i < request.size() && is_open; ++i) {
      is_open = slow.Send(request.substr(i, 1));
      std::this_thread::sleep_for(milliseconds(20));
    }
  });
  EXPECT_TRUE(Contains(slow.Receive("}\n"), " 408 "));
  EXPECT_LT(std::chrono::steady_clock::now() - begin, milliseconds(2000));
  slow.EndSending();
  drip.join();
  EXPECT_EQ(idle.ReceiveAll(), "");  // closed without a word
}

TEST_F(HttpServerTest, TooManyWaitingRequestsAreTurnedAway) {
  Start({.num_handler_threads = 1, .max_waiting_requests = 1});
  const std::string end = " HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
  RawClient running(port()), first(port()), second(port());
  running.Send("GET /wait" + end);
  while (num_waiting_ == 0) std::this_thread::sleep_for(milliseconds(1));
  first.Send("GET /hello" + end);
  second.Send("GET /hello" + end);  // whichever is read last finds no place
  WaitForMetric("status=\"503\"} 1\n");
  gate_.Open();
  const std::string a = first.ReceiveAll(), b = second.ReceiveAll();
  EXPECT_NE(Contains(a, " 503 "), Contains(b, " 503 "));
  EXPECT_NE(Contains(a, " 200 "), Contains(b, " 200 "));
  EXPECT_TRUE(Contains(a + b, "Retry-After: 1\r\n"));
  EXPECT_TRUE(Contains(running.ReceiveAll(), "waited"));
}

TEST_F(HttpServerTest, TooManyConnectionsAreTurnedAway) {
  Start({.max_connections = 2});
  RawClient a(port()), b(port());
  for (RawClient* client : {&a, &b}) {
    client->Send("GET /hello HTTP/1.1\r\nHost: a\r\n\r\n");
    client->Receive("hi");
  }
  const HttpResponse refused = HttpGet(Url("/hello"));
  EXPECT_EQ(refused.status, 503);
  EXPECT_EQ(refused.Header("Retry-After"), "1");
  a.Close();
  int status = 0;
  for (int i = 0; i < 1000 && status != 200; ++i) {
    std::this_thread::sleep_for(milliseconds(10));
    status = HttpGet(Url("/hello")).status;
  }
  EXPECT_EQ(status, 200);
}

TEST_F(HttpServerTest, AStreamArrivesPieceByPiece) {
  Start();
  RawClient client(port());
  client.Send("GET /stream HTTP/1.1\r\nHost: a\r\n\r\n");
  const HttpExchangePtr stream = Stream();
  const std::string head = client.Receive("6\r\nfirst,\r\n");
  EXPECT_TRUE(Contains(head, "Transfer-Encoding: chunked\r\n"));
  EXPECT_TRUE(stream->Write("second"));
  EXPECT_EQ(client.Receive("second\r\n"), "6\r\nsecond\r\n");
  EXPECT_TRUE(stream->IsOpen());
  stream->EndStream();
  EXPECT_FALSE(stream->Write("late"));
  EXPECT_EQ(client.Receive("0\r\n\r\n"), "0\r\n\r\n");
  client.Send("GET /hello HTTP/1.1\r\nHost: a\r\n\r\n");  // the connection lives on
  EXPECT_TRUE(client.Receive("hi").ends_with("hi"));
}

TEST_F(HttpServerTest, AClientThatGoesIsNoticed) {
  Start();
  auto client = std::make_unique<RawClient>(port());
  client->Send("GET /stream HTTP/1.1\r\nHost: a\r\n\r\n");
  const HttpExchangePtr stream = Stream();
  client.reset();
  EXPECT_TRUE(closed_.Wait());
  EXPECT_FALSE(stream->IsOpen());
  EXPECT_FALSE(stream->Write("x"));
  bool is_told_late = false;
  stream->OnClose([&] { is_told_late = true; });
  EXPECT_TRUE(is_told_late);
}

TEST_F(HttpServerTest, AClientThatDoesNotReadIsCutOff) {
  Start({.max_unsent_bytes = 1 << 20});
  RawClient client(port());
  client.Send("GET /stream HTTP/1.1\r\nHost: a\r\n\r\n");
  const HttpExchangePtr stream = Stream();
  const std::string piece(256 << 10, 'x');
  int num_taken = 0;
  while (num_taken < 1000 && stream->Write(piece)) ++num_taken;
  EXPECT_LT(num_taken, 1000);
  EXPECT_TRUE(closed_.Wait());
}

TEST_F(HttpServerTest, AStreamThatIsDroppedIsNotTakenForWhole) {
  Start();
  RawClient client(port());
  client.Send("GET /stream HTTP/1.1\r\nHost: a\r\n\r\n");
  Stream().reset();
  EXPECT_FALSE(client.ReceiveAll().ends_with("0\r\n\r\n"));
}

TEST_F(HttpServerTest, ManyIdleConnectionsHoldNoThread) {
  Start({.num_handler_threads = 1});
  std::vector<std::unique_ptr<RawClient>> idle;
  for (int i = 0; i < 300; ++i) idle.push_back(std::make_unique<RawClient>(port()));
  HttpClient client(Url(""));
  for (int i = 0; i < 100; ++i) EXPECT_EQ(client.Send("GET", "/hello").body, "hi");
  idle.back()->Send("GET /hello HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_TRUE(idle.back()->Receive("hi").ends_with("hi"));
}

TEST(HttpServerStartTest, AddressesThatCannotBeHad) {
  HttpServer first({});
  first.Start();
  const auto start = [](const std::string& host, int port) {
    return [=] {
      HttpServer server({.host = host, .port = port});
      server.Start();
    };
  };
  EXPECT_TRUE(Contains(ErrorOf(start("127.0.0.1", first.port()), ErrorKind::kIo), "in use"));
  EXPECT_TRUE(Contains(ErrorOf(start("nowhere", 0), ErrorKind::kUsage), "\"nowhere\""));
}

}  // namespace
}  // namespace agon::net
