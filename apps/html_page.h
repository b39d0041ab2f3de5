// Pages that need nothing but themselves: no script, nothing from the network, light and dark, wide and narrow.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "data/dataset.h"
#include "data/image.h"

namespace bareseg {

/// `text` between tags or in quotes: & < > " ' escaped. What is no UTF-8 or may not stand in a page shows as U+FFFD.
std::string escaped(std::string_view text);

/// A picture for src="...": JPEG for photographs, PNG with the palette's colours for label maps.
std::string data_uri(const Image& image);
std::string data_uri(const LabelMap& labels, const std::vector<uint8_t>& palette);

/// "#rrggbb".
std::string css_colour(const std::array<uint8_t, 3>& colour);

/// <tag>text</tag>, the text escaped.
std::string element(std::string_view tag, std::string_view text);
/// One picture with a line below; `pixels` keeps the edges of enlarged pixels sharp.
std::string picture(const std::string& uri, std::string_view caption, bool pixels = false);

/// First row is the heading; the first column is set left, the others right. Cells are text.
std::string html_table(const std::vector<std::vector<std::string>>& rows);

struct LegendEntry {
  std::string name;
  std::string colour;  // of CSS
  int dash = -1;       // of a curve; -1: a square
};
std::string html_legend(const std::vector<LegendEntry>& entries);

class HtmlPage {
 public:
  /// The title is text, `lead` below it HTML.
  HtmlPage(std::string title, std::string lead) : title_(std::move(title)), lead_(std::move(lead)) {}
  /// `id` names it in links, `heading` is text, `html` what it holds.
  void section(const std::string& id, const std::string& heading, const std::string& html);
  /// The whole file, well-formed as XML too.
  std::string text() const;

 private:
  std::string title_, lead_, links_, sections_;
};

}  // namespace bareseg
