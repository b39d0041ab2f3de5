#include "apps/event_file.h"

#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>

#include "apps/run.h"
#include "engine/error.h"
#include "tests/data/files.h"
#include "tests/process.h"

namespace bareseg {
namespace {

namespace fs = std::filesystem;

// Check values of RFC 3720, appendix B.4, and of the usual nine digits.
TEST(EventFile, ChecksumIsCastagnolis) {
  EXPECT_EQ(crc32c("123456789"), 0xe3069283u);
  EXPECT_EQ(crc32c(std::string(32, '\0')), 0x8a9136aau);
  EXPECT_EQ(crc32c(std::string(32, '\xff')), 0x62a8ab43u);
}

// Two sessions; the second goes on at step 2.
void write_events(const fs::path& folder) {
  EventFile first(folder, 0);
  for (int64_t step = 0; step < 4; ++step) first.scalar("loss", step, 1.0 / static_cast<double>(step + 1));
  EventFile second(folder, 2);
  second.scalar("loss", 2, 0.25);
  second.scalar("loss", 300, -1.5);
  second.histogram("occupancy", 2, {3, 0, 5});
  second.image("picture", 2, drawn_picture(9, 7));
}

TEST(EventFile, RecordsAreFramed) {
  const TemporaryFolder folder;
  write_events(folder.path());
  int files = 0;
  for (const auto& entry : fs::directory_iterator(folder.path())) {
    const std::vector<uint8_t> bytes = bytes_of(entry.path());
    size_t at = 0, records = 0;
    for (; at + 16 <= bytes.size(); ++records) {
      uint64_t length = 0;
      std::memcpy(&length, bytes.data() + at, sizeof length);
      ASSERT_LE(length, bytes.size() - at - 16);
      const auto checked = [&](size_t begin, size_t count) {
        uint32_t stored = 0;
        std::memcpy(&stored, bytes.data() + begin + count, sizeof stored);
        const uint32_t crc = crc32c({bytes.begin() + static_cast<std::ptrdiff_t>(begin),
                                     bytes.begin() + static_cast<std::ptrdiff_t>(begin + count)});
        return stored == ((crc >> 15) | (crc << 17)) + 0xa282ead8u;
      };
      EXPECT_TRUE(checked(at, 8)) << records;
      EXPECT_TRUE(checked(at + 12, length)) << records;
      at += 16 + length;
    }
    EXPECT_EQ(at, bytes.size());
    EXPECT_EQ(records, 6u);  // the version, the session and four values
    ++files;
  }
  EXPECT_EQ(files, 2);
}

TEST(EventFile, TensorBoardReadsIt) {
  const auto python = python_with("tensorboard");
  if (!python) GTEST_SKIP() << "no Python with tensorboard";
  const TemporaryFolder folder;
  write_events(folder.path());
  const Outcome outcome = run("cd " + folder.path().string() + " && " + *python + R"( -c '
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.util import tensor_util
e = EventAccumulator(".", size_guidance=dict(scalars=0, images=0, histograms=0))
e.Reload()
assert [(s.step, s.value) for s in e.Scalars("loss")] == [(0, 1.0), (1, 0.5), (2, 0.25), (300, -1.5)], e.Scalars("loss")
h = e.Histograms("occupancy")[0].histogram_value
assert (h.num, h.sum, h.sum_squares) == (8, 10, 20) and list(h.bucket) == [3, 0, 5] and h.min == -0.5 and h.max == 2.5
p = e.Images("picture")[0]
assert (p.step, p.width, p.height) == (2, 9, 7) and p.encoded_image_string[:3] == b"\xff\xd8\xff"
')");
  EXPECT_EQ(outcome.code, 0) << outcome.output;
}

// A line of metrics.jsonl: numbers become scalars, also those of each view; occupancy a histogram; the rest stays
// there.
TEST(EventFile, ARunsMetricsGoThere) {
  const auto python = python_with("tensorboard");
  if (!python) GTEST_SKIP() << "no Python with tensorboard";
  const TemporaryFolder folder;
  for (const bool resume : {false, true}) {
    bareseg::Run session(folder / "run", "", resume, true);
    session.pictures(resume, {drawn_picture(9, 7), drawn_picture(8, 4)});
    session.metrics(
        concat(R"({"epoch": )", int{resume},
               R"(, "loss": 0.5, "note": "text", "kmeans_loss": [1, 2], "view1": {"mIoU": 30, "IoU": [1, 2, 3]},
                         "occupancy": [[3, 0, 5], [1, 1, 6]]})"));
  }
  const Outcome outcome = run("cd " + (folder / "run").string() + " && " + *python + R"( -c '
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
e = EventAccumulator(".", size_guidance=dict(scalars=0, images=0, histograms=0))
e.Reload()
t = e.Tags()
assert sorted(t["scalars"]) == ["kmeans_loss/1", "kmeans_loss/2", "loss", "view1/mIoU"], t
assert sorted(t["histograms"]) == ["occupancy/1", "occupancy/2"] and sorted(t["images"]) == ["sample/1", "sample/2"], t
assert [s.step for s in e.Scalars("loss")] == [0, 1] and e.Scalars("kmeans_loss/2")[1].value == 2
')");
  EXPECT_EQ(outcome.code, 0) << outcome.output;
}

TEST(EventFile, AFolderThatIsNotThereIsNamed) {
  EXPECT_TRUE(refuses([] { EventFile(fs::path("/nowhere/at/all"), 0); }, {"/nowhere/at/all", "cannot write"}));
}

}  // namespace
}  // namespace bareseg
