#include "engine/shared_library.h"

#include <dlfcn.h>
#include <link.h>

#include <cstdlib>
#include <sstream>

#include "engine/error.h"

namespace bareseg {
namespace {

namespace fs = std::filesystem;

std::string joined(const auto& values, const char* separator) {
  std::string text;
  for (const auto& value : values) text += (text.empty() ? "" : separator) + std::string(value);
  return text;
}

fs::path path_of(void* handle) {
  link_map* map = nullptr;
  return dlinfo(handle, RTLD_DI_LINKMAP, &map) == 0 ? map->l_name : "";
}

}  // namespace

SharedLibrary::SharedLibrary(const LibrarySearch& search) : title_(search.title) {
  std::vector<std::string> places, reasons;
  for (const fs::path& folder : search.folders) {
    places.push_back(folder.empty() ? "the system's folders and LD_LIBRARY_PATH" : folder.string());
    for (const std::string& file : search.files) {
      const fs::path path = folder / file;
      handle_ = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
      if (handle_ != nullptr) {
        path_ = path_of(handle_);
        return;
      }
      // "No such file" of the file itself is what the list of places says already.
      const std::string reason = dlerror();
      if (!reason.starts_with(path.string() + ": cannot open shared object file")) reasons.push_back(reason);
    }
  }
  fail_at(__FILE__, __LINE__, search.title, " was not found: looked for ", joined(search.files, " or "), " in ",
          joined(places, ", "), reasons.empty() ? "" : " (" + joined(reasons, "; ") + ")", ". ", search.advice);
}

SharedLibrary SharedLibrary::linked(const std::string& title) {
  SharedLibrary program;
  program.title_ = title;
  program.path_ = fs::read_symlink("/proc/self/exe");
  program.handle_ = dlopen(nullptr, RTLD_NOW);
  return program;
}

void* SharedLibrary::symbol(const char* name) const {
  void* found = dlsym(handle_, name);
  BS_CHECK(found != nullptr, title_, ": ", path_.string(), " has no ", name, "; it is too old, or another library");
  return found;
}

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

std::vector<fs::path> split_folders(const std::string& list) {
  std::vector<fs::path> folders;
  std::istringstream in(list);
  for (std::string folder; std::getline(in, folder, ':');)
    if (!folder.empty()) folders.emplace_back(folder);
  return folders;
}

}  // namespace bareseg
