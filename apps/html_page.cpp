#include "apps/html_page.h"

#include <array>

#include "apps/svg_plot.h"
#include "engine/error.h"

namespace bareseg {
namespace {

// Colours 0 to 7 are told apart by readers who do not see red and green (after Okabe and Ito).
constexpr const char* kStyle = R"(
:root{color-scheme:light dark;--bg:#fff;--panel:#f5f7fa;--ink:#1b222d;--muted:#596474;--line:#d8dee6;--on:#fff;
--c0:#0072b2;--c1:#d55e00;--c2:#00896a;--c3:#b0468e;--c4:#a87900;--c5:#3f9bd8;--c6:#6b4fbb;--c7:#666f7c}
@media(prefers-color-scheme:dark){:root{--bg:#11161d;--panel:#1a212b;--ink:#e6eaf0;--muted:#9aa6b6;--line:#323c4a;
--on:#0d1117;--c0:#55aeea;--c1:#ff8b4d;--c2:#35c79c;--c3:#e293c8;--c4:#e6b422;--c5:#9ad1f5;--c6:#b19df0;--c7:#a3adba}}
*{box-sizing:border-box}
body{margin:0 auto;padding:1.5rem 1.25rem 4rem;max-width:76rem;background:var(--bg);color:var(--ink);
font:15px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif;overflow-wrap:anywhere}
h1{font-size:1.7rem;line-height:1.2;margin:.2rem 0 .4rem}
h2{font-size:1.2rem;margin:2.6rem 0 .8rem;padding-top:.9rem;border-top:1px solid var(--line)}
h3{font-size:1rem;margin:1.4rem 0 .5rem}
p{margin:.4rem 0 .8rem;max-width:52rem}.muted,figcaption small{color:var(--muted)}
nav{display:flex;flex-wrap:wrap;gap:.3rem .5rem;margin:1rem 0}
nav a{color:var(--ink);text-decoration:none;background:var(--panel);border:1px solid var(--line);border-radius:1rem;
padding:.1rem .75rem;font-size:.85rem}nav a:hover{border-color:var(--c0)}
.grid{display:grid;gap:1rem;grid-template-columns:repeat(auto-fit,minmax(min(100%,22rem),1fr));align-items:start}
.even{align-items:stretch}
figure{margin:0;background:var(--panel);border:1px solid var(--line);border-radius:.6rem;padding:.75rem .85rem}
.plot{max-width:36rem;display:flex;flex-direction:column}.plot>svg{margin-top:auto}.plot figcaption{font-weight:600;font-size:.9rem;margin-bottom:.3rem}
svg{display:block;width:100%;height:auto;font-family:inherit}
svg text{fill:var(--ink);font-size:12px}svg .muted{fill:var(--muted)}svg .on{fill:var(--on)}
svg .line{stroke:var(--line);stroke-width:1}svg .curve{fill:none;stroke-width:2;stroke-linejoin:round}
.legend{list-style:none;display:flex;flex-wrap:wrap;gap:.15rem .9rem;margin:.2rem 0 .5rem;padding:0;font-size:.82rem}
.legend li{display:flex;align-items:center;gap:.4rem}.legend svg{width:1.5rem;height:.7rem;flex:none}
.swatch{width:.85rem;height:.85rem;border-radius:.2rem;flex:none;border:1px solid var(--line)}
.pictures{display:grid;gap:.5rem;grid-template-columns:repeat(auto-fit,minmax(min(46%,11rem),1fr));margin:0 0 1.1rem}
.pictures figure{padding:0;overflow:hidden;border-radius:.45rem;max-width:20rem}
.pictures img{display:block;width:100%;height:auto}.pixels{image-rendering:pixelated}
.pictures figcaption{padding:.2rem .5rem .3rem;font-size:.78rem;line-height:1.35}
.two{grid-template-columns:repeat(auto-fit,minmax(min(100%,30rem),1fr))}
.scroll{overflow-x:auto;margin:.3rem 0 1rem}
table{border-collapse:collapse;font-size:.86rem;font-variant-numeric:tabular-nums}
th,td{padding:.28rem .75rem;text-align:right;border-bottom:1px solid var(--line);white-space:nowrap}
th{font-weight:600;color:var(--muted)}th:first-child,td:first-child{text-align:left;padding-left:0}
pre{background:var(--panel);border:1px solid var(--line);border-radius:.5rem;padding:.7rem;overflow-x:auto;
font-size:.8rem;line-height:1.4}
details{margin:.4rem 0}summary{cursor:pointer}
.note{border-left:3px solid var(--c4);padding:.1rem 0 .1rem .8rem}
)";

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

// Length of the character at `at` that may stand in XML, 0 where there is none: UTF-8 without overlong forms,
// surrogates, and control characters other than tab and line ends.
size_t character_length(std::string_view text, size_t at) {
  const auto byte = [&](size_t i) { return at + i < text.size() ? static_cast<uint8_t>(text[at + i]) : 0; };
  const uint32_t first = byte(0);
  if (first < 0x80) return first >= 0x20 || first == '\t' || first == '\n' || first == '\r' ? (first != 0x7F) : 0;
  const size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  if (first < 0xC2 || first > 0xF4) return 0;
  uint32_t code = first & (0xFFU >> (length + 1));
  for (size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return 0;
    code = code << 6 | (byte(i) & 0x3FU);
  }
  const uint32_t least = length == 4 ? 0x10000 : length == 3 ? 0x800 : 0x80;
  const bool surrogate = code >= 0xD800 && code <= 0xDFFF, none = code == 0xFFFE || code == 0xFFFF;
  return code < least || code > 0x10FFFF || surrogate || none ? 0 : length;
}

std::string base64(const std::vector<uint8_t>& bytes) {
  constexpr const char* kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (size_t i = 0; i < bytes.size(); i += 3) {
    const size_t left = bytes.size() - i;
    const uint32_t three = uint32_t{bytes[i]} << 16 | (left > 1 ? uint32_t{bytes[i + 1]} << 8 : 0U) |
                           (left > 2 ? uint32_t{bytes[i + 2]} : 0U);
    for (size_t k = 0; k < 4; ++k) text += k <= left ? kDigits[three >> (18 - 6 * k) & 63] : '=';
  }
  return text;
}

}  // namespace

std::string escaped(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size();) {
    const size_t length = character_length(text, i);
    const char c = text[i];
    if (length == 0) {
      out += kReplacement;
    } else if (c == '&') {
      out += "&amp;";
    } else if (c == '<') {
      out += "&lt;";
    } else if (c == '>') {
      out += "&gt;";
    } else if (c == '"') {
      out += "&quot;";
    } else if (c == '\'') {
      out += "&#39;";
    } else {
      out += text.substr(i, length);
    }
    i += std::max<size_t>(length, 1);
  }
  return out;
}

std::string data_uri(const Image& image) { return "data:image/jpeg;base64," + base64(jpeg_bytes(image)); }

std::string data_uri(const LabelMap& labels, const std::vector<uint8_t>& palette) {
  return "data:image/png;base64," + base64(label_png_bytes(labels, palette));
}

std::string css_colour(const std::array<uint8_t, 3>& colour) {
  constexpr const char* kDigits = "0123456789abcdef";
  std::string text = "#";
  for (const uint8_t c : colour) text += {kDigits[c / 16], kDigits[c % 16]};
  return text;
}

std::string element(std::string_view tag, std::string_view text) {
  return concat('<', tag, '>', escaped(text), "</", tag.substr(0, tag.find(' ')), '>');
}

std::string picture(const std::string& uri, std::string_view caption, bool pixels) {
  const std::string text = escaped(caption);
  return concat("<figure><img ", pixels ? "class=\"pixels\" " : "", "alt=\"", text, "\" src=\"", uri,
                "\"/><figcaption>", text, "</figcaption></figure>\n");
}

std::string html_table(const std::vector<std::vector<std::string>>& rows) {
  std::string text = "<div class=\"scroll\"><table>\n";
  for (size_t r = 0; r < rows.size(); ++r) {
    text += "<tr>";
    for (const std::string& cell : rows[r]) text += element(r == 0 ? "th" : "td", cell);
    text += "</tr>\n";
  }
  return text + "</table></div>\n";
}

std::string html_legend(const std::vector<LegendEntry>& entries) {
  std::string text = "<ul class=\"legend\">";
  for (const LegendEntry& e : entries) {
    text += "<li>";
    if (e.dash < 0) {
      text += concat("<span class=\"swatch\" style=\"background:", e.colour, "\"></span>");
    } else {
      text += concat("<svg viewBox=\"0 0 30 10\" aria-hidden=\"true\"><path class=\"curve\" d=\"M0 5H30\" ",
                     curve_style(e.colour, e.dash), "/></svg>");
    }
    text += element("span", e.name) + "</li>";
  }
  return text + "</ul>\n";
}

void HtmlPage::section(const std::string& id, const std::string& heading, const std::string& html) {
  links_ += concat("<a href=\"#", id, "\">", escaped(heading), "</a>");
  sections_ += concat("<section id=\"", id, "\">\n<h2>", escaped(heading), "</h2>\n", html, "</section>\n");
}

std::string HtmlPage::text() const {
  const std::string title = escaped(title_);
  return concat("<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"/>\n",
                "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n",
                // Nothing may be loaded, whatever a name or a log line holds.
                "<meta http-equiv=\"Content-Security-Policy\" ",
                "content=\"default-src 'none'; img-src data:; style-src 'unsafe-inline'\"/>\n<title>", title,
                "</title>\n<style>", kStyle, "</style></head>\n<body>\n<h1>", title, "</h1>\n", lead_, "<nav>", links_,
                "</nav>\n", sections_, "</body></html>\n");
}

}  // namespace bareseg
