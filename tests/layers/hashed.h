// Numbers that are a function of a name, as tests/golden/hashed.py has them, and torch's order of a map's elements.
#pragma once

#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "engine/backend.h"

namespace bareseg {

/// FNV-1a of the name, then splitmix64's output function.
inline std::vector<uint64_t> hashed(const std::string& name, int64_t count) {
  uint64_t seed = 0xcbf29ce484222325u;
  for (const char c : name) seed = (seed ^ static_cast<uint8_t>(c)) * 0x100000001b3u;
  std::vector<uint64_t> values;
  for (int64_t i = 1; i <= count; ++i) {
    uint64_t z = seed + static_cast<uint64_t>(i) * 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    values.push_back(z ^ z >> 31);
  }
  return values;
}

inline std::vector<float> hashed_uniform(const std::string& name, int64_t count, double low, double high) {
  std::vector<float> values;
  for (const uint64_t hash : hashed(name, count)) {
    values.push_back(static_cast<float>(low + (high - low) * (static_cast<double>(hash >> 40) * 0x1p-24)));
  }
  return values;
}

/// Moves values from torch's channels-first order [N, C, H, W] to [N, H, W, C]: where memory element i is in torch's.
inline std::vector<int64_t> torch_places(const Shape& memory) {
  std::vector<int64_t> places;
  const int64_t height = memory.dim(1), width = memory.dim(2), channels = memory.dim(3);
  for (int64_t n = 0; n < memory.dim(0); ++n)
    for (int64_t h = 0; h < height; ++h)
      for (int64_t w = 0; w < width; ++w)
        for (int64_t c = 0; c < channels; ++c) places.push_back(((n * channels + c) * height + h) * width + w);
  return places;
}

inline std::vector<float> channels_last(const std::vector<float>& torch, const Shape& memory) {
  std::vector<float> values;
  for (const int64_t place : torch_places(memory)) values.push_back(torch[static_cast<size_t>(place)]);
  return values;
}

inline std::vector<float> channels_first(const std::vector<float>& memory, const Shape& shape) {
  std::vector<float> values(memory.size());
  const std::vector<int64_t> places = torch_places(shape);
  for (size_t i = 0; i < memory.size(); ++i) values[static_cast<size_t>(places[i])] = memory[i];
  return values;
}

inline void overwrite(Tensor target, const std::vector<float>& values) {
  backend(target.device()).copy_from_host(values.data(), target);
}

inline double norm_of(const std::vector<float>& values) {
  double square = 0.0;
  for (const float value : values) square += static_cast<double>(value) * static_cast<double>(value);
  return std::sqrt(square);
}

}  // namespace bareseg
