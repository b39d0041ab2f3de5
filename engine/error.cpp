#include "engine/error.h"

#include <cstring>
#include <utility>

namespace bareseg {
namespace {

// The path as it stands in the source tree: "engine/shape.h", wherever the tree was built.
const char* file_in_tree(const char* file) {
  const char* last = std::strrchr(file, '/');
  if (last == nullptr) return file;
  const char* folder = last;
  while (folder > file && folder[-1] != '/') --folder;
  return folder;
}

}  // namespace

Error::Error(const char* file, int line, std::string message)
    : std::runtime_error(concat(file_in_tree(file), ":", line, ": ", message)), message_(std::move(message)) {}

}  // namespace bareseg
