// The files that TensorBoard shows: records of protocol buffers, of which the few that it needs are encoded by hand.
#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "data/image.h"

namespace bareseg {

/// CRC-32C (Castagnoli), which guards every record.
uint32_t crc32c(const std::string& bytes);

/// One file, events.out.tfevents.<time>.bareseg, that grows by an event at a time.
class EventFile {
 public:
  /// Begins a new file in `folder`. Of older files there the viewer drops what they have from `first_step` on: a
  /// resumed run does those steps again. @throws Error naming the file when it cannot be written, as all members do.
  EventFile(const std::filesystem::path& folder, int64_t first_step);

  void scalar(const std::string& tag, int64_t step, double value);
  /// As a JPEG.
  void image(const std::string& tag, int64_t step, const Image& image);
  /// How often each of the numbers 0 .. counts.size() - 1 came up.
  void histogram(const std::string& tag, int64_t step, const std::vector<int64_t>& counts);

 private:
  void event(int64_t step, const std::string& what);
  void value(const std::string& tag, int64_t step, const std::string& what);

  std::filesystem::path file_;
  std::ofstream out_;
};

}  // namespace bareseg
