// Plots as SVG inside an HtmlPage, whose style sheet gives them their colours. Names and titles are text, escaped here.
#pragma once

#include <string>
#include <vector>

namespace bareseg {

/// Round numbers (1, 2 or 5 times a power of ten apart) from the last at or below `low` to the first at or above
/// `high`, about `count` of them.
std::vector<double> nice_ticks(double low, double high, int count);

/// Of colour `index`, which repeats after eight.
std::string plot_colour(int index);
/// Attributes that stroke a path; dash 0 is a whole line, others repeat after four.
std::string curve_style(const std::string& colour, int dash);

/// A y of NaN is no point. x and y have the same length.
struct Curve {
  std::string name;
  int colour = 0, dash = 0;
  std::vector<double> x = {}, y = {};
};
/// Curves over whole numbers named `x_name`, one marker per point that says its values.
std::string line_plot(const std::string& title, const std::string& x_name, const std::vector<Curve>& curves);

/// One group of horizontal bars per category, one bar per series; NaN: no bar.
struct BarSeries {
  std::string name;
  int colour = 0;
  std::vector<double> values;  // one per category, >= 0
};
struct BarCategory {
  std::string name, colour;  // a square of this CSS colour stands before the name; "": none
};
std::string bar_plot(const std::string& title, const std::vector<BarCategory>& categories,
                     const std::vector<BarSeries>& series);

/// Horizontal bars of parts.
struct StackPart {
  double value = 0.0;
  std::string colour;   // of CSS
  std::string tooltip;  // text
  double opacity = 1.0;
};
struct StackedBar {
  std::string name, note = {};  // note: behind the bar
  std::vector<StackPart> parts = {};
};
std::string stacked_plot(const std::string& title, const std::vector<StackedBar>& bars, const std::string& legend = {});

/// values[row][column] in [0, 1]; NaN: empty. Cells that have room show the value in percent.
struct HeatMap {
  std::string title, row_axis, column_axis;
  std::vector<std::string> rows = {}, columns = {};
  std::vector<std::vector<double>> values = {};
  std::vector<std::vector<std::string>> tooltips = {};  // added to each cell's
};
std::string heat_map(const HeatMap& map);

}  // namespace bareseg
