#include "data/loader.h"

#include <algorithm>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <exception>
#include <mutex>
#include <optional>
#include <set>
#include <span>
#include <thread>
#include <unordered_map>
#include <utility>

#include "data/base_crop.h"
#include "data/device_images.h"
#include "data/disk_cache.h"

namespace bareseg {
namespace {

/// The image's base crop, then the label map's, as the caches keep them; or what views are made from; or the image.
struct Record {
  int64_t height = 0, width = 0;  // of the source of views, or of a native image
  std::vector<uint8_t> bytes;     // none where a device keeps them
};

uint64_t add_text(uint64_t sum, const std::string& text) {
  return checksum({reinterpret_cast<const uint8_t*>(text.data()), text.size()}, sum);
}

/// Changes with the images' names, files (size and time of the last change), classes and with the crop.
uint64_t fingerprint(const Dataset& dataset, const LoaderOptions& options) {
  uint64_t sum = add_text(1, concat(options.side, ' ', options.label_side));
  for (const ClassInfo& info : dataset.classes()) sum = add_text(sum, info.name);
  for (int64_t i = 0; i < dataset.size(); ++i) {
    const std::filesystem::path source = dataset.source(i);
    std::error_code none;
    const uintmax_t bytes = std::filesystem::file_size(source, none);
    const bool is_file = !none;
    sum = add_text(sum, dataset.name(i));
    sum = is_file ? add_text(sum, concat(bytes, ' ',
                                         std::filesystem::last_write_time(source, none).time_since_epoch().count()))
                  : add_text(sum, source.string());
  }
  return sum;
}

/// A batch on its way. Tasks write different rows and errors; `missing` belongs to the loader's mutex.
struct Pending {
  Batch batch;
  std::vector<std::shared_ptr<const Record>> natives;  // per image
  uint64_t pass = 0;
  std::vector<std::exception_ptr> unreadable;  // per image: the Error that names it
  std::exception_ptr failure;                  // anything else; guarded like `missing`
  size_t missing = 0;
};

struct Task {
  std::shared_ptr<Pending> pending;
  size_t slot;
};

}  // namespace

struct Loader::Impl {
  Impl(const Dataset& data, LoaderOptions o);
  ~Impl();

  void start(std::vector<int64_t> order, int64_t images_per_batch, uint64_t number);
  bool next(Batch& batch);

  void work();
  void run(const Task& task);
  void pack(Pending& pending) const;
  void fetch(int64_t index, uint64_t of_pass, uint8_t* image, uint8_t* labels);
  std::shared_ptr<const Record> record_of(int64_t index);
  std::shared_ptr<const Record> cached(int64_t index);
  std::shared_ptr<const Record> produce(int64_t index);
  Record native_image(int64_t index) const;
  Record base_crops(int64_t index);
  Record source_of_views(int64_t index) const;
  void keep_on_disk(int64_t index, const Record& record);
  void fill();     // with the mutex held
  void abandon();  // with the mutex held
  void report(std::unique_lock<std::mutex>& lock, const Pending& pending);
  void drop_unreadable(Pending& pending) const;
  void bring(Batch& batch);

  const Dataset& dataset;
  const LoaderOptions options;
  const ImageSize image_size, label_size;
  const int64_t image_bytes, label_bytes;
  std::optional<DiskCache> disk;
  std::optional<DeviceImages> on_device;  // used by next() alone

  mutable std::mutex mutex;
  std::condition_variable work_came, work_done;
  bool stopping = false;
  std::vector<int64_t> order;
  int64_t batch_size = 0;  // of this pass
  uint64_t pass = 0;
  size_t position = 0;                          // of the first image that no pending batch has
  std::deque<std::shared_ptr<Pending>> window;  // batches in order
  std::deque<Task> tasks;
  std::unordered_map<int64_t, std::shared_ptr<const Record>> kept;
  int64_t kept_bytes = 0;
  std::set<int64_t> unreadable;
  std::string disk_failure;  // why the disk cache is no longer written
  bool disk_failure_told = false;
  std::vector<std::thread> workers;  // last: they use everything above
};

Loader::Impl::Impl(const Dataset& data, LoaderOptions o)
    : dataset(data),
      options(std::move(o)),
      image_size(options.augment ? ImageSize{options.augment->width, options.augment->height}
                                 : ImageSize{options.side, options.side}),
      label_size(options.augment ? image_size : ImageSize{options.label_side, options.label_side}),
      image_bytes(image_size.height * image_size.width * 3),
      label_bytes(label_size.height * label_size.width) {
  BS_CHECK(options.batch > 0, "loader: batch must be positive, got ", options.batch);
  if (options.augment) {
    options.augment->check();
    BS_CHECK(options.side == 0 && options.label_side == 0, "loader: views have no side, got ", options.side, " and ",
             options.label_side);
    BS_CHECK(options.disk_cache.empty(), "loader: a disk cache keeps base crops alone");
  } else {
    BS_CHECK(options.side > 0 && options.side <= 1 << 14, "loader: side must be 1 .. 16384, got ", options.side);
    BS_CHECK(options.label_side >= 0 && options.label_side <= 1 << 14, "loader: label_side must be 0 .. 16384, got ",
             options.label_side);
  }
  BS_CHECK(!options.native || (!options.augment && options.label_side == 0 && options.disk_cache.empty()),
           "loader: native images come without views, labels and disk cache");
  BS_CHECK(options.native || options.device == Device{}, "loader: only native images are brought to ", options.device);
  BS_CHECK(options.workers >= 0 && options.workers <= 1024, "loader: workers must be 0 .. 1024, got ", options.workers);
  BS_CHECK(options.prefetch >= 0, "loader: prefetch must not be negative, got ", options.prefetch);
  BS_CHECK(options.cache_bytes >= 0, "loader: cache_bytes must not be negative, got ", options.cache_bytes);
  BS_CHECK(label_bytes == 0 || dataset.has_labels(), "loader: the data set has no labels");
  if (!options.disk_cache.empty()) {
    disk.emplace(options.disk_cache, fingerprint(dataset, options), dataset.size(), image_bytes + label_bytes);
  }
  if (options.device != Device{}) on_device.emplace(options.device, dataset.size(), options.cache_bytes);
  const int wanted = options.workers > 0 ? options.workers : static_cast<int>(std::thread::hardware_concurrency());
  for (int i = 0; i < std::max(wanted, 1); ++i) workers.emplace_back([this] { work(); });
}

Loader::Impl::~Impl() {
  {
    const std::lock_guard lock(mutex);
    stopping = true;
    abandon();
  }
  work_came.notify_all();
  for (std::thread& worker : workers) worker.join();
}

void Loader::Impl::abandon() {
  tasks.clear();
  window.clear();  // a worker that still writes to a batch shares it
  position = order.size();
}

void Loader::Impl::start(std::vector<int64_t> new_order, int64_t images_per_batch, uint64_t number) {
  BS_CHECK(images_per_batch > 0, "loader: batch must be positive, got ", images_per_batch);
  for (const int64_t index : new_order) {
    BS_CHECK(index >= 0 && index < dataset.size(), "loader: the data set has ", dataset.size(), " images, got index ",
             index);
  }
  const std::lock_guard lock(mutex);
  abandon();
  order = std::move(new_order);
  batch_size = images_per_batch;
  pass = number;
  position = 0;
  fill();
}

void Loader::Impl::fill() {
  while (position < order.size() && static_cast<int64_t>(window.size()) <= options.prefetch) {
    const size_t end = std::min(position + static_cast<size_t>(batch_size), order.size());
    auto pending = std::make_shared<Pending>();
    Batch& batch = pending->batch;
    batch.indexes.assign(order.begin() + static_cast<std::ptrdiff_t>(position),
                         order.begin() + static_cast<std::ptrdiff_t>(end));
    const int64_t count = static_cast<int64_t>(end - position);
    batch.number = static_cast<int64_t>(position) / batch_size;
    pending->pass = pass;
    if (options.native)
      pending->natives.resize(end - position);
    else
      batch.images = Tensor::empty({count, image_size.height, image_size.width, 3}, kUInt8);
    if (label_bytes > 0) batch.labels = Tensor::empty({count, label_size.height, label_size.width}, kUInt8);
    pending->missing = end - position;
    pending->unreadable.resize(pending->missing);
    for (size_t slot = 0; slot < pending->missing; ++slot) tasks.push_back({pending, slot});
    window.push_back(std::move(pending));
    position = end;
  }
  work_came.notify_all();
}

void Loader::Impl::work() {
  std::unique_lock lock(mutex);
  for (;;) {
    work_came.wait(lock, [this] { return stopping || !tasks.empty(); });
    if (stopping) return;
    const Task task = std::move(tasks.front());
    tasks.pop_front();
    lock.unlock();
    Pending& pending = *task.pending;
    const auto attempt = [&](const auto& part) {
      std::exception_ptr failure;
      try {
        part();
      } catch (...) {
        failure = std::current_exception();
      }
      lock.lock();
      if (failure && !pending.failure) pending.failure = failure;
    };
    attempt([&] { run(task); });
    if (options.native && pending.missing == 1) {  // all others are there
      lock.unlock();
      attempt([&] { pack(pending); });
    }
    if (--pending.missing == 0) work_done.notify_all();
  }
}

void Loader::Impl::run(const Task& task) {
  const Batch& batch = task.pending->batch;
  const int64_t slot = static_cast<int64_t>(task.slot);
  try {
    if (options.native) {
      task.pending->natives[task.slot] = record_of(batch.indexes[task.slot]);
      return;
    }
    fetch(batch.indexes[task.slot], task.pending->pass, batch.images.data<uint8_t>() + slot * image_bytes,
          label_bytes > 0 ? batch.labels.data<uint8_t>() + slot * label_bytes : nullptr);
  } catch (const Error&) {
    task.pending->unreadable[task.slot] = std::current_exception();
  }
}

// Native images of a batch into one piece of memory, without the unreadable ones and those that a device keeps.
void Loader::Impl::pack(Pending& pending) const {
  int64_t bytes = 0;
  for (const auto& native : pending.natives) {
    if (native == nullptr) continue;
    const BaseGeometry g = base_geometry(native->height, native->width, options.side);
    pending.batch.sources.push_back({.offset = native->bytes.empty() ? -1 : bytes,
                                     .height = native->height,
                                     .width = native->width,
                                     .out_height = g.height,
                                     .out_width = g.width,
                                     .row = g.top,
                                     .col = g.left});
    bytes += std::ssize(native->bytes);
  }
  pending.batch.images = Tensor::empty({bytes}, kUInt8);
  uint8_t* to = pending.batch.images.data<uint8_t>();
  for (const auto& native : pending.natives) {
    if (native != nullptr) to = std::copy(native->bytes.begin(), native->bytes.end(), to);
  }
  pending.natives.clear();
}

std::shared_ptr<const Record> Loader::Impl::record_of(int64_t index) {
  std::shared_ptr<const Record> record = cached(index);
  return record != nullptr ? record : produce(index);
}

void Loader::Impl::fetch(int64_t index, uint64_t of_pass, uint8_t* image, uint8_t* labels) {
  const std::shared_ptr<const Record> record = record_of(index);
  const uint8_t* bytes = record->bytes.data();
  if (options.augment) {
    const PairSource source{record->height, record->width, bytes, bytes + record->height * record->width * 3};
    const PairDraw draw = draw_pair(*options.augment, source.height, source.width, index, of_pass);
    return augment_pair(*options.augment, source, draw, image, labels);
  }
  std::memcpy(image, bytes, static_cast<size_t>(image_bytes));
  if (labels != nullptr) std::memcpy(labels, bytes + image_bytes, static_cast<size_t>(label_bytes));
}

std::shared_ptr<const Record> Loader::Impl::cached(int64_t index) {
  const std::lock_guard lock(mutex);
  BS_CHECK(!unreadable.contains(index), dataset.source(index), ": was unreadable before");
  const auto found = kept.find(index);
  return found == kept.end() ? nullptr : found->second;
}

std::shared_ptr<const Record> Loader::Impl::produce(int64_t index) {
  auto record = std::make_shared<const Record>(options.native    ? native_image(index)
                                               : options.augment ? source_of_views(index)
                                                                 : base_crops(index));
  const std::lock_guard lock(mutex);
  const int64_t bytes = static_cast<int64_t>(record->bytes.size());
  if (kept_bytes + bytes <= options.cache_bytes && kept.emplace(index, record).second) kept_bytes += bytes;
  return record;
}

Record Loader::Impl::native_image(int64_t index) const {
  Image image = dataset.image(index);
  return {image.height, image.width, std::move(image.rgb)};
}

Record Loader::Impl::base_crops(int64_t index) {
  Record record{.bytes = std::vector<uint8_t>(static_cast<size_t>(image_bytes + label_bytes))};
  if (disk && disk->read(index, record.bytes)) return record;
  const Image image = base_crop(dataset.image(index), options.side);
  std::copy(image.rgb.begin(), image.rgb.end(), record.bytes.begin());
  if (label_bytes > 0) {
    const LabelMap labels = base_crop(dataset.labels(index), options.label_side);
    std::copy(labels.classes.begin(), labels.classes.end(), record.bytes.begin() + image_bytes);
  }
  if (disk) keep_on_disk(index, record);
  return record;
}

Record Loader::Impl::source_of_views(int64_t index) const {
  const Image image = pair_source(*options.augment, dataset.image(index));
  const LabelMap labels = pair_source(*options.augment, dataset.labels(index));
  Record record{image.height, image.width, image.rgb};
  record.bytes.insert(record.bytes.end(), labels.classes.begin(), labels.classes.end());
  return record;
}

void Loader::Impl::keep_on_disk(int64_t index, const Record& record) {
  {
    const std::lock_guard lock(mutex);
    if (!disk_failure.empty()) return;
  }
  try {
    disk->write(index, record.bytes);
  } catch (const Error& error) {
    // The image is fine; a full disk costs time, not the run.
    const std::lock_guard lock(mutex);
    if (disk_failure.empty()) disk_failure = error.message() + "; going on without writing to it";
  }
}

bool Loader::Impl::next(Batch& batch) {
  std::unique_lock lock(mutex);
  while (!window.empty()) {
    const std::shared_ptr<Pending> front = window.front();
    work_done.wait(lock, [&] { return front->missing == 0; });
    window.pop_front();
    report(lock, *front);
    fill();
    drop_unreadable(*front);
    if (front->batch.indexes.empty()) continue;
    batch = std::move(front->batch);
    lock.unlock();
    if (on_device) bring(batch);
    return true;
  }
  return false;
}

/// Throws what ends the pass, warns of the rest. The lock is let go while the caller's function runs.
void Loader::Impl::report(std::unique_lock<std::mutex>& lock, const Pending& pending) {
  std::exception_ptr fatal = pending.failure;
  std::vector<std::string> warnings;
  if (!disk_failure.empty() && !std::exchange(disk_failure_told, true)) warnings.push_back(disk_failure);
  for (size_t slot = 0; slot < pending.unreadable.size() && !fatal; ++slot) {
    if (!pending.unreadable[slot]) continue;
    if (options.strict) {
      fatal = pending.unreadable[slot];
    } else if (unreadable.insert(pending.batch.indexes[slot]).second) {
      try {
        std::rethrow_exception(pending.unreadable[slot]);
      } catch (const Error& error) {
        warnings.push_back(error.message());
      }
    }
  }
  if (fatal) {
    abandon();
    std::rethrow_exception(fatal);
  }
  if (!options.warn) return;
  lock.unlock();
  for (const std::string& warning : warnings) options.warn(warning);
  lock.lock();
}

void Loader::Impl::drop_unreadable(Pending& pending) const {
  Batch& batch = pending.batch;
  size_t good = 0;
  for (size_t slot = 0; slot < pending.unreadable.size(); ++slot) {
    if (pending.unreadable[slot]) continue;
    if (good < slot) {
      batch.indexes[good] = batch.indexes[slot];
      const auto move_row = [&](const Tensor& rows) {
        const int64_t to = static_cast<int64_t>(good), from = static_cast<int64_t>(slot);
        std::memcpy(rows.rows(to, to + 1).raw(), rows.rows(from, from + 1).raw(),
                    static_cast<size_t>(rows.rows(to, to + 1).bytes()));
      };
      if (!options.native) move_row(batch.images);
      if (batch.labels.defined()) move_row(batch.labels);
    }
    ++good;
  }
  if (good == pending.unreadable.size()) return;
  batch.indexes.resize(good);
  if (!options.native) batch.images = batch.images.rows(0, static_cast<int64_t>(good));
  if (batch.labels.defined()) batch.labels = batch.labels.rows(0, static_cast<int64_t>(good));
}

// Of what the device keeps, the size alone stays here.
void Loader::Impl::bring(Batch& batch) {
  batch.images = on_device->bring(batch.images, batch.indexes, batch.sources);
  const std::lock_guard lock(mutex);
  for (size_t i = 0; i < batch.indexes.size(); ++i) {
    if (!on_device->keeps(batch.indexes[i])) continue;
    std::shared_ptr<const Record>& record = kept[batch.indexes[i]];
    if (record != nullptr && record->bytes.empty()) continue;
    if (record != nullptr) kept_bytes -= std::ssize(record->bytes);
    record = std::make_shared<const Record>(Record{batch.sources[i].height, batch.sources[i].width, {}});
  }
}

Loader::Loader(const Dataset& dataset, LoaderOptions options)
    : impl_(std::make_unique<Impl>(dataset, std::move(options))) {}
Loader::~Loader() = default;

void Loader::start(std::vector<int64_t> order, int64_t batch, uint64_t pass) {
  impl_->start(std::move(order), batch > 0 ? batch : impl_->options.batch, pass);
}
bool Loader::next(Batch& batch) { return impl_->next(batch); }

int64_t Loader::batch() const { return impl_->options.batch; }

int64_t Loader::skipped() const {
  const std::lock_guard lock(impl_->mutex);
  return static_cast<int64_t>(impl_->unreadable.size());
}

int64_t Loader::cached_bytes() const {
  const std::lock_guard lock(impl_->mutex);
  return impl_->kept_bytes;
}

}  // namespace bareseg
