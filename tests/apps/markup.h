// Reads a page as strictly as XML is read, so that a test sees what a browser would mend in silence.
#pragma once

#include <map>
#include <string>
#include <vector>

namespace bareseg {

struct Markup {
  struct Element {
    std::string tag;
    std::map<std::string, std::string> attributes;  // entities resolved
    std::string text;                               // directly inside, entities resolved
  };
  std::vector<Element> elements;  // in the order of their start tags
  std::string error;              // "" when well-formed

  explicit Markup(const std::string& page);
  std::vector<Element> all(const std::string& tag) const;
  /// Text of all elements but style sheets, one line each.
  std::string text() const;
  /// What makes the page load something or run something; "" when nothing does.
  std::string outside() const;
};

}  // namespace bareseg
