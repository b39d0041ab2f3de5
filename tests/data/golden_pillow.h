// tests/golden/pillow.bin: pictures made by Pillow, torchvision and torch (tests/golden/make_pillow.py).
#pragma once

#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <string>
#include <vector>

#include "engine/error.h"

namespace bareseg::golden {

enum Op : int32_t {
  brightness,
  contrast,
  saturation,
  hue,
  grey,
  blur,
  resize,
  nearest,
  base,
  base_labels,
  chain,
  window
};

struct Record {
  int32_t op = 0, mask = 0, height = 0, width = 0, channels = 0, out_height = 0, out_width = 0;
  std::array<float, 8> params{};
  std::vector<uint8_t> picture, result;  // result is empty for window
  std::vector<float> result_float;       // of window
};

inline std::vector<uint8_t> picture_of(uint32_t number, int64_t bytes, int32_t mask) {
  uint32_t state = 0x9E3779B9u * (number + 1);
  std::vector<uint8_t> picture(static_cast<size_t>(bytes));
  for (uint8_t& value : picture) {
    state = 1664525u * state + 1013904223u;
    value = static_cast<uint8_t>((state >> 24) & static_cast<uint32_t>(mask));
  }
  return picture;
}

/// All records of the given operations, in order.
inline std::vector<Record> records(std::initializer_list<Op> ops) {
  const std::string path = BARESEG_TESTS_DIR "/golden/pillow.bin";
  std::ifstream file(path, std::ios::binary);
  BS_CHECK(file, "cannot open ", path);
  std::vector<Record> all;
  std::array<int32_t, 7> head{};
  for (uint32_t number = 0; file.read(reinterpret_cast<char*>(head.data()), sizeof head); ++number) {
    Record r{head[0], head[1], head[2], head[3], head[4], head[5], head[6], {}, {}, {}, {}};
    file.read(reinterpret_cast<char*>(r.params.data()), sizeof r.params);
    r.picture = picture_of(number, int64_t{r.height} * r.width * r.channels, r.mask);
    const auto size = static_cast<size_t>(r.out_height * r.out_width * r.channels);
    if (r.op == window) {
      r.result_float.resize(size);
      file.read(reinterpret_cast<char*>(r.result_float.data()), static_cast<std::streamsize>(4 * size));
    } else {
      r.result.resize(size);
      file.read(reinterpret_cast<char*>(r.result.data()), static_cast<std::streamsize>(size));
    }
    BS_CHECK(file, path, " ends inside record ", number);
    for (const Op op : ops) {
      if (op == r.op) all.push_back(std::move(r));
    }
  }
  BS_CHECK(!all.empty(), path, " holds no record of the operations asked for");
  return all;
}

inline std::string describe(const Record& r) {
  std::string text = "op " + std::to_string(r.op) + " of " + std::to_string(r.height) + "x" + std::to_string(r.width) +
                     "x" + std::to_string(r.channels) + ", params";
  for (const float p : r.params) text += " " + std::to_string(p);
  return text;
}

}  // namespace bareseg::golden
