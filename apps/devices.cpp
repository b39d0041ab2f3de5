#include "apps/devices.h"

#include <cstdio>

#include "apps/options.h"

namespace bareseg {

int list_devices() {
  std::vector<Component> all;
  for (const Device device : {Device{}, Device{Device::Type::cuda, 0}}) {
    try {
      const std::vector<Component> some = backend(device).components();
      all.insert(all.end(), some.begin(), some.end());
    } catch (const Error& error) {
      all.push_back({"cuda", "", error.message()});
    }
  }
  for (const Component& c : all) {
    const char* separator = c.what.empty() || c.problem.empty() ? "" : "; ";
    std::printf("%-14s %s%s%s\n", c.name.c_str(), c.what.c_str(), separator, c.problem.c_str());
  }
  try {
    std::string why;
    const Device device = automatic_device({}, why);
    std::printf("\n--device auto  %s%s%s\n", concat(device).c_str(), why.empty() ? "" : ": ", why.c_str());
  } catch (const Error&) {  // of the CPU's library, told of above
    std::printf("\n--device auto  none\n");
  }
  return 0;
}

}  // namespace bareseg
