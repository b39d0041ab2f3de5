#include "engine/labelled_rows.h"

#include "engine/tensor.h"

namespace bareseg {

LabelledRows labelled_rows(const Tensor& labels, const Tensor& weights, int64_t classes, int64_t ignore) {
  const bool narrow = labels.dtype() == kUInt8;
  return {.narrow = narrow ? labels.data<uint8_t>() : nullptr,
          .wide = narrow ? nullptr : labels.data<int32_t>(),
          .class_weights = weights.defined() ? weights.data<float>() : nullptr,
          .classes = classes,
          .ignore = ignore};
}

}  // namespace bareseg
