#include "engine/file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "engine/error.h"

namespace bareseg {
namespace {

std::string reason(int error) { return std::generic_category().message(error); }

// Closes a descriptor of a file that is only read.
class Descriptor {
 public:
  explicit Descriptor(int value) : value_(value) {}
  ~Descriptor() {
    if (value_ >= 0) ::close(value_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return value_; }

 private:
  int value_;
};

// A rename survives a power failure only once the folder itself is on disk.
int sync_folder(const std::filesystem::path& file) {
  const std::filesystem::path folder = file.has_parent_path() ? file.parent_path() : ".";
  const Descriptor descriptor(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (descriptor.get() < 0) return errno;
  // EINVAL: a file system whose folders cannot be synchronised.
  return ::fsync(descriptor.get()) == 0 || errno == EINVAL ? 0 : errno;
}

}  // namespace

std::vector<std::byte> read_file(const std::filesystem::path& path, int64_t max_bytes) {
  // O_NONBLOCK: opening a pipe must not wait for its writer.
  const Descriptor descriptor(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  BS_CHECK(descriptor.get() >= 0, "cannot open ", path.string(), ": ", reason(errno));
  struct stat status {};
  BS_CHECK(::fstat(descriptor.get(), &status) == 0, "cannot read ", path.string(), ": ", reason(errno));
  BS_CHECK(S_ISREG(status.st_mode), "cannot read ", path.string(), ": not a regular file");
  BS_CHECK(status.st_size <= max_bytes, "cannot read ", path.string(), ": expected at most ", max_bytes, " bytes, got ",
           status.st_size);
  std::vector<std::byte> bytes(static_cast<size_t>(status.st_size));
  size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t got = ::read(descriptor.get(), bytes.data() + done, bytes.size() - done);
    if (got < 0 && errno == EINTR) continue;
    BS_CHECK(got >= 0, "cannot read ", path.string(), ": ", reason(errno));
    BS_CHECK(got > 0, "cannot read ", path.string(), ": it shrank to ", done, " bytes while it was read");
    done += static_cast<size_t>(got);
  }
  return bytes;
}

AtomicFile::AtomicFile(const std::filesystem::path& path) : path_(path), temporary_(path) {
  temporary_ += ".tmp";
  descriptor_ = ::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0666);
  if (descriptor_ < 0) fail("create", errno);
  // The lock keeps a second writer out. Another writer may have renamed the file between open and lock: then the
  // descriptor is no longer the temporary's but that of a finished file, which must not be touched.
  struct stat opened {
  }, named{};
  const bool ours = ::flock(descriptor_, LOCK_EX | LOCK_NB) == 0 && ::fstat(descriptor_, &opened) == 0 &&
                    ::lstat(temporary_.c_str(), &named) == 0 && opened.st_ino == named.st_ino &&
                    opened.st_dev == named.st_dev && S_ISREG(opened.st_mode);
  if (!ours || ::ftruncate(descriptor_, 0) != 0) {
    const int error = ours ? errno : EBUSY;
    ::close(descriptor_);
    fail("create", error);
  }
}

AtomicFile::~AtomicFile() {
  if (descriptor_ < 0) return;
  ::unlink(temporary_.c_str());
  ::close(descriptor_);
}

void AtomicFile::write(std::span<const std::byte> bytes) {
  BS_CHECK(descriptor_ >= 0, "cannot write ", path_.string(), ": it was committed already");
  while (!bytes.empty()) {
    const ssize_t put = ::write(descriptor_, bytes.data(), bytes.size());
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) fail("write", errno);
    bytes = bytes.subspan(static_cast<size_t>(put));
  }
}

void AtomicFile::commit() {
  BS_CHECK(descriptor_ >= 0, "cannot write ", path_.string(), ": it was committed already");
  if (::fsync(descriptor_) != 0) fail("write", errno);
  if (::rename(temporary_.c_str(), path_.c_str()) != 0) fail("replace", errno);
  ::close(descriptor_);
  descriptor_ = -1;
  if (const int error = sync_folder(path_); error != 0) fail("synchronise the folder of", error);
}

void AtomicFile::fail(const char* action, int error) const {
  fail_at(__FILE__, __LINE__, "cannot ", action, " ", path_.string(), ": ", reason(error),
          error == EBUSY ? " (another process is writing it)" : "");
}

void write_file_atomically(const std::filesystem::path& path, const std::function<void(AtomicFile&)>& writer) {
  AtomicFile file(path);
  writer(file);
  file.commit();
}

void write_file_atomically(const std::filesystem::path& path, std::span<const std::byte> bytes) {
  write_file_atomically(path, [&](AtomicFile& file) { file.write(bytes); });
}

void write_file_atomically(const std::filesystem::path& path, std::string_view text) {
  write_file_atomically(path, std::as_bytes(std::span(text)));
}

}  // namespace bareseg
