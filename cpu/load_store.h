// Elements of float32 and bfloat16 tensors as float, in a form that compilers vectorise.
#pragma once

#include "engine/dtype.h"

namespace bareseg {

inline float load(const float* from) { return *from; }
inline float load(const bfloat16* from) { return static_cast<float>(*from); }

/// Rounds to nearest even where `to` is bfloat16.
inline void store(float* to, float value) { *to = value; }
inline void store(bfloat16* to, float value) { *to = bfloat16(value); }

}  // namespace bareseg
