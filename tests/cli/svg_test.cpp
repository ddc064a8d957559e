#include "cli/svg.hpp"

#include "backend/small.hpp"
#include "support/catch.hpp"

using svg::Svg;

TEST_CASE("svg: numbers are short and the same everywhere") {
  CHECK(svg::number(3.0) == "3");
  CHECK(svg::number(0.125) == "0.12");
  CHECK(svg::number(-0.001) == "0");
  CHECK(svg::number(-2.5) == "-2.5");
  CHECK(svg::number(100.0) == "100");
  CHECK_THROWS_AS(svg::number(std::nan("")), proxyv::ArgumentError);
}

TEST_CASE("svg: text cannot leave its place") {
  CHECK(svg::escaped("a<b & \"c\">\n") == "a&lt;b &amp; &quot;c&quot;&gt;?");
  Svg s(10, 10, "</title><script>", "d");
  s.text({1, 2}, "</text><script>");
  s.rect({0, 0, 1, 1}, "\"/><script>", 0.5, "<script>");
  CHECK(s.str().find("<script>") == std::string::npos);
}

TEST_CASE("svg: a drawing, whole") {
  Svg s(20, 10, "t", "d");
  s.line({0, 0}, {1.5, 2}, svg::ink);
  s.polyline({{0, 0}, {1, 1}}, svg::red);
  s.circle({3, 4}, 2, svg::blue, "hint");
  s.text({5, 6}, "word", {.size = 9, .anchor = svg::Anchor::end, .bold = true});
  CHECK(s.str() ==
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 20 10\" width=\"20\" height=\"10\" "
        "role=\"img\" "
        "font-family=\"Helvetica, Arial, 'DejaVu Sans', sans-serif\">\n"
        "<title>t</title>\n<desc>d</desc>\n"
        "<rect x=\"0\" y=\"0\" width=\"20\" height=\"10\" fill=\"#ffffff\"/>\n"
        "<line x1=\"0\" y1=\"0\" x2=\"1.5\" y2=\"2\" stroke=\"#22303c\" stroke-width=\"1\"/>\n"
        "<polyline points=\"0,0 1,1\" fill=\"none\" stroke=\"#c0444a\" stroke-width=\"2\"/>\n"
        "<circle cx=\"3\" cy=\"4\" r=\"2\" fill=\"#3b6fb6\"><title>hint</title></circle>\n"
        "<text x=\"5\" y=\"6\" font-size=\"9\" fill=\"#22303c\" text-anchor=\"end\" "
        "font-weight=\"bold\">word</text>\n"
        "</svg>\n");
  CHECK_THROWS_AS(Svg(0, 10, "", ""), proxyv::ArgumentError);
}
