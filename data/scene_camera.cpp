#include "data/scene_camera.h"

namespace bareseg::scene {
namespace {

/// Weights (a, 1 - 2a, a) along one direction, borders replicated; `step` is the distance between neighbours.
void blur_lines(std::vector<Colour>& colours, int64_t size, int64_t step, int64_t line_step, float a) {
  for (int64_t line = 0; line < size; ++line) {
    Colour* const first = colours.data() + line * line_step;
    Colour before = first[0];
    for (int64_t i = 0; i < size; ++i) {
      const Colour here = first[i * step], after = first[std::min(i + 1, size - 1) * step];
      first[i * step] = here * (1.0f - 2.0f * a) + (before + after) * a;
      before = here;
    }
  }
}

}  // namespace

Picture take_photograph(Canvas& canvas, Dice& dice) {
  const int64_t size = canvas.size();
  std::vector<Colour>& colours = canvas.colours();
  const float softness = dice.uniform(0.02f, 0.2f);
  blur_lines(colours, size, 1, size, softness);
  blur_lines(colours, size, size, 1, softness);

  // Exposure and white balance are automatic: each channel's mean becomes middle grey, more or less.
  Colour mean;
  for (const Colour& c : colours) mean = mean + c * (1.0f / static_cast<float>(size * size));
  const float grey = 0.45f * dice.uniform(0.95f, 1.05f);
  const Colour balance{grey / mean.r, grey / mean.g, grey / mean.b};
  const float saturation = dice.uniform(0.35f, 1.15f), curve = dice.uniform(0.0f, 0.5f);
  const float vignette = dice.uniform(0.0f, 0.3f), noise = dice.uniform(0.004f, 0.016f);
  const Noise sensor = dice.noise();

  Picture picture;
  picture.image = {size, size, std::vector<uint8_t>(static_cast<size_t>(size * size * 3))};
  picture.labels = {size, size, std::vector<uint8_t>(static_cast<size_t>(size * size))};
  for (int64_t i = 0; i < size * size; ++i) {
    const int64_t row = i / size, column = i % size;
    const float x = static_cast<float>(column) / static_cast<float>(size) - 0.5f;
    const float y = static_cast<float>(row) / static_cast<float>(size) - 0.5f;
    const float gain = 1.0f - 2.0f * vignette * (x * x + y * y);
    const Colour& c = colours[static_cast<size_t>(i)];
    const float luma = 0.3f * c.r + 0.59f * c.g + 0.11f * c.b;
    const float channels[3] = {luma + (c.r - luma) * saturation, luma + (c.g - luma) * saturation,
                               luma + (c.b - luma) * saturation};
    const float gains[3] = {gain * balance.r, gain * balance.g, gain * balance.b};
    for (int k = 0; k < 3; ++k) {
      float v = std::clamp(channels[k] * gains[k], 0.0f, 1.0f);
      v += curve * (v * v * (3.0f - 2.0f * v) - v);
      const int32_t at = static_cast<int32_t>(3 * i + k);
      v += noise * (sensor.cell(at, 0) + sensor.cell(at, 1) + sensor.cell(at, 2));
      picture.image.rgb[static_cast<size_t>(at)] = static_cast<uint8_t>(std::clamp(v, 0.0f, 1.0f) * 255.0f + 0.5f);
    }
    picture.labels.classes[static_cast<size_t>(i)] = static_cast<uint8_t>(canvas.labels()[static_cast<size_t>(i)]);
  }
  return picture;
}

}  // namespace bareseg::scene
