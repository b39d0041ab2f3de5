// How long a device takes for work.
#pragma once

#include <chrono>
#include <functional>
#include <memory>

#include "engine/device.h"

namespace bareseg {

/// Both calls stand in the order of the device's work: what is queued between them is timed, whatever the host does
/// meanwhile.
class Timer {
 public:
  virtual ~Timer() = default;
  virtual void start() = 0;
  /// Seconds since start(). Waits for the device.
  virtual double stop() = 0;
};

/// Makes timers for one type of device.
using MakeTimer = std::function<std::unique_ptr<Timer>(Device)>;

/// For devices that are done when a call returns.
class WallTimer final : public Timer {
 public:
  void start() override { start_ = std::chrono::steady_clock::now(); }
  double stop() override { return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count(); }

 private:
  std::chrono::steady_clock::time_point start_;
};

}  // namespace bareseg
