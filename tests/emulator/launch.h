// The emulator's half of cuda/launch.h, which includes it: shared memory and the start of a kernel.
#pragma once

#include <tuple>
#include <type_traits>

#include "tests/emulator/emulator.h"

namespace bareseg {

/// A T* into shared memory that knows how far it may go.
template <typename T>
class SharedArray {
 public:
  SharedArray(T* begin, int64_t count) : SharedArray(begin, 0, count) {}
  /// As T* becomes const T*.
  operator SharedArray<const T>() const requires(!std::is_const_v<T>) { return {begin_, at_, count_}; }

  template <typename Index>
  T& operator[](Index i) const {
    return *element(static_cast<int64_t>(i), 1);
  }
  T& operator*() const { return *element(0, 1); }
  T* operator->() const { return element(0, 1); }
  SharedArray operator+(int64_t n) const { return {begin_, at_ + n, count_}; }
  SharedArray operator-(int64_t n) const { return {begin_, at_ - n, count_}; }
  SharedArray& operator+=(int64_t n) {
    at_ += n;
    return *this;
  }

  /// A plain pointer to the next n elements.
  T* range(int64_t n) const { return element(0, n); }

 private:
  template <typename>
  friend class SharedArray;
  SharedArray(T* begin, int64_t at, int64_t count) : begin_(begin), at_(at), count_(count) {}

  T* element(int64_t i, int64_t n) const {
    if (at_ + i < 0 || at_ + i + n > count_) [[unlikely]]
      emulator::fail_shared(at_ + i + (n - 1), count_, sizeof(T));
    return begin_ + at_ + i;
  }

  T* begin_;
  int64_t at_, count_;
};

template <typename T>
SharedArray<T> dynamic_shared(size_t begin = 0, size_t end = ~size_t{0}) {
  size_t bytes = 0;
  std::byte* data = emulator::dynamic_memory(&bytes);
  emulator::check_aligned(data + begin, alignof(T));
  end = std::min(end, bytes);
  return {reinterpret_cast<T*>(data + begin), end < begin ? 0 : static_cast<int64_t>((end - begin) / sizeof(T))};
}

inline size_t max_shared_bytes() { return emulator::kSharedMemory; }
/// Few, so that blocks that go on to further tiles have some to go on to.
inline int64_t multiprocessors() { return 2; }

template <typename... Params, typename... Args>
void launch(void (*kernel)(Params...), const Grid& grid, Stream, Args&&... args) {
  if (grid.empty()) return;
  emulator::submit([kernel, grid, values = std::tuple<Params...>(static_cast<Params>(args)...)] {
    emulator::run(grid, std::as_bytes(std::span(&values, 1)), [&] { std::apply(kernel, values); });
  });
}

}  // namespace bareseg

#define BS_SHARED(type, name, count)                                                                     \
  static char name##_site;                                                                               \
  const ::bareseg::SharedArray<type> name(                                                               \
      reinterpret_cast<type*>(::bareseg::emulator::shared_memory(&name##_site, sizeof(type) * (count))), \
      static_cast<int64_t>(count))
