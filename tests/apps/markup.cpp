#include "tests/apps/markup.h"

#include <cctype>
#include <set>
#include <stdexcept>

namespace bareseg {
namespace {

class Parser {
 public:
  Parser(const std::string& page, std::vector<Markup::Element>& elements) : page_(page), elements_(elements) {}

  void parse() {
    const std::string doctype = "<!DOCTYPE html>\n";
    if (page_.rfind(doctype, 0) == 0) at_ = doctype.size();
    std::vector<size_t> open;
    bool root = false;
    while (at_ < page_.size()) {
      if (page_[at_] != '<') {
        const std::string some = text_until('<');
        if (!open.empty()) elements_[open.back()].text += some;
        require(!open.empty() || some.find_first_not_of(" \n") == std::string::npos, "text outside of the root");
      } else if (next() == '/') {
        at_ += 2;
        const std::string tag = name();
        require(!open.empty() && elements_[open.back()].tag == tag, "</" + tag + "> closes nothing");
        open.pop_back();
        take('>');
      } else {
        ++at_;
        require(!open.empty() || !root, "a second root");
        root = true;
        if (start_tag()) open.push_back(elements_.size() - 1);
      }
    }
    require(open.empty() && root, "an element is left open");
  }

 private:
  void require(bool good, const std::string& what) const {
    if (!good) throw std::runtime_error(what + " near: " + page_.substr(at_ > 60 ? at_ - 60 : 0, 120));
  }
  char next() const { return at_ + 1 < page_.size() ? page_[at_ + 1] : '\0'; }
  void take(char c) {
    require(at_ < page_.size() && page_[at_] == c, std::string("expected ") + c);
    ++at_;
  }
  std::string name() {
    const size_t start = at_;
    while (at_ < page_.size() && (std::isalnum(static_cast<unsigned char>(page_[at_])) != 0 || page_[at_] == '-'))
      ++at_;
    require(at_ > start, "expected a name");
    return page_.substr(start, at_ - start);
  }
  std::string text_until(char end) {
    std::string out;
    for (; at_ < page_.size() && page_[at_] != end; ++at_) {
      const auto c = static_cast<unsigned char>(page_[at_]);
      require(c >= 0x20 || c == '\n' || c == '\t', "a control character");
      require(c != '<', "< inside of an attribute");
      out += c == '&' ? entity() : std::string(1, page_[at_]);
    }
    return out;
  }
  // Leaves at_ on the semicolon.
  std::string entity() {
    static const std::map<std::string, std::string> known = {
        {"&amp;", "&"}, {"&lt;", "<"}, {"&gt;", ">"}, {"&quot;", "\""}, {"&#39;", "'"}};
    const size_t end = page_.find(';', at_);
    require(end != std::string::npos && known.contains(page_.substr(at_, end - at_ + 1)), "an unknown entity");
    const std::string text = known.at(page_.substr(at_, end - at_ + 1));
    at_ = end;
    return text;
  }
  // Behind "<". Returns whether the element is left open.
  bool start_tag() {
    Markup::Element element;
    element.tag = name();
    while (true) {
      const size_t blank = at_;
      while (at_ < page_.size() && (page_[at_] == ' ' || page_[at_] == '\n')) ++at_;
      require(at_ < page_.size(), "the page ends inside of a tag");
      if (page_[at_] == '>' || page_[at_] == '/') break;
      require(at_ > blank, "attributes without a blank between");
      const std::string key = name();
      require(!element.attributes.contains(key), "attribute " + key + " twice");
      take('=');
      take('"');
      element.attributes[key] = text_until('"');
      take('"');
    }
    const bool empty = page_[at_] == '/';
    if (empty) ++at_;
    take('>');
    elements_.push_back(element);
    return !empty;
  }

  const std::string& page_;
  std::vector<Markup::Element>& elements_;
  size_t at_ = 0;
};

}  // namespace

Markup::Markup(const std::string& page) {
  try {
    Parser(page, elements).parse();
  } catch (const std::runtime_error& failure) {
    error = failure.what();
  }
}

std::vector<Markup::Element> Markup::all(const std::string& tag) const {
  std::vector<Element> found;
  for (const Element& e : elements) {
    if (e.tag == tag) found.push_back(e);
  }
  return found;
}

std::string Markup::text() const {
  std::string text;
  for (const Element& e : elements) {
    if (e.tag != "style") text += e.text + "\n";
  }
  return text;
}

std::string Markup::outside() const {
  static const std::set<std::string> refused = {"script", "link",  "iframe", "object", "embed", "base",
                                                "form",   "video", "audio",  "source", "use",   "image"};
  std::string found;
  for (const Element& e : elements) {
    if (refused.contains(e.tag)) found += "<" + e.tag + "> ";
    for (const auto& [key, value] : e.attributes) {
      const bool picture = e.tag == "img" && key == "src" && value.rfind("data:image/", 0) == 0;
      const bool jump = e.tag == "a" && key == "href" && value.rfind('#', 0) == 0;
      const bool address = key.find("src") != std::string::npos || key.find("href") != std::string::npos;
      const bool loads = (address && !picture && !jump) || key.rfind("on", 0) == 0 ||
                         (key == "style" && value.find("url") != std::string::npos);
      if (loads) found += key + "=" + value + " ";
    }
    if (e.tag == "style" && (e.text.find("url") != std::string::npos || e.text.find("@import") != std::string::npos)) {
      found += "style ";
    }
  }
  return found;
}

}  // namespace bareseg
