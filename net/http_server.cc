#include "net/http_server.h"

#include <atomic>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <future>
#include <map>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include "core/error.h"
#include "net/http/connection.h"
#include "net/http/handler_pool.h"
#include "net/http/routes.h"

namespace agon::net {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using std::chrono::milliseconds;

// Connections beyond the limit that are still told so; more are dropped.
constexpr size_t kMaxRefused = 256;
// Before accepting again when the process is out of descriptors.
constexpr int kAcceptPauseMs = 50;

int StatusOf(const Error& error) {
  switch (error.kind()) {
    case ErrorKind::kUsage:
    case ErrorKind::kCorrupt:
      return 400;
    case ErrorKind::kNotFound:
      return 404;
    case ErrorKind::kUnsupported:
      return 501;
    default:
      return 500;
  }
}

HttpResponse Failed(const HttpRequest& request, const char* what) {
  std::fprintf(stderr, "%s %s %s: %s\n", request.id.c_str(), request.method.c_str(),
               request.path.substr(0, 200).c_str(), what);
  return ErrorResponse(500, "internal error; the server's log has it as " + request.id);
}

void RunHandler(const HttpRoute& route, const HttpExchangePtr& exchange) {
  HttpResponse failure;
  try {
    route.handler(exchange);
    return;
  } catch (const Error& error) {
    const int status = StatusOf(error);
    failure = status == 500 ? Failed(exchange->request(), error.what())
                            : ErrorResponse(status, error.what());
  } catch (const std::exception& error) {
    failure = Failed(exchange->request(), error.what());
  }
  exchange->Reply(std::move(failure));
}

}  // namespace

class HttpServer::Impl final : public ConnectionHost {
 public:
  explicit Impl(HttpServerOptions options)
      : options_(std::move(options)),
        acceptor_(context_),
        pause_(context_),
        work_(context_.get_executor()) {}

  ~Impl() override {
    Drain(0);
    {
      // A connection may hand its request to the pool until it has ended. One whose acceptance was
      // on its way came too late for Drain.
      std::unique_lock lock(mutex_);
      is_over_ = true;
      for (const auto& [connection, shared] : connections_) shared->Abort();
      changed_.wait(lock, [&] { return connections_.empty(); });
    }
    pool_.reset();
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [&] { return num_exchanges_ == 0; });
    }
    work_.reset();
    if (thread_.joinable()) thread_.join();
  }

  HttpRoutes& routes() { return routes_; }
  int port() const { return acceptor_port_; }

  void Start() {
    boost::system::error_code error;
    const auto address = asio::ip::make_address(options_.host, error);
    if (error) {
      throw Error(ErrorKind::kUsage, "\"" + options_.host + "\" is no address to listen at", "host",
                  "127.0.0.1 for this machine, 0.0.0.0 for all interfaces");
    }
    const tcp::endpoint endpoint(address, static_cast<uint16_t>(options_.port));
    acceptor_.open(endpoint.protocol(), error);
    if (!error) acceptor_.set_option(tcp::acceptor::reuse_address(true), error);
    if (!error) acceptor_.bind(endpoint, error);
    if (!error) acceptor_.listen(asio::socket_base::max_listen_connections, error);
    if (error) {
      throw Error(ErrorKind::kIo, "can't listen: " + error.message(),
                  options_.host + ":" + std::to_string(options_.port),
                  "choose another port; 0 is any that is free");
    }
    acceptor_port_ = acceptor_.local_endpoint().port();
    pool_ =
        std::make_unique<HandlerPool>(options_.num_handler_threads, options_.max_waiting_requests);
    asio::post(context_, [this] { Accept(); });
    thread_ = std::thread([this] { context_.run(); });
  }

  int Drain(int timeout_ms) {
    is_draining_ = true;
    StopAccepting();
    std::unique_lock lock(mutex_);
    for (const auto& [connection, shared] : connections_) shared->AnswerSoon();
    changed_.wait_for(lock, milliseconds(timeout_ms), [&] { return connections_.empty(); });
    // Lingering ones have their reply already.
    const int num_lost = num_unanswered_;
    for (const auto& [connection, shared] : connections_) shared->Abort();
    return num_lost;
  }

  const HttpServerOptions& options() const override { return options_; }
  bool is_draining() const override { return is_draining_; }

  void Dispatch(std::shared_ptr<ConnectionExchange> exchange) override {
    HttpResponse reply;
    std::string pattern;
    const HttpRoute* route =
        routes_.Find(exchange->request(), options_.bearer_token, &pattern, &reply);
    if (!pattern.empty()) exchange->set_route(pattern);
    if (route == nullptr) return exchange->Reply(std::move(reply));
    if (pool_->Submit([route, exchange] { RunHandler(*route, exchange); })) return;
    reply = ErrorResponse(503, "too many requests wait, try again", "overloaded");
    reply.headers.emplace_back("Retry-After", "1");
    exchange->Reply(std::move(reply));
  }

  void ExchangeBegun() override {
    const std::lock_guard lock(mutex_);
    ++num_exchanges_;
    ++num_unanswered_;
  }
  void ExchangeAnswered() override {
    const std::lock_guard lock(mutex_);
    --num_unanswered_;
  }
  void ExchangeEnded() override {
    const std::lock_guard lock(mutex_);
    --num_exchanges_;
    changed_.notify_all();
  }

  void Replied(const std::string& route, int status, std::optional<double> seconds) override {
    if (options_.metrics == nullptr) return;
    options_.metrics
        ->AddCounter("agon_http_requests_total", "Requests answered.",
                     {{"route", route}, {"status", std::to_string(status)}})
        .Add();
    if (!seconds) return;
    options_.metrics
        ->AddHistogram("agon_http_request_seconds", "From a whole request to the reply's end.",
                       {{"route", route}})
        .Observe(*seconds);
  }

  void ConnectionEnded(HttpConnection* connection) override {
    const std::lock_guard lock(mutex_);
    connections_.erase(connection);
    CountConnections();
    changed_.notify_all();
  }

 private:
  void Accept() {
    acceptor_.async_accept(asio::make_strand(context_),
                           [this](boost::system::error_code error, tcp::socket socket) {
                             if (!error) Serve(std::move(socket));
                             if (!acceptor_.is_open()) return;
                             error ? PauseAccepting() : Accept();
                           });
  }

  // Out of descriptors: those that wait stay in the system's queue.
  void PauseAccepting() {
    pause_.expires_after(milliseconds(kAcceptPauseMs));
    pause_.async_wait([this](boost::system::error_code error) {
      if (!error && acceptor_.is_open()) Accept();
    });
  }

  void Serve(tcp::socket socket) {
    auto connection = std::make_shared<HttpConnection>(std::move(socket), *this);
    size_t num_connections = 0;
    {
      const std::lock_guard lock(mutex_);
      num_connections = connections_.size();
      if (is_over_ || num_connections >= options_.max_connections + kMaxRefused) return;
      connections_.emplace(connection.get(), connection);
      CountConnections();
    }
    num_connections < options_.max_connections ? connection->Start() : connection->Refuse();
  }

  // Who has connected is served; nobody else can.
  void StopAccepting() {
    if (!thread_.joinable()) return;
    std::promise<void> done;
    asio::post(context_, [&] {
      boost::system::error_code error;
      if (acceptor_.is_open()) {
        acceptor_.non_blocking(true, error);
        // As many as the system's queue may hold: those who go on connecting can't keep this up.
        for (int i = 0; !error && i < asio::socket_base::max_listen_connections; ++i) {
          tcp::socket socket(asio::make_strand(context_));
          acceptor_.accept(socket, error);
          if (!error) Serve(std::move(socket));
        }
        acceptor_.close(error);
        pause_.cancel();
      }
      done.set_value();
    });
    done.get_future().wait();
  }

  // The caller holds the mutex.
  void CountConnections() {
    if (options_.metrics == nullptr) return;
    options_.metrics->AddGauge("agon_http_connections", "Open connections.")
        .Set(static_cast<double>(connections_.size()));
  }

  const HttpServerOptions options_;
  HttpRoutes routes_;
  asio::io_context context_;
  tcp::acceptor acceptor_;
  asio::steady_timer pause_;
  asio::executor_work_guard<asio::io_context::executor_type> work_;
  std::atomic<bool> is_draining_{false};
  int acceptor_port_ = 0;
  std::unique_ptr<HandlerPool> pool_;
  std::thread thread_;  // does all reading and writing

  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<HttpConnection*, std::shared_ptr<HttpConnection>> connections_;
  int num_exchanges_ = 0, num_unanswered_ = 0;
  bool is_over_ = false;
};

HttpServer::HttpServer(HttpServerOptions options)
    : impl_(std::make_unique<Impl>(std::move(options))) {}

HttpServer::~HttpServer() = default;

void HttpServer::Route(std::string_view method, std::string_view path, HttpHandler handler,
                       HttpRouteOptions options) {
  AsyncRoute(
      method, path,
      [handler = std::move(handler)](const HttpExchangePtr& exchange) {
        exchange->Reply(handler(exchange->request()));
      },
      options);
}

void HttpServer::AsyncRoute(std::string_view method, std::string_view path,
                            HttpAsyncHandler handler, HttpRouteOptions options) {
  impl_->routes().Add(method, path, std::move(handler), options);
}

void HttpServer::Start() { impl_->Start(); }

int HttpServer::port() const { return impl_->port(); }

int HttpServer::Drain(int timeout_ms) { return impl_->Drain(timeout_ms); }

}  // namespace agon::net
