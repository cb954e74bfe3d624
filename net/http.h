// Requests and responses, as the server's handlers and the client's callers see them.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace agon::net {

using HttpHeaders = std::vector<std::pair<std::string, std::string>>;

// Whether two texts are equal but for the case of ASCII letters.
bool SameIgnoringCase(std::string_view a, std::string_view b);

// The value of the first header of that name (any case), "" if there is none.
std::string_view FindHeader(const HttpHeaders& headers, std::string_view name);

struct HttpRequest {
  std::string method;  // "GET"
  std::string path;    // percent-decoded, begins with "/", without the query; UTF-8 or not
  std::string query;   // as sent, without the "?"
  HttpHeaders headers;
  std::string body;
  std::string peer;  // the client's address without its port: "127.0.0.1"
  std::string id;    // X-Request-Id of the client if it is a plain word, else one made here

  std::string_view Header(std::string_view name) const { return FindHeader(headers, name); }
};

struct HttpResponse {
  int status = 0;
  std::string body;
  // The server adds Content-Type: application/json unless there is one, and Content-Length,
  // Connection and X-Request-Id always.
  HttpHeaders headers = {};

  std::string_view Header(std::string_view name) const { return FindHeader(headers, name); }
};

// "200" to "OK"; "Status" for a number without a name.
std::string_view StatusName(int status);

// An error in the form of OpenAI's API, which all services here speak:
//   {"error": {"message": ..., "type": ..., "param": null, "code": ...}}
// The type follows from the status: "invalid_request_error" below 500, "server_error" above,
// "rate_limit_error" for 429, "authentication_error" for 401. `code` and `param` are null if "".
HttpResponse ErrorResponse(int status, std::string_view message, std::string_view code = "",
                           std::string_view param = "");

// "%41b" to "Ab"; false if a "%" isn't followed by two hexadecimal digits.
bool PercentDecode(std::string_view text, std::string* decoded);

}  // namespace agon::net
