#include "cuda/plan_file.h"

#include <sstream>
#include <utility>

#include "engine/error.h"
#include "engine/file.h"

namespace bareseg {
namespace {

constexpr const char* kFirstLine = "bareseg plans 1";

}  // namespace

PlanFile::PlanFile(std::filesystem::path path, std::string where) : path_(std::move(path)), where_(std::move(where)) {
  if (path_.empty()) return;
  read();
}

void PlanFile::read() {
  std::error_code none;
  if (!std::filesystem::exists(path_, none)) return;
  const std::vector<std::byte> bytes = read_file(path_);
  std::istringstream in(std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
  std::string line;
  BS_CHECK(std::getline(in, line) && line == kFirstLine, path_.string(),
           ": expected a file of plans, whose first line is '", kFirstLine, "'");
  for (int number = 2; std::getline(in, line); ++number) {
    const size_t first = line.find('\t'), last = line.rfind('\t');
    BS_CHECK(first != last, path_.string(), ":", number, ": expected 'where<tab>what<tab>how', got '", line, "'");
    lines_[line.substr(0, last)] = line.substr(last + 1);
  }
}

std::optional<std::string> PlanFile::find(const std::string& what) const {
  const auto found = lines_.find(where_ + '\t' + what);
  if (found == lines_.end()) return std::nullopt;
  return found->second;
}

void PlanFile::put(const std::string& what, const std::string& how) {
  if (!path_.empty()) read();
  lines_[where_ + '\t' + what] = how;
  if (path_.empty()) return;
  std::string text = concat(kFirstLine, '\n');
  for (const auto& [key, value] : lines_) text += concat(key, '\t', value, '\n');
  if (path_.has_parent_path()) {
    std::error_code error;
    std::filesystem::create_directories(path_.parent_path(), error);
    BS_CHECK(!error, "cannot create ", path_.parent_path().string(), ": ", error.message());
  }
  write_file_atomically(path_, text);
}

}  // namespace bareseg
