// oneDNN as a library that is opened on first use.
#pragma once

#include <string>

namespace bareseg {

/// Version and file, "2.6.3, /usr/lib/libdnnl.so.2". @throws Error naming what to install where there is none.
std::string dnn_library_text();

}  // namespace bareseg
