// `bareseg reference`: what --help says of all commands, as one page of Markdown.
#pragma once

#include <string>

namespace CLI {
class App;
}

namespace bareseg {

/// A section for each command of `app` that does something, in their order: its description, how it is called, and
/// tables of its options by group, with defaults and allowed words.
std::string command_reference(const CLI::App& app);

}  // namespace bareseg
