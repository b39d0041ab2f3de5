#include "engine/zip_file.h"

#include <minizip/unzip.h>

#include <algorithm>
#include <cstring>
#include <string_view>

#include "engine/error.h"

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
    const Entry entry = {info.uncompressed_size, position.pos_in_zip_directory, position.num_of_file};
    BS_CHECK(entries_.emplace(text, entry).second, "zip entry ", text, " occurs twice");
  }
  BS_CHECK(status == UNZ_END_OF_LIST_OF_FILE, "the zip directory is damaged");
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

}  // namespace bareseg
