#include "engine/torch_writer.h"

#include <bit>
#include <nlohmann/json.hpp>

#include "engine/little_endian.h"
#include "engine/zip_file.h"

namespace bareseg {
namespace {

const char* storage_class(DType dtype) {
  switch (dtype) {
    case DType::f32:
      return "FloatStorage";
    case DType::bf16:
      return "BFloat16Storage";
    case DType::i32:
      return "IntStorage";
    case DType::i64:
      return "LongStorage";
    case DType::u8:
      break;
  }
  return "ByteStorage";
}

std::span<const std::byte> bytes_of(std::string_view text) { return std::as_bytes(std::span(text)); }

}  // namespace

void TorchWriter::begin_dict() {
  pickle_ += "}(";  // EMPTY_DICT MARK
  open_ += 'u';     // SETITEMS
}

void TorchWriter::begin_list() {
  pickle_ += "](";  // EMPTY_LIST MARK
  open_ += 'e';     // APPENDS
}

void TorchWriter::begin_tuple() {
  pickle_ += '(';  // MARK
  open_ += 't';    // TUPLE
}

void TorchWriter::end() {
  BS_CHECK(!open_.empty(), "TorchWriter: end() of a container that was never begun");
  pickle_ += open_.back();
  open_.pop_back();
}

void TorchWriter::text(std::string_view utf8) {
  try {
    static_cast<void>(nlohmann::json(utf8).dump());  // refuses what is not UTF-8
  } catch (const nlohmann::json::exception&) {
    fail_at(__FILE__, __LINE__, "a name or text is not UTF-8");
  }
  BS_CHECK(utf8.size() < uint64_t{1} << 32, "a text has ", utf8.size(), " bytes, more than 4 GiB");
  pickle_ += 'X';  // BINUNICODE
  pickle_ += little_endian(static_cast<uint32_t>(utf8.size()));
  pickle_ += utf8;
}

void TorchWriter::integer(int64_t value) {
  if (std::in_range<int32_t>(value)) {
    pickle_ += 'J';  // BININT
    pickle_ += little_endian(static_cast<int32_t>(value));
  } else {
    pickle_ += "\x8a\x08";  // LONG1 of 8 bytes
    pickle_ += little_endian(value);
  }
}

void TorchWriter::real(double value) {
  pickle_ += 'G';  // BINFLOAT, big-endian
  pickle_ += little_endian(__builtin_bswap64(std::bit_cast<uint64_t>(value)));
}

void TorchWriter::boolean(bool value) { pickle_ += value ? '\x88' : '\x89'; }

// _rebuild_tensor_v2(storage, offset, sizes, strides, requires_grad, hooks)
void TorchWriter::tensor(const Tensor& value) {
  pickle_ += "ctorch._utils\n_rebuild_tensor_v2\n";
  begin_tuple();
  begin_tuple();
  text("storage");
  pickle_ += std::string("ctorch\n") + storage_class(value.dtype()) + '\n';
  text(std::to_string(storages_.size()));
  text("cpu");
  integer(value.count());
  end();
  pickle_ += 'Q';  // BINPERSID
  integer(0);
  begin_tuple();
  for (int i = 0; i < value.rank(); ++i) integer(value.dim(i));
  end();
  begin_tuple();
  for (int i = 0; i < value.rank(); ++i) {
    int64_t stride = 1;
    for (int j = i + 1; j < value.rank(); ++j) stride *= std::max<int64_t>(value.dim(j), 1);
    integer(stride);
  }
  end();
  boolean(false);
  pickle_ += "ccollections\nOrderedDict\n)R";
  end();
  pickle_ += 'R';  // REDUCE
  storages_.push_back(value);
}

void TorchWriter::save(const std::filesystem::path& path) const {
  BS_CHECK(open_.empty(), "TorchWriter: ", open_.size(), " containers are not ended");
  write_file_atomically(path, [&](AtomicFile& file) {
    ZipWriter zip(file);
    zip.add("archive/data.pkl", bytes_of(pickle_ + '.'));
    for (size_t i = 0; i < storages_.size(); ++i) {
      const Tensor host = storages_[i].to(Device{});
      zip.add(concat("archive/data/", i),
              {static_cast<const std::byte*>(host.raw()), static_cast<size_t>(host.bytes())});
    }
    zip.add("archive/version", bytes_of("3\n"));
    zip.finish();
  });
}

}  // namespace bareseg
