#include "engine/zip_file.h"

#include <minizip/unzip.h>
#include <zlib.h>

#include <algorithm>
#include <cstring>
#include <limits>
#include <string_view>

#include "engine/error.h"
#include "engine/little_endian.h"

namespace bareseg {
namespace {

constexpr uint64_t kMaxInflation = 32, kFreeInflation = 16 << 20;
constexpr std::string_view kEndSignature = "PK\x05\x06";
constexpr size_t kEndBytes = 22;
constexpr size_t kMaxNameBytes = 65536;  // the format's limit, with the closing zero

// The stream that minizip reads from.
struct Cursor {
  std::span<const std::byte> bytes;
  uint64_t position = 0;
};

Cursor* cursor_of(voidpf stream) { return static_cast<Cursor*>(stream); }

voidpf open_cursor(voidpf opaque, const void*, int) {
  return new Cursor{*static_cast<const std::span<const std::byte>*>(opaque)};
}

uLong read_cursor(voidpf, voidpf stream, void* out, uLong size) {
  Cursor& cursor = *cursor_of(stream);
  const uint64_t count = std::min<uint64_t>(size, cursor.bytes.size() - cursor.position);
  if (count > 0) std::memcpy(out, cursor.bytes.data() + cursor.position, count);
  cursor.position += count;
  return count;
}

uLong refuse_write(voidpf, voidpf, const void*, uLong) { return 0; }

ZPOS64_T tell_cursor(voidpf, voidpf stream) { return cursor_of(stream)->position; }

long seek_cursor(voidpf, voidpf stream, ZPOS64_T offset, int origin) {
  Cursor& cursor = *cursor_of(stream);
  const uint64_t size = cursor.bytes.size();
  const uint64_t base = origin == ZLIB_FILEFUNC_SEEK_SET   ? 0
                        : origin == ZLIB_FILEFUNC_SEEK_CUR ? cursor.position
                                                           : size;
  if (offset > size - base) return -1;
  cursor.position = base + offset;
  return 0;
}

int close_cursor(voidpf, voidpf stream) {
  delete cursor_of(stream);
  return 0;
}

int no_error(voidpf, voidpf) { return 0; }

// The bytes of the archive that hold an entry's content.
struct Extent {
  uint64_t begin = 0, bytes = 0;
  std::string name;
};

Extent extent_of(unzFile archive, const std::string& name, uint64_t bytes) {
  int method = 0, level = 0;
  BS_CHECK(unzOpenCurrentFile2(archive, &method, &level, 1) == UNZ_OK, "zip entry ", name, " is damaged");
  const uint64_t begin = unzGetCurrentFileZStreamPos64(archive);
  unzCloseCurrentFile(archive);
  return {begin, bytes, name};
}

// Entries that share bytes are how a small archive comes to promise many large ones.
void check_disjoint(std::vector<Extent> extents, uint64_t archive_bytes) {
  std::sort(extents.begin(), extents.end(),
            [](const Extent& a, const Extent& b) { return std::pair(a.begin, a.bytes) < std::pair(b.begin, b.bytes); });
  for (size_t i = 0; i < extents.size(); ++i) {
    const uint64_t begin = extents[i].begin, end = i + 1 < extents.size() ? extents[i + 1].begin : archive_bytes;
    BS_CHECK(begin <= end && extents[i].bytes <= end - begin, "zip entry ", extents[i].name, " reaches into ",
             i + 1 < extents.size() ? extents[i + 1].name : "the end of the file");
  }
}

// What a local header and the directory say alike of a stored entry: version 2.0, names in UTF-8, 1 January 1980.
void put_entry(std::string& record, const std::string& name, uint32_t checksum, uint32_t bytes, uint16_t extra) {
  record += little_endian(uint16_t{20});
  record += little_endian(uint16_t{0x0800});
  record += little_endian(uint16_t{0});
  record += little_endian(uint16_t{0});
  record += little_endian(uint16_t{0x21});
  record += little_endian(checksum);
  record += little_endian(bytes);
  record += little_endian(bytes);
  record += little_endian(static_cast<uint16_t>(name.size()));
  record += little_endian(extra);
}

}  // namespace

ZipFile::ZipFile(std::span<const std::byte> bytes) : bytes_(bytes) {
  // minizip would take an archive whose last record is cut.
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  const size_t end = text.rfind(kEndSignature);
  BS_CHECK(end != std::string_view::npos && text.size() - end >= kEndBytes, "not a zip archive, or cut");
  zlib_filefunc64_def functions = {open_cursor, read_cursor,  refuse_write, tell_cursor,
                                   seek_cursor, close_cursor, no_error,     &bytes_};
  archive_ = unzOpen2_64("", &functions);
  BS_CHECK(archive_ != nullptr, "the zip directory is damaged");
  try {
    read_directory();
  } catch (...) {
    unzClose(archive_);
    throw;
  }
}

ZipFile::~ZipFile() { unzClose(archive_); }

void ZipFile::read_directory() {
  std::vector<char> name(kMaxNameBytes);
  std::vector<Extent> extents;
  uint64_t promised = 0;
  const uint64_t limit = bytes_.size() * kMaxInflation + kFreeInflation;
  int status = unzGoToFirstFile(archive_);
  for (; status == UNZ_OK; status = unzGoToNextFile(archive_)) {
    unz_file_info64 info;
    unz64_file_pos position;
    BS_CHECK(unzGetCurrentFileInfo64(archive_, &info, name.data(), name.size(), nullptr, 0, nullptr, 0) == UNZ_OK &&
                 unzGetFilePos64(archive_, &position) == UNZ_OK,
             "the zip directory is damaged");
    const std::string text(name.data(), info.size_filename);
    BS_CHECK((info.flag & 1) == 0, "zip entry ", text, " is encrypted");
    BS_CHECK(info.compression_method == 0 || info.compression_method == Z_DEFLATED, "zip entry ", text,
             ": expected it stored or deflated, got compression method ", info.compression_method);
    BS_CHECK(info.compression_method != 0 || info.compressed_size == info.uncompressed_size, "zip entry ", text,
             " is stored, but its two sizes differ");
    BS_CHECK(info.uncompressed_size <= limit - promised, "the zip entries promise more than ", limit,
             " bytes, which the file's ", bytes_.size(), " bytes cannot honestly hold");
    promised += info.uncompressed_size;
    extents.push_back(extent_of(archive_, text, info.compressed_size));
    const Entry entry = {info.uncompressed_size, position.pos_in_zip_directory, position.num_of_file};
    BS_CHECK(entries_.emplace(text, entry).second, "zip entry ", text, " occurs twice");
  }
  BS_CHECK(status == UNZ_END_OF_LIST_OF_FILE, "the zip directory is damaged");
  check_disjoint(std::move(extents), bytes_.size());
}

std::vector<std::byte> ZipFile::read(const std::string& name) {
  const auto found = entries_.find(name);
  BS_CHECK(found != entries_.end(), "zip entry ", name, " is missing");
  const unz64_file_pos position = {found->second.directory_offset, found->second.number};
  BS_CHECK(unzGoToFilePos64(archive_, &position) == UNZ_OK && unzOpenCurrentFile(archive_) == UNZ_OK, "zip entry ",
           name, " is damaged");
  std::vector<std::byte> bytes(found->second.bytes);
  size_t done = 0;
  while (done < bytes.size()) {
    const auto chunk = static_cast<unsigned>(std::min<size_t>(bytes.size() - done, 1 << 30));
    const int got = unzReadCurrentFile(archive_, bytes.data() + done, chunk);
    if (got <= 0) break;
    done += static_cast<size_t>(got);
  }
  const int closed = unzCloseCurrentFile(archive_);
  BS_CHECK(done == bytes.size(), "zip entry ", name, ": expected ", bytes.size(), " bytes, got ", done);
  BS_CHECK(closed == UNZ_OK, "zip entry ", name, " is damaged: its checksum disagrees");
  return bytes;
}

void ZipWriter::add(const std::string& name, std::span<const std::byte> bytes) {
  constexpr uint64_t kMost = std::numeric_limits<uint32_t>::max(), kMostEntries = std::numeric_limits<uint16_t>::max();
  constexpr uint64_t kHeaderBytes = 30, kExtraHeaderBytes = 4, kEntryAlignment = 64;
  BS_CHECK(name.size() < kMaxNameBytes && entries_.size() < kMostEntries, "cannot write ", file_.path().string(),
           ": a name of ", name.size(), " bytes, or more than ", kMostEntries, " entries");
  const uint64_t unpadded = position_ + kHeaderBytes + name.size() + kExtraHeaderBytes;
  const uint64_t padding = (kEntryAlignment - unpadded % kEntryAlignment) % kEntryAlignment;
  BS_CHECK(bytes.size() <= kMost && unpadded + padding + bytes.size() <= kMost, "cannot write ", file_.path().string(),
           ": more than 4 GiB, which its format cannot say");
  const auto size = static_cast<uint32_t>(bytes.size());
  const auto checksum = static_cast<uint32_t>(crc32_z(0, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size()));
  std::string header = "PK\x03\x04";
  put_entry(header, name, checksum, size, static_cast<uint16_t>(kExtraHeaderBytes + padding));
  header += name + "FB";  // torch's mark of padding
  header += little_endian(static_cast<uint16_t>(padding));
  header.append(padding, '\0');
  entries_.push_back({name, checksum, size, static_cast<uint32_t>(position_)});
  write(header);
  file_.write(bytes);
  position_ += bytes.size();
}

void ZipWriter::finish() {
  const uint64_t begin = position_;
  for (const Entry& entry : entries_) {
    std::string record = "PK\x01\x02";
    record += little_endian(uint16_t{20});
    put_entry(record, entry.name, entry.checksum, entry.bytes, 0);
    record.append(10, '\0');  // comment, disk, attributes
    record += little_endian(entry.offset);
    write(record + entry.name);
  }
  const uint64_t bytes = position_ - begin;
  BS_CHECK(position_ <= std::numeric_limits<uint32_t>::max(), "cannot write ", file_.path().string(),
           ": more than 4 GiB, which its format cannot say");
  std::string end(kEndSignature);
  end.append(4, '\0');  // disks
  end += little_endian(static_cast<uint16_t>(entries_.size()));
  end += little_endian(static_cast<uint16_t>(entries_.size()));
  end += little_endian(static_cast<uint32_t>(bytes));
  end += little_endian(static_cast<uint32_t>(begin));
  end.append(2, '\0');  // comment
  write(end);
}

void ZipWriter::write(const std::string& record) {
  file_.write(record);
  position_ += record.size();
}

}  // namespace bareseg
