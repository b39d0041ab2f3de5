// Libraries that are opened on first use, so that the program starts where they are absent.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace bareseg {

/// What to look for, and where.
struct LibrarySearch {
  std::string title;                           // "cuDNN 9"
  std::vector<std::string> files;              // names, the best first
  std::vector<std::filesystem::path> folders;  // each is tried with every name; "" is the loader's own search
  std::string advice = {};                     // what to install or to set where none is found
};

/// A library of the process: once open it stays so.
class SharedLibrary {
 public:
  /// @throws Error with the title, the files looked for, the folders, the loader's reasons and the advice.
  explicit SharedLibrary(const LibrarySearch& search);
  /// The program itself, into which the library was linked.
  static SharedLibrary linked(const std::string& title);

  /// The function `name` of type F. @throws Error when the library has none.
  template <typename F>
  F* entry(const char* name) const {
    return reinterpret_cast<F*>(symbol(name));
  }
  /// The file that was opened.
  const std::filesystem::path& path() const { return path_; }

 private:
  SharedLibrary() = default;
  void* symbol(const char* name) const;

  std::string title_;
  std::filesystem::path path_;
  void* handle_ = nullptr;
};

/// The value of an environment variable; "" where it is not set.
std::string environment(const char* name);
/// The parts of a list like PATH's; empty ones are left out.
std::vector<std::filesystem::path> split_folders(const std::string& list);

}  // namespace bareseg
