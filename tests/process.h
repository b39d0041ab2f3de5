// Programs that tests start.
#pragma once

#include <sys/wait.h>

#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>

namespace bareseg {

struct Outcome {
  int code = -1;
  std::string output;  // both streams
};

/// Runs a line of shell.
inline Outcome run(const std::string& command) {
  Outcome outcome;
  FILE* pipe = popen((command + " 2>&1").c_str(), "r");
  if (pipe == nullptr) return outcome;
  char part[4096];
  while (const size_t n = fread(part, 1, sizeof part, pipe)) outcome.output.append(part, n);
  const int status = pclose(pipe);
  outcome.code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  return outcome;
}

/// A Python that can import `modules` ("torch, numpy"), if there is one: that of the environment variable
/// BARESEG_TEST_PYTHON, or the system's.
inline std::optional<std::string> python_with(const std::string& modules) {
  const char* named = std::getenv("BARESEG_TEST_PYTHON");
  for (const std::string& python :
       {std::string(named != nullptr ? named : ""), std::string("/usr/bin/python3"), std::string("python3")}) {
    if (!python.empty() && run(python + " -c 'import " + modules + "'").code == 0) return python;
  }
  return {};
}

}  // namespace bareseg
