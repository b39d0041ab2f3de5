// What was found fastest, kept from run to run: one line per piece of work, "<where>\t<what>\t<how>".
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>

namespace bareseg {

class PlanFile {
 public:
  /// Opens `path`, which need not exist yet; "" keeps nothing. Only lines of `where`, the GPU and the version of the
  /// library, are used; the others stay in the file.
  /// @throws Error when the file cannot be read or is something else.
  PlanFile(std::filesystem::path path, std::string where);

  std::optional<std::string> find(const std::string& what) const;
  /// Writes the file anew, with what other processes have added to it meanwhile.
  /// @throws Error when it cannot be written.
  void put(const std::string& what, const std::string& how);

 private:
  void read();

  std::filesystem::path path_;
  std::string where_;
  std::map<std::string, std::string> lines_;  // "<where>\t<what>" -> how
};

}  // namespace bareseg
