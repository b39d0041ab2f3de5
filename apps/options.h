// Options that several commands share, and how they are declared to CLI11: name, help and default once each.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "data/dataset.h"
#include "data/loader.h"
#include "engine/backend.h"
#include "engine/device.h"
#include "engine/dtype.h"

namespace CLI {
class App;  // its header takes seconds to compile: only files that declare options include it
}

namespace bareseg {

struct DeviceOptions {
  std::string device = "auto";
  std::string dtype = "fp32";
  int threads = 0;
  double tune_seconds = 60.0;
  std::string plans = {};  // file; "" for one in the user's cache folder
  bool deterministic = false;

  void declare(CLI::App& app);
  /// Applies the thread count and makes the device ready; "auto" says in the log which one it is, and why.
  /// @throws Error when the device is not to be had, or the number of threads is left open where the run is to be
  /// deterministic.
  Device open() const;
  DType float_type() const { return dtype == "bf16" ? kBFloat16 : kFloat32; }
};

/// The first GPU where it can be used, else the CPU with the reason in `why`.
Device automatic_device(const DeviceSetup& setup, std::string& why);

/// Declares the options of a data set: --dataset, --data and what belongs to single kinds.
void declare_dataset(CLI::App& app, DatasetOptions& options);

/// How images reach the network.
struct LoadOptions {
  int workers = 0;
  double cache_gib = 4.0;
  std::string disk_cache;
  bool strict = false;

  void declare(CLI::App& app);
  /// Options of a loader; unreadable images are named in the log.
  LoaderOptions loader(int64_t batch, int64_t side, int64_t label_side = 0) const;
};

/// 0 .. size - 1.
std::vector<int64_t> every_index(const Dataset& dataset);

}  // namespace bareseg
