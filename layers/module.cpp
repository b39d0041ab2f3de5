#include "layers/module.h"

namespace bareseg {

template <typename Visit>
void Module::visit(const std::string& prefix, const Visit& visit) const {
  for (const Member& member : members_) visit(prefix + member.name, member);
  for (const auto& [name, module] : children_) module->visit(prefix + name + ".", visit);
}

StateDict Module::state() const {
  StateDict state;
  visit("", [&](const std::string& name, const Member& m) { state.push_back({name, m.tensor, m.layout}); });
  return state;
}

std::vector<Tensor> Module::parameters() const {
  std::vector<Tensor> parameters;
  visit("", [&](const std::string&, const Member& m) {
    if (m.trained) parameters.push_back(m.tensor);
  });
  return parameters;
}

void Module::set_training(bool training) {
  training_ = training;
  for (const auto& [name, module] : children_) module->set_training(training);
}

void Module::parameter(std::string name, Tensor& tensor, Layout layout) {
  tensor.set_requires_grad();
  members_.push_back({std::move(name), tensor, layout, true});
}

void Module::buffer(std::string name, const Tensor& tensor) {
  members_.push_back({std::move(name), tensor, Layout::plain, false});
}

void Module::child(std::string name, Module& module) { children_.emplace_back(std::move(name), &module); }

}  // namespace bareseg
