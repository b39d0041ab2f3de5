// Zip archives that torch.save does not write: deflated, damaged, malicious.
#include "engine/zip_file.h"

#include <gtest/gtest.h>
#include <minizip/zip.h>

#include "engine/file.h"
#include "engine/torch_file.h"
#include "tests/engine/hostile.h"

namespace bareseg {
namespace {

using namespace std::string_literals;

struct NewEntry {
  std::string name, content;
  bool deflated = false;
};

std::vector<std::byte> archive_of(const std::vector<NewEntry>& entries, const char* password = nullptr) {
  const TemporaryFolder folder;
  zipFile zip = zipOpen64((folder / "zip").c_str(), APPEND_STATUS_CREATE);
  for (const auto& [name, content, deflated] : entries) {
    zip_fileinfo info{};
    zipOpenNewFileInZip3_64(zip, name.c_str(), &info, nullptr, 0, nullptr, 0, nullptr, deflated ? Z_DEFLATED : 0,
                            Z_BEST_COMPRESSION, 0, -MAX_WBITS, DEF_MEM_LEVEL, Z_DEFAULT_STRATEGY, password, 0, 1);
    zipWriteInFileInZip(zip, content.data(), static_cast<unsigned>(content.size()));
    zipCloseFileInZip(zip);
  }
  zipClose(zip, nullptr);
  return read_file(folder / "zip");
}

std::string zip_error(const std::vector<std::byte>& bytes) {
  return error_of([&] { ZipFile zip(bytes); });
}

std::string torch_error(const std::vector<NewEntry>& entries) {
  return error_of([&] { find_state_dict(parse_torch_file(archive_of(entries), "f")); });
}

// {"w": tensor of 4 elements in the storage `key`}
std::string state_dict_pickle(const std::string& key = "0") {
  const std::string size(1, static_cast<char>(key.size()));
  return "\x80\x04}\x8c\x01wctorch._utils\n_rebuild_tensor_v2\n((\x8c\x07storage"s + "ctorch\nFloatStorage\n\x8c" +
         size + key +
         "\x8c\x03"
         "cpuK\x04tQK\0K\x04\x85K\x01\x85\x89NtRs."s;
}

const std::string kElements = little_endian(1.0f) + little_endian(2.0f) + little_endian(3.0f) + little_endian(4.0f);

TEST(ZipFile, StoredAndDeflatedEntries) {
  const std::string text(100'000, 'x');
  const std::vector<std::byte> bytes = archive_of({{"a/stored", "abc"}, {"deflated", text, true}, {"empty", ""}});
  ZipFile zip(bytes);
  EXPECT_EQ(zip.entries().size(), 3u);
  EXPECT_EQ(zip.entries().at("deflated").bytes, text.size());
  const std::vector<std::byte> deflated = zip.read("deflated");
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(deflated.data()), deflated.size()), text);
  EXPECT_EQ(zip.read("a/stored").size(), 3u);
  EXPECT_TRUE(zip.read("empty").empty());
  EXPECT_EQ(error_of([&] { zip.read("none"); }), "zip entry none is missing");
}

TEST(ZipFile, RefusesWhatItCannotTrust) {
  EXPECT_NE(zip_error({}).find("not a zip archive"), std::string::npos);
  EXPECT_NE(zip_error(archive_of({{"a", "1"}, {"a", "2"}})).find("zip entry a occurs twice"), std::string::npos);
  EXPECT_NE(zip_error(archive_of({{"a", "1"}}, "secret")).find("zip entry a is encrypted"), std::string::npos);
}

TEST(ZipFile, BombsAreRefusedBeforeMemoryIsTaken) {
  const std::vector<std::byte> bomb = archive_of({{"bomb", std::string(64 << 20, '\0'), true}});
  ASSERT_LT(bomb.size(), 100'000u);
  const MemoryLimit limit(uint64_t{16} << 20);
  EXPECT_NE(zip_error(bomb).find("the zip entries promise more than"), std::string::npos);
}

// The directory's second entry pointed at the first one's bytes.
TEST(ZipFile, OverlappingEntriesAreRefused) {
  std::vector<std::byte> bytes = archive_of({{"a", "the content"}, {"b", "the content"}});
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  constexpr size_t kOffset = 42;  // of a directory record
  const size_t second = text.rfind("PK\x01\x02");
  std::fill_n(bytes.begin() + static_cast<std::ptrdiff_t>(second + kOffset), 4, std::byte{0});
  EXPECT_EQ(zip_error(bytes), "zip entry a reaches into b");
}

TEST(ZipWriter, EntriesAreAlignedAndComeBack) {
  const TemporaryFolder folder;
  const std::vector<std::pair<std::string, std::string>> entries = {
      {"archive/data.pkl", "short"}, {"gr\xc3\xbcn", std::string(1000, 'x')}, {"", "no name"}, {"empty", ""}};
  write_file_atomically(folder / "f.zip", [&](AtomicFile& file) {
    ZipWriter zip(file);
    for (const auto& [name, content] : entries) zip.add(name, bytes_of(content));
    zip.finish();
  });
  const std::vector<std::byte> bytes = read_file(folder / "f.zip");
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  ZipFile zip(bytes);
  EXPECT_EQ(zip.entries().size(), entries.size());
  for (const auto& [name, content] : entries) {
    const std::vector<std::byte> read = zip.read(name);
    EXPECT_EQ(std::string_view(reinterpret_cast<const char*>(read.data()), read.size()), content) << name;
    const size_t begin = content.empty() ? 0 : text.find(content);
    EXPECT_EQ(begin % 64, 0u) << name;
  }
  EXPECT_NE(error_of([&] {
              AtomicFile file(folder / "g.zip");
              ZipWriter(file).add(std::string(65536, 'x'), {});
            }).find("g.zip: a name of 65536 bytes"),
            std::string::npos);
}

TEST(ZipFile, ChecksumsAreVerified) {
  std::vector<std::byte> bytes = archive_of({{"a", "the content"}});
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  bytes[text.find("content")] = std::byte{'C'};
  ZipFile zip(bytes);
  EXPECT_EQ(error_of([&] { zip.read("a"); }), "zip entry a is damaged: its checksum disagrees");
}

TEST(ZipFile, CorruptionNeverCrashes) {
  const std::vector<std::byte> bytes = archive_of(
      {{"m/data.pkl", state_dict_pickle(), true}, {"m/data/0", kElements, true}, {"m/version", "3\n", true}});
  ASSERT_EQ(error_of([&] { find_state_dict(parse_torch_file(bytes, "f")); }), "");
  const MemoryLimit limit(uint64_t{512} << 20);
  int loaded = 0;
  each_corruption(bytes, 5000, [&](std::span<const std::byte> copy) {
    loaded += error_of([&] { find_state_dict(parse_torch_file(copy, "f")); }).empty();
  });
  EXPECT_LT(loaded, 5000);
  each_truncation(bytes, [&](std::span<const std::byte> cut) {
    EXPECT_NE(error_of([&] { parse_torch_file(cut, "f"); }), "") << cut.size() << " bytes";
  });
}

TEST(ZipFile, TorchEntriesMustFit) {
  const NewEntry pickle = {"m/data.pkl", state_dict_pickle()}, data = {"m/data/0", kElements};
  EXPECT_EQ(torch_error({pickle, data}), "");
  EXPECT_EQ(torch_error({{"data.pkl", state_dict_pickle()}, {"data/0", kElements}}), "");
  EXPECT_EQ(torch_error({pickle, data, {"m/byteorder", "little"}}), "");
  EXPECT_NE(torch_error({pickle, data, {"m/byteorder", "big"}}).find("big-endian"), std::string::npos);
  EXPECT_NE(torch_error({pickle}).find("f: storage 0 is missing"), std::string::npos);
  EXPECT_NE(torch_error({data}).find("no data.pkl"), std::string::npos);
  EXPECT_NE(torch_error({pickle, data, {"n/data.pkl", "x"}}).find("more than one data.pkl"), std::string::npos);
  EXPECT_NE(torch_error({pickle, {"m/data/0", "123"}}).find("storage 0: expected 16 bytes, got 3"), std::string::npos);
  EXPECT_NE(torch_error({{"m/data.pkl", "not a pickle"}, data}).find("expected a pickle"), std::string::npos);
}

// Names that would leave the folder if entries were files: here they are names, found or not.
TEST(ZipFile, PathsAreOnlyNames) {
  const NewEntry pickle = {"m/data.pkl", state_dict_pickle("../../etc/passwd")};
  EXPECT_NE(torch_error({pickle}).find("storage ../../etc/passwd is missing"), std::string::npos);
  EXPECT_EQ(torch_error({pickle, {"m/data/../../etc/passwd", kElements}, {"/etc/cron.d/x", "x"}}), "");
}

}  // namespace
}  // namespace bareseg
