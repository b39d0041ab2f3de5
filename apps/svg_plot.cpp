#include "apps/svg_plot.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "apps/html_page.h"
#include "apps/text_table.h"
#include "engine/error.h"

namespace bareseg {
namespace {

constexpr double kWidth = 400.0, kLetter = 6.6;  // of a plot and of a letter of 12 px, in user units
constexpr size_t kMostLetters = 22;

std::string n(double value) { return fixed(value, 1); }

std::string text_at(double x, double y, const std::string& text, const char* more = "") {
  return concat("<text x=\"", n(x), "\" y=\"", n(y), "\" ", more, ">", escaped(text), "</text>");
}

std::string rectangle(double x, double y, double width, double height, const std::string& fill, double opacity,
                      const std::string& tooltip) {
  return concat("<rect x=\"", n(x), "\" y=\"", n(y), "\" width=\"", fixed(width, 2), "\" height=\"", fixed(height, 2),
                "\" style=\"fill:", fill, "\"",
                opacity < 1.0 ? concat(" fill-opacity=\"", fixed(opacity, 3), "\"") : "", ">",
                element("title", tooltip), "</rect>\n");
}

std::string figure(const std::string& title, const std::string& legend, double width, double height,
                   const std::string& body) {
  return concat("<figure class=\"plot\">", element("figcaption", title), legend, "<svg viewBox=\"0 0 ", n(width), " ",
                n(height), "\" role=\"img\" aria-label=\"", escaped(title), "\">\n", body, "</svg></figure>\n");
}

// At most kMostLetters; a cut never splits a character.
std::string shortened(const std::string& name) {
  if (name.size() <= kMostLetters) return name;
  size_t end = kMostLetters - 1;
  while (end > 0 && (static_cast<uint8_t>(name[end]) & 0xC0) == 0x80) --end;
  return name.substr(0, end) + "\u2026";
}

double label_room(const std::vector<std::string>& names) {
  size_t most = 2;
  for (const std::string& name : names) most = std::max(most, std::min(name.size(), kMostLetters));
  return kLetter * static_cast<double>(most) + 8.0;
}

std::string number_text(double value, double step) {
  const int digits = step >= 1.0 ? 0 : static_cast<int>(std::ceil(-std::log10(step) - 1e-9));
  return fixed(value, std::min(digits, 6));
}

struct Range {
  double low = std::numeric_limits<double>::infinity(), high = -std::numeric_limits<double>::infinity();
  void add(double value) {
    if (!std::isfinite(value)) return;
    low = std::min(low, value);
    high = std::max(high, value);
  }
  bool empty() const { return low > high; }
};

// Data to user units of the plot's area, and the grid with its numbers.
class Axes {
 public:
  Axes(Range x, Range y) {
    y_ticks_ = nice_ticks(y.low, y.high, 5);
    y_ = {y_ticks_.front(), y_ticks_.back()};
    x_ = {x.low, std::max(x.high, x.low + 1.0)};
    const double step = y_ticks_[1] - y_ticks_[0];
    size_t most = 1;
    for (const double t : y_ticks_) most = std::max(most, number_text(t, step).size());
    left_ = kLetter * static_cast<double>(most) + 10.0;
  }

  double across(double x) const { return left_ + 6.0 + (x - x_.low) / (x_.high - x_.low) * (kWidth - 18.0 - left_); }
  double down(double y) const { return kBottom - (y - y_.low) / (y_.high - y_.low) * (kBottom - kTop); }

  std::string grid(const std::string& x_name) const {
    std::string out;
    const double step = y_ticks_[1] - y_ticks_[0];
    for (const double t : y_ticks_) {
      out += concat("<path class=\"line\" d=\"M", n(left_), " ", n(down(t)), "H", n(kWidth - 4.0), "\"/>");
      out += text_at(left_ - 6.0, down(t) + 4.0, number_text(t, step), "class=\"muted\" text-anchor=\"end\"");
    }
    const std::vector<double> ticks = nice_ticks(x_.low, x_.high, 8);
    for (const double t : ticks) {
      if (t < x_.low || t > x_.high || t != std::floor(t)) continue;
      out += text_at(across(t), kBottom + 16.0, fixed(t, 0), "class=\"muted\" text-anchor=\"middle\"");
    }
    return out + text_at(kWidth - 4.0, kBottom + 31.0, x_name, "class=\"muted\" text-anchor=\"end\"") + "\n";
  }

  static constexpr double kTop = 8.0, kBottom = 204.0, kHeight = 240.0;

 private:
  Range x_, y_;
  std::vector<double> y_ticks_;
  double left_ = 0.0;
};

std::string drawn(const Curve& curve, const Axes& axes, const std::string& x_name) {
  std::string path, markers;
  const double radius = curve.x.size() > 40 ? 1.7 : 2.8;
  for (size_t i = 0; i < curve.x.size(); ++i) {
    if (!std::isfinite(curve.y[i])) continue;
    const std::string x = n(axes.across(curve.x[i])), y = n(axes.down(curve.y[i]));
    path += concat(path.empty() ? "M" : "L", x, " ", y);
    markers += concat("<circle cx=\"", x, "\" cy=\"", y, "\" r=\"", n(radius),
                      "\" style=\"fill:", plot_colour(curve.colour), "\">",
                      element("title", concat(curve.name, ", ", x_name, " ", fixed(curve.x[i], 0), ": ",
                                              fixed(curve.y[i], std::abs(curve.y[i]) < 10.0 ? 4 : 2))),
                      "</circle>");
  }
  if (path.empty()) return {};
  return concat("<path class=\"curve\" d=\"", path, "\" ", curve_style(plot_colour(curve.colour), curve.dash), "/>",
                markers, "\n");
}

}  // namespace

std::vector<double> nice_ticks(double low, double high, int count) {
  if (high <= low) high = low + (low != 0.0 ? std::abs(low) * 0.1 : 1.0);
  const double rough = (high - low) / std::max(count, 1), power = std::pow(10.0, std::floor(std::log10(rough)));
  double step = 10.0 * power;
  for (const double factor : {1.0, 2.0, 5.0}) {
    if (factor * power >= rough * (1.0 - 1e-9)) {
      step = factor * power;
      break;
    }
  }
  std::vector<double> ticks;
  const double first = std::floor(low / step + 1e-9), last = std::ceil(high / step - 1e-9);
  for (double i = first; i <= last; ++i) ticks.push_back(i * step);
  if (ticks.size() < 2) ticks.push_back(ticks.back() + step);
  return ticks;
}

std::string plot_colour(int index) { return concat("var(--c", index % 8, ")"); }

std::string curve_style(const std::string& colour, int dash) {
  constexpr std::array<const char*, 4> kDashes = {"", "6 4", "2 3", "9 3 2 3"};
  const char* pattern = kDashes[static_cast<size_t>(dash % 4)];
  return concat("style=\"stroke:", colour, "\"", *pattern != '\0' ? concat(" stroke-dasharray=\"", pattern, "\"") : "");
}

std::string line_plot(const std::string& title, const std::string& x_name, const std::vector<Curve>& curves) {
  Range x, y;
  std::vector<LegendEntry> legend;
  for (const Curve& curve : curves) {
    for (const double value : curve.x) x.add(value);
    for (const double value : curve.y) y.add(value);
    legend.push_back({curve.name, plot_colour(curve.colour), curve.dash});
  }
  if (y.empty()) return {};
  const Axes axes(x, y);
  std::string body = axes.grid(x_name);
  for (const Curve& curve : curves) body += drawn(curve, axes, x_name);
  return figure(title, html_legend(legend), kWidth, Axes::kHeight, body);
}

std::string bar_plot(const std::string& title, const std::vector<BarCategory>& categories,
                     const std::vector<BarSeries>& series) {
  Range range;
  range.add(0.0);
  std::vector<LegendEntry> legend;
  for (const BarSeries& s : series) {
    for (const double value : s.values) range.add(value);
    legend.push_back({s.name, plot_colour(s.colour)});
  }
  std::vector<std::string> names;
  for (const BarCategory& c : categories) names.push_back(c.name);
  const double left = label_room(names) + 14.0, room = kWidth - left - 40.0;
  const double bar = series.size() == 1 ? 15.0 : 11.0, most = std::max(range.high, 1e-9);
  std::string body;
  double top = 4.0;
  for (size_t c = 0; c < categories.size(); ++c) {
    const double height = bar * static_cast<double>(series.size()), middle = top + height / 2.0 + 4.0;
    if (!categories[c].colour.empty()) {
      body += rectangle(left - 15.0, middle - 9.0, 10.0, 10.0, categories[c].colour, 1.0, categories[c].name);
    }
    body += text_at(left - 21.0, middle, shortened(categories[c].name), "text-anchor=\"end\"");
    for (size_t s = 0; s < series.size(); ++s) {
      const double value = series[s].values.at(c), y = top + bar * static_cast<double>(s);
      const std::string tooltip = concat(series[s].name, ", ", categories[c].name, ": ", fixed(value, 2));
      const double length = std::isfinite(value) ? value / most * room : 0.0;
      body += rectangle(left, y + 0.5, length, bar - 1.5, plot_colour(series[s].colour), 1.0, tooltip);
      body += text_at(left + length + 4.0, y + bar / 2.0 + 3.6, fixed(value, 1),
                      "class=\"muted\" style=\"font-size:10.5px\"");
    }
    top += height + 7.0;
  }
  return figure(title, series.size() > 1 ? html_legend(legend) : "", kWidth, top, body);
}

std::string stacked_plot(const std::string& title, const std::vector<StackedBar>& bars, const std::string& legend) {
  std::vector<std::string> names, notes;
  double most = 1e-12;
  for (const StackedBar& b : bars) {
    double sum = 0.0;
    for (const StackPart& p : b.parts) sum += p.value;
    most = std::max(most, sum);
    names.push_back(b.name);
    if (!b.note.empty()) notes.push_back(b.note);
  }
  const double left = label_room(names), right = notes.empty() ? 4.0 : label_room(notes);
  const double room = kWidth - left - right, step = 20.0;
  std::string body;
  for (size_t i = 0; i < bars.size(); ++i) {
    const double y = step * static_cast<double>(i);
    body += text_at(left - 6.0, y + 13.0, shortened(bars[i].name), "text-anchor=\"end\"");
    double x = left;
    for (const StackPart& p : bars[i].parts) {
      const double length = p.value / most * room;
      if (p.value > 0) body += rectangle(x, y + 2.0, length, step - 5.0, p.colour, p.opacity, p.tooltip);
      x += length;
    }
    if (!bars[i].note.empty()) body += text_at(x + 6.0, y + 13.0, shortened(bars[i].note), "class=\"muted\"");
  }
  return figure(title, legend, kWidth, step * static_cast<double>(bars.size()) + 2.0, body);
}

std::string heat_map(const HeatMap& map) {
  const bool roomy = map.columns.size() <= 40 && map.rows.size() <= 40;  // else names would overlap
  const double left = (roomy ? label_room(map.rows) : 4.0) + 16.0, top = (roomy ? label_room(map.columns) : 4.0) + 16.0;
  const double cell = std::min((kWidth - left) / static_cast<double>(std::max<size_t>(map.columns.size(), 1)), 40.0);
  const double letter = std::min(12.0, cell * 0.95);
  const std::string small = concat("style=\"font-size:", n(letter), "px\" ");
  std::string body = text_at(kWidth, 11.0, map.column_axis, "class=\"muted\" text-anchor=\"end\"");
  const double height = top + cell * static_cast<double>(map.rows.size());
  body += concat("<g transform=\"translate(11 ", n(height), ") rotate(-90)\">",
                 text_at(0.0, 0.0, map.row_axis, "class=\"muted\""), "</g>\n");
  for (size_t c = 0; roomy && c < map.columns.size(); ++c) {
    const double x = left + cell * (static_cast<double>(c) + 0.5) + letter * 0.35;
    body += concat("<g transform=\"translate(", n(x), " ", n(top - 5.0), ") rotate(-90)\">",
                   text_at(0.0, 0.0, shortened(map.columns[c]), small.c_str()), "</g>");
  }
  for (size_t r = 0; r < map.rows.size(); ++r) {
    const double y = top + cell * static_cast<double>(r);
    if (roomy) {
      body += text_at(left - 5.0, y + cell / 2.0 + letter * 0.35, shortened(map.rows[r]),
                      (small + "text-anchor=\"end\"").c_str());
    }
    for (size_t c = 0; c < map.columns.size(); ++c) {
      const double value = map.values[r][c], x = left + cell * static_cast<double>(c);
      const std::string tooltip = concat(map.rows[r], " \u2192 ", map.columns[c], ": ", map.tooltips[r][c]);
      if (std::isnan(value)) continue;
      body += rectangle(x + 0.5, y + 0.5, cell - 1.0, cell - 1.0, "var(--c0)", 0.04 + 0.96 * value, tooltip);
      if (cell < 20.0 || value < 0.005) continue;
      const std::string more = concat(value > 0.55 ? "class=\"on\" " : "",
                                      "text-anchor=\"middle\" pointer-events=\"none\" style=\"font-size:10.5px\"");
      body += text_at(x + cell / 2.0, y + cell / 2.0 + 3.4, fixed(100.0 * value, 0), more.c_str());
    }
    body += '\n';
  }
  return figure(map.title, "", kWidth, height + 2.0, body);
}

}  // namespace bareseg
