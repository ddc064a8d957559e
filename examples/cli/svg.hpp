// Svg: a drawing as text, for reports that open in any browser. Nothing but the standard library.
#pragma once

#include <charconv>
#include <cmath>
#include <string>
#include <string_view>
#include <vector>

#include "proxyv/core/error.hpp"

namespace svg {

struct Point {
  double x = 0.0, y = 0.0;
};
struct Box {
  double x = 0.0, y = 0.0, width = 0.0, height = 0.0;
};

/// The hues that the documentation's pictures use.
inline constexpr std::string_view ink = "#22303c", grey = "#6b7a88", faint = "#d5dbe1", paper = "#ffffff";
inline constexpr std::string_view blue = "#3b6fb6", orange = "#d9742b", green = "#3f8f5b", violet = "#7a5aa8",
                                  red = "#c0444a", teal = "#2f8f99";

/// At most two digits behind the point, none that say nothing; the same in every locale.
inline std::string number(double v) {
  PROXYV_CHECK(std::isfinite(v) && std::abs(v) < 1e12, proxyv::ArgumentError, "svg: the number ", v,
               " cannot be drawn");
  char text[32];
  const auto end = std::to_chars(text, text + sizeof text, v, std::chars_format::fixed, 2).ptr;
  std::string out(text, end);
  out.erase(out.find_last_not_of('0') + 1);
  if (out.back() == '.') out.pop_back();
  return out == "-0" ? "0" : out;
}

/// Text as it may stand in an element or an attribute; control characters, which XML has not, become '?'.
inline std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '&') out += "&amp;";
    else if (c == '<') out += "&lt;";
    else if (c == '>') out += "&gt;";
    else if (c == '"') out += "&quot;";
    else out += static_cast<unsigned char>(c) < 0x20 ? '?' : c;
  }
  return out;
}

enum class Anchor { start, middle, end };

struct TextStyle {
  double size = 12.0;
  std::string_view fill = ink;
  Anchor anchor = Anchor::start;
  bool bold = false;
};

/// Elements are drawn in the order they are added. Lengths are pixels of a width x height canvas.
class Svg {
 public:
  /// title and description are what a screen reader says.
  Svg(double width, double height, std::string_view title, std::string_view description)
      : width_(width), height_(height) {
    PROXYV_CHECK(width > 0.0 && height > 0.0, proxyv::ArgumentError, "svg: a canvas of ", width, " x ",
                 height);
    body_ = "<title>" + escaped(title) + "</title>\n<desc>" + escaped(description) + "</desc>\n";
    rect({0, 0, width, height}, paper);
  }

  double width() const { return width_; }
  double height() const { return height_; }

  /// hint: shown where the mouse rests.
  void rect(const Box& b, std::string_view fill, double opacity = 1.0, std::string_view hint = {}) {
    std::string at = attribute("x", b.x) + attribute("y", b.y) + attribute("width", b.width) +
                     attribute("height", b.height) + attribute("fill", fill);
    if (opacity < 1.0) at += attribute("fill-opacity", opacity);
    add("rect", at, hint);
  }
  void circle(Point centre, double radius, std::string_view fill, std::string_view hint = {}) {
    add("circle",
        attribute("cx", centre.x) + attribute("cy", centre.y) + attribute("r", radius) +
            attribute("fill", fill),
        hint);
  }
  void line(Point a, Point b, std::string_view stroke, double width = 1.0, bool dashed = false) {
    std::string at = attribute("x1", a.x) + attribute("y1", a.y) + attribute("x2", b.x) +
                     attribute("y2", b.y) + attribute("stroke", stroke) + attribute("stroke-width", width);
    if (dashed) at += attribute("stroke-dasharray", std::string_view("4 3"));
    add("line", at, {});
  }
  void polyline(const std::vector<Point>& points, std::string_view stroke, double width = 2.0) {
    std::string list;
    for (const Point& p : points) list += (list.empty() ? "" : " ") + number(p.x) + "," + number(p.y);
    add("polyline",
        attribute("points", list) + attribute("fill", std::string_view("none")) +
            attribute("stroke", stroke) + attribute("stroke-width", width),
        {});
  }
  void text(Point at, std::string_view content, const TextStyle& style = {}) {
    static constexpr const char* anchors[] = {"start", "middle", "end"};
    body_ += "<text" + attribute("x", at.x) + attribute("y", at.y) + attribute("font-size", style.size) +
             attribute("fill", style.fill);
    if (style.anchor != Anchor::start)
      body_ += attribute("text-anchor", std::string_view(anchors[static_cast<int>(style.anchor)]));
    if (style.bold) body_ += attribute("font-weight", std::string_view("bold"));
    body_ += ">" + escaped(content) + "</text>\n";
  }

  /// The whole drawing. Fit for a file, and for a place inside an HTML page.
  std::string str() const {
    return "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 " + number(width_) + " " +
           number(height_) + "\"" + attribute("width", width_) + attribute("height", height_) +
           " role=\"img\" font-family=\"Helvetica, Arial, 'DejaVu Sans', sans-serif\">\n" + body_ +
           "</svg>\n";
  }

 private:
  static std::string attribute(std::string_view name, std::string_view value) {
    return " " + std::string(name) + "=\"" + escaped(value) + "\"";
  }
  static std::string attribute(std::string_view name, double value) {
    return attribute(name, std::string_view(number(value)));
  }

  void add(std::string_view element, const std::string& attributes, std::string_view hint) {
    const std::string name(element);
    body_ += "<" + name + attributes;
    body_ += hint.empty() ? "/>\n" : "><title>" + escaped(hint) + "</title></" + name + ">\n";
  }

  double width_, height_;
  std::string body_;
};

}  // namespace svg
