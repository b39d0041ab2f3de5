#include "data/id_list.h"

#include <algorithm>
#include <cctype>
#include <map>
#include <set>
#include <string_view>

#include "engine/error.h"
#include "engine/file.h"

namespace bareseg {
namespace fs = std::filesystem;
namespace {

constexpr int64_t kMaxListBytes = int64_t{1} << 30;

bool leaves_folder(std::string_view id) {
  for (size_t begin = 0; begin <= id.size();) {
    const size_t end = std::min(id.find('/', begin), id.size());
    const std::string_view part = id.substr(begin, end - begin);
    if (part.empty() || part == "." || part == "..") return true;
    begin = end + 1;
  }
  return false;
}

std::string_view trimmed(std::string_view line) {
  constexpr std::string_view kBlanks = " \t\r";
  const size_t first = line.find_first_not_of(kBlanks);
  if (first == std::string_view::npos) return {};
  return line.substr(first, line.find_last_not_of(kBlanks) - first + 1);
}

bool is_image_name(const fs::path& path) {
  std::string extension = path.extension().string();
  for (char& c : extension) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return extension == ".jpg" || extension == ".jpeg" || extension == ".png";
}

}  // namespace

std::vector<std::string> read_id_list(const fs::path& file) {
  const std::vector<std::byte> bytes = read_file(file, kMaxListBytes);
  std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  if (text.substr(0, 3) == "\xEF\xBB\xBF") text.remove_prefix(3);
  std::vector<std::string> ids;
  std::map<std::string_view, int64_t> lines;
  for (int64_t line = 1; !text.empty(); ++line) {
    const size_t end = std::min(text.find('\n'), text.size());
    const std::string_view id = trimmed(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    if (id.empty()) continue;
    BS_CHECK(id.find('\0') == std::string_view::npos, file.string(), ":", line, ": expected an id, got a NUL byte");
    BS_CHECK(!leaves_folder(id), file.string(), ":", line, ": an id must stay in the folder of images, got ", id);
    const auto [at, fresh] = lines.emplace(id, line);
    BS_CHECK(fresh, file.string(), ":", line, ": id ", id, " is also on line ", at->second);
    ids.emplace_back(id);
  }
  BS_CHECK(!ids.empty(), file.string(), ": the list holds no id");
  return ids;
}

std::vector<fs::path> list_images(const fs::path& folder) {
  BS_CHECK(fs::is_directory(folder), folder.string(), ": no such folder");
  std::vector<fs::path> files;
  try {
    std::set<fs::path> seen = {fs::canonical(folder)};
    fs::recursive_directory_iterator entry(folder, fs::directory_options::follow_directory_symlink);
    for (; entry != fs::recursive_directory_iterator(); ++entry) {
      const bool hidden = entry->path().filename().string().starts_with('.');
      if (entry->is_directory()) {
        // A link back up would go round for ever.
        if (hidden || !seen.insert(fs::canonical(entry->path())).second) entry.disable_recursion_pending();
      } else if (!hidden && is_image_name(entry->path())) {
        files.push_back(entry->path().lexically_relative(folder));
      }
    }
  } catch (const fs::filesystem_error& e) {
    fail_at(__FILE__, __LINE__, folder.string(), ": cannot list the folder: ", e.what());
  }
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace bareseg
