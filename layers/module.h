// Building blocks of networks: named parameters and buffers, in torch's names and order.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "engine/random.h"
#include "engine/state_dict.h"
#include "engine/tensor.h"

namespace bareseg {

/// Where a network's tensors live and from which numbers they start.
struct ModuleOptions {
  Device device = {};
  uint64_t seed = 1;
};

/// From what a layer's weights start; every layer of a network is another `part`.
inline Random weight_draws(const ModuleOptions& module, uint64_t& part) {
  return {module.seed, Draws::weights, part++};
}

/// Owns parameters (trained), buffers (running statistics) and, as members of the derived class, other modules.
/// Registered members are referred to by address, so modules neither copy nor move.
class Module {
 public:
  Module() = default;
  virtual ~Module() = default;
  Module(const Module&) = delete;
  Module& operator=(const Module&) = delete;

  /// Every parameter and buffer, in torch's order: "layer1.0.conv1.weight" and so on. Shares the module's memory.
  StateDict state() const;
  /// Parameters alone, in the same order.
  std::vector<Tensor> parameters() const;

  /// Training mode (the start): batch norm uses and updates statistics of the batch.
  void set_training(bool training);
  bool training() const { return training_; }

 protected:
  /// Registers a parameter, which takes gradients from then on.
  void parameter(std::string name, Tensor& tensor, Layout layout = Layout::plain);
  void buffer(std::string name, const Tensor& tensor);
  void child(std::string name, Module& module);

 private:
  struct Member {
    std::string name;
    Tensor tensor;
    Layout layout;
    bool trained;
  };
  template <typename Visit>
  void visit(const std::string& prefix, const Visit& visit) const;

  std::vector<Member> members_;
  std::vector<std::pair<std::string, Module*>> children_;
  bool training_ = true;
};

/// Sets evaluation mode, or training mode, for a scope.
class ModeGuard {
 public:
  ModeGuard(Module& module, bool training) : module_(module), before_(module.training()) {
    module.set_training(training);
  }
  ~ModeGuard() { module_.set_training(before_); }
  ModeGuard(const ModeGuard&) = delete;
  ModeGuard& operator=(const ModeGuard&) = delete;

 private:
  Module& module_;
  bool before_;
};

}  // namespace bareseg
