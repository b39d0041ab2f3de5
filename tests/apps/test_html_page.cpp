// Pages and plots: well-formed whatever the names, and drawn where the numbers say.
#include "apps/html_page.h"

#include <gtest/gtest.h>

#include <cmath>

#include "apps/svg_plot.h"
#include "data/picture.h"
#include "tests/apps/markup.h"
#include "tests/data/files.h"

namespace bareseg {
namespace {

const std::string kNasty = "</td><script>alert(\"1\")</script> & 'quotes' \x01\xFF \xC3\xA9";

std::vector<uint8_t> bytes_of_uri(const std::string& uri) {
  const std::string digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::vector<uint8_t> bytes;
  uint32_t collected = 0;
  int bits = 0;
  for (size_t i = uri.find(',') + 1; i < uri.size() && uri[i] != '='; ++i) {
    collected = collected << 6 | static_cast<uint32_t>(digits.find(uri[i]));
    bits += 6;
    if (bits >= 8) bytes.push_back(static_cast<uint8_t>(collected >> (bits -= 8)));
  }
  return bytes;
}

TEST(Escaped, LeavesNothingThatMarksUp) {
  EXPECT_EQ(escaped("a<b>&\"c'"), "a&lt;b&gt;&amp;&quot;c&#39;");
  EXPECT_EQ(escaped("line\n\ttab"), "line\n\ttab");
  EXPECT_EQ(escaped("\xC3\xA9 \xE2\x86\x92 \xF0\x9F\x8C\xB3"), "\xC3\xA9 \xE2\x86\x92 \xF0\x9F\x8C\xB3");
  const std::string gone = "\xEF\xBF\xBD";
  EXPECT_EQ(escaped(std::string("\0", 1)), gone);
  EXPECT_EQ(escaped("\x1B[0m"), gone + "[0m");
  EXPECT_EQ(escaped("\xC3"), gone) << "cut";
  EXPECT_EQ(escaped("\xC0\xAF"), gone + gone) << "overlong";
  EXPECT_EQ(escaped("\xED\xA0\x80"), gone + gone + gone) << "surrogate";
  EXPECT_EQ(escaped("\xF4\x90\x80\x80"), gone + gone + gone + gone) << "past the last";
  EXPECT_EQ(escaped("\xEF\xBF\xBF"), gone + gone + gone) << "no character";
}

TEST(DataUri, HoldsTheFile) {
  for (const int64_t width : {1, 2, 3, 7}) {
    LabelMap labels{width, 5, {}};
    for (int64_t i = 0; i < width * 5; ++i) labels.classes.push_back(static_cast<uint8_t>(i % 3));
    const std::vector<uint8_t> palette = {9, 8, 7, 6, 5, 4, 3, 2, 1};
    const std::string uri = data_uri(labels, palette);
    EXPECT_EQ(uri.rfind("data:image/png;base64,", 0), 0u);
    const std::vector<uint8_t> file = bytes_of_uri(uri);
    const Image read = decode_image(file.data(), std::ssize(file), "uri");
    EXPECT_EQ(read.rgb, colourise(labels, palette).rgb);
  }
  const Image photo = drawn_picture(33, 20);
  const std::string uri = data_uri(photo);
  EXPECT_EQ(uri.rfind("data:image/jpeg;base64,", 0), 0u);
  const std::vector<uint8_t> file = bytes_of_uri(uri);
  const Image read = decode_image(file.data(), std::ssize(file), "uri");
  ASSERT_EQ(read.rgb.size(), photo.rgb.size());
  double difference = 0.0;
  for (size_t i = 0; i < read.rgb.size(); ++i) difference += std::abs(int{read.rgb[i]} - int{photo.rgb[i]});
  EXPECT_LT(difference / static_cast<double>(read.rgb.size()), 8.0);
}

TEST(NiceTicks, CoverTheRangeInRoundSteps) {
  EXPECT_EQ(nice_ticks(0.0, 10.0, 5), (std::vector<double>{0, 2, 4, 6, 8, 10}));
  EXPECT_GE(nice_ticks(3.0, 3.0, 5).size(), 2u) << "one value still has an axis";
  EXPECT_EQ(nice_ticks(0.0, 0.0, 5).back(), 1.0);
  for (const auto& [low, high] : {std::pair{0.013, 0.94}, {-5.0, 77.0}, {1e-7, 3e-7}, {1e6, 1e6 + 3}, {2.44, 3.1}}) {
    const std::vector<double> ticks = nice_ticks(low, high, 5);
    const double step = ticks[1] - ticks[0], slack = step * 1e-6;
    EXPECT_LE(ticks.front(), low + slack);
    EXPECT_GE(ticks.back(), high - slack);
    EXPECT_GT(ticks.front(), low - step - slack);
    EXPECT_LT(ticks.back(), high + step + slack);
    EXPECT_GE(ticks.size(), 3u);
    EXPECT_LE(ticks.size(), 8u);
  }
}

TEST(LinePlot, DrawsEachPointThatThereIs) {
  const double none = std::nan("");
  const std::string svg =
      line_plot("t", "epoch", {{"a", 0, 0, {0, 1, 2, 3}, {1.0, none, 3.0, 2.0}}, {"b", 1, 1, {0}, {5.0}}});
  const Markup page(svg);
  ASSERT_EQ(page.error, "");
  EXPECT_EQ(page.all("circle").size(), 4u);
  std::vector<std::string> titles;
  for (const Markup::Element& e : page.all("title")) titles.push_back(e.text);
  EXPECT_EQ(titles, (std::vector<std::string>{"a, epoch 0: 1.0000", "a, epoch 2: 3.0000", "a, epoch 3: 2.0000",
                                              "b, epoch 0: 5.0000"}));
  const auto circles = page.all("circle");
  const auto y = [&](size_t i) { return std::stod(circles[i].attributes.at("cy")); };
  EXPECT_GT(y(0), y(2));
  EXPECT_GT(y(2), y(1)) << "more is higher";
  EXPECT_NEAR(y(0) - y(2), y(2) - y(1), 0.21);
  std::vector<std::string> curves;
  for (const Markup::Element& e : page.all("path")) {
    if (e.attributes.contains("class") && e.attributes.at("class") == "curve" && e.attributes.at("d") != "M0 5H30")
      curves.push_back(e.attributes.at("d"));
  }
  ASSERT_EQ(curves.size(), 2u);
  EXPECT_EQ(std::count(curves[0].begin(), curves[0].end(), 'L'), 2) << "from point to point";
  EXPECT_EQ(line_plot("t", "epoch", {{"a", 0, 0, {0, 1}, {none, none}}}), "") << "nothing to show";
}

TEST(BarPlot, LengthsFollowValues) {
  const std::string svg =
      bar_plot("t", {{"x", "#010203"}, {"y", ""}, {"z", ""}}, {{"a", 0, {10.0, 20.0, std::nan("")}}});
  const Markup page(svg);
  ASSERT_EQ(page.error, "");
  std::vector<double> widths;
  for (const Markup::Element& e : page.all("rect")) {
    if (e.attributes.at("style") == "fill:var(--c0)") widths.push_back(std::stod(e.attributes.at("width")));
  }
  ASSERT_EQ(widths.size(), 3u);
  EXPECT_NEAR(widths[1], 2.0 * widths[0], 0.02);
  EXPECT_EQ(widths[2], 0.0);
  EXPECT_NE(page.text().find("a, y: 20.00"), std::string::npos);
}

TEST(HeatMap, ShadesFollowValues) {
  const HeatMap map{.title = "t",
                    .row_axis = "r",
                    .column_axis = "c",
                    .rows = {"r0", "r1"},
                    .columns = {"c0", "c1"},
                    .values = {{0.25, 0.75}, {std::nan(""), 1.0}},
                    .tooltips = {{"1", "2"}, {"3", "4"}}};
  const Markup page(heat_map(map));
  ASSERT_EQ(page.error, "");
  ASSERT_EQ(page.all("rect").size(), 3u) << "no cell where there is no value";
  EXPECT_EQ(page.all("rect")[1].attributes.at("fill-opacity"), "0.760");
  EXPECT_NE(page.text().find("r0 \u2192 c1: 2"), std::string::npos);
}

TEST(HtmlPage, NastyNamesStayText) {
  HtmlPage page(kNasty, element("p", kNasty));
  page.section("one", kNasty,
               html_table({{kNasty, "b"}, {"c", kNasty}}) + html_legend({{kNasty, "#fff"}, {kNasty, "#000", 1}}) +
                   picture(data_uri(drawn_picture(4, 4)), kNasty) +
                   line_plot(kNasty, kNasty, {{kNasty, 0, 1, {0, 1}, {1, 2}}}) +
                   bar_plot(kNasty, {{kNasty, "#123456"}}, {{kNasty, 0, {1.0}}}) +
                   stacked_plot(kNasty, {{kNasty, kNasty, {{1.0, "#123456", kNasty}}}}) +
                   heat_map({.title = kNasty,
                             .row_axis = kNasty,
                             .column_axis = kNasty,
                             .rows = {kNasty},
                             .columns = {kNasty},
                             .values = {{0.5}},
                             .tooltips = {{kNasty}}}));
  const Markup read(page.text());
  EXPECT_EQ(read.error, "");
  EXPECT_EQ(read.outside(), "");
  EXPECT_TRUE(read.all("script").empty());
  EXPECT_EQ(read.all("h1")[0].text, "</td><script>alert(\"1\")</script> & 'quotes' \xEF\xBF\xBD\xEF\xBF\xBD \xC3\xA9");
}

TEST(Markup, SeesWhatIsWrong) {
  for (const char* bad : {"<p>", "<p></b>", "<p a=1></p>", "<p>&nbsp;</p>", "<p>a & b</p>", "<p></p><p></p>", "text",
                          "<p a=\"1\" a=\"2\"/>", "<p a=\"<\"/>", "<p>\x01</p>"}) {
    EXPECT_NE(Markup(bad).error, "") << bad;
  }
  EXPECT_NE(Markup("<p><img src=\"http://x/y.png\"/></p>").outside(), "");
  EXPECT_NE(Markup("<p><script>1</script></p>").outside(), "");
  EXPECT_NE(Markup("<p onclick=\"x\"/>").outside(), "");
}

}  // namespace
}  // namespace bareseg
