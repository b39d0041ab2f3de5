// The one exception type of the project and the check that throws it.
#pragma once

#include <sstream>
#include <stdexcept>
#include <string>

namespace bareseg {

/// Thrown for every failure. what() is "file:line: message"; message() is the message alone, fit for users.
/// Messages say what was expected and what came.
class Error : public std::runtime_error {
 public:
  Error(const char* file, int line, std::string message);
  const std::string& message() const { return message_; }

 private:
  std::string message_;
};

/// Streams all arguments into one string.
template <typename... Args>
std::string concat(const Args&... args) {
  std::ostringstream out;
  (out << ... << args);
  return out.str();
}

/// Throws Error: fail_at(__FILE__, __LINE__, "x must be float, got ", dtype).
template <typename... Args>
[[noreturn]] void fail_at(const char* file, int line, const Args&... args) {
  throw Error(file, line, concat(args...));
}

}  // namespace bareseg

/// BS_CHECK(condition, "op: what was expected, got ", value): throws bareseg::Error unless the condition holds.
#define BS_CHECK(condition, ...)                           \
  do {                                                     \
    if (!(condition)) [[unlikely]]                         \
      ::bareseg::fail_at(__FILE__, __LINE__, __VA_ARGS__); \
  } while (false)
