#include <vector>

#include "engine/torch_file.h"
#include "tests/fuzz/fuzz.h"

namespace bareseg {
namespace {

// Every value that can be reached, up to a limit where values hold themselves; every tensor is read.
void visit(const TorchValue& root) {
  using Kind = TorchValue::Kind;
  std::vector<TorchValue> waiting = {root};
  for (int steps = 0; steps < 500 && !waiting.empty(); ++steps) {
    const TorchValue value = waiting.back();
    waiting.pop_back();
    const Kind kind = value.kind();
    if (kind == Kind::tensor) read_or_refuse([&] { value.tensor(); });
    if (kind != Kind::list && kind != Kind::tuple && kind != Kind::dict) continue;
    for (size_t i = 0; i < value.size() && i < 100; ++i) waiting.push_back(value.at(i));
  }
}

}  // namespace
}  // namespace bareseg

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  bareseg::read_or_refuse([&] {
    const bareseg::TorchValue value = bareseg::parse_torch_file(bareseg::bytes_of(data, size), "f");
    bareseg::visit(value);
    bareseg::find_state_dict(value);
  });
  return 0;
}
