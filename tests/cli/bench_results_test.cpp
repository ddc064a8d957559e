#include "backend/small.hpp"
#include "cli/bench/compare.hpp"
#include "cli/bench/report.hpp"
#include "support/catch.hpp"

using bench::Case;
using bench::Samples;
using bench::Verdict;
using proxyv::ArgumentError;
using proxyv::LoadError;

namespace {

bench::Result result(const Case& c, std::vector<double> ms, std::vector<double> token_ms = {}) {
  bench::Result r;
  r.setting = c;
  r.prefill.ms = std::move(ms);
  r.decode.ms = std::move(token_ms);
  r.layer_ms = {1.0, 2.0};
  r.prefill_flops = 2e9;
  r.paper_flops = 3e9;
  r.prefill_bytes = 1e8;
  r.decode_flops = 1e6;
  r.decode_bytes = 1e6;
  r.vision = 100;
  r.rows = 120;
  return r;
}

bench::Run run(std::vector<bench::Result> results) {
  bench::Run r;
  r.workload.config = {.hidden = 16,
                       .layers = 2,
                       .heads = 4,
                       .kv_heads = 2,
                       .head_dim = 4,
                       .ffn = 24,
                       .vocab = 32,
                       .crop_side = 4};
  r.machine = "a machine";
  r.ceilings = {1e12, 1e11};
  r.results = std::move(results);
  return r;
}

bench::OldRun saved(const bench::Run& r) {
  return bench::parse_old_run(bench::run_json(r).dump(), "old.json");
}

std::string error_in(const std::string& text) {
  return small::error_of<LoadError>([&] { bench::parse_old_run(text, "f"); });
}

}  // namespace

TEST_CASE("samples: median, quartiles, and the same thing timed twice") {
  const Samples s{{4.0, 1.0, 2.0, 3.0}};
  CHECK(s.median() == 2.5);
  CHECK(s.quantile(0.0) == 1.0);
  CHECK(s.quantile(1.0) == 4.0);
  CHECK(s.spread() == Approx((3.25 - 1.75) / 2 / 2.5));
  CHECK(s.drift() == Approx(0.0));  // {4, 1} and {2, 3}
  CHECK(Samples{{1.0, 1.0, 2.0, 2.0}}.drift() == Approx(1.0));
  CHECK(Samples{{3.0}}.drift() == 0.0);
  CHECK_THROWS_AS(Samples{}.median(), ArgumentError);
}

TEST_CASE("noise: how much the rounds differ") {
  auto r = run({result({"plain"}, {1.0, 1.0, 1.1, 1.1}), result({"proxyv", 1, 2}, {1.0, 1.0})});
  CHECK(r.noise() == Approx(0.05));
  CHECK(r.worst_noise() == Approx(0.1));
  r.results[1].add(result({"proxyv", 1, 2}, {1.2, 1.2}, {7.0}));
  CHECK(r.worst_noise() == Approx(0.2));
  CHECK(r.noise() == Approx(0.15));
  CHECK(r.results[1].prefill.ms.size() == 4);
  CHECK(r.results[1].decode.ms == std::vector<double>{7.0});
  CHECK(r.results[1].layer_ms == std::vector<double>{1.0, 2.0});
  r.ceilings.take_best({2e12, 1e10});
  CHECK(r.ceilings.gemm_flops == 2e12);
  CHECK(r.ceilings.copy_bytes == 1e11);
}

TEST_CASE("compare: what was written is read back, and changes beyond the noise are told") {
  const Case plain{"plain"}, proxy{"proxyv", 1, 2};
  const auto then =
      saved(run({result(plain, {10, 10, 10, 10}, {2, 2}), result(proxy, {5, 5}), result({"gone"}, {1})}));
  CHECK(then.machine == "a machine");
  CHECK(then.results[1].setting == proxy);
  CHECK(then.results[0].decode_ms == 2.0);
  CHECK(then.results[1].decode_ms == 0.0);

  const auto c = bench::compare(
      then, run({result(plain, {11, 11, 11, 11}, {2, 2}), result(proxy, {4, 4}), result({"new"}, {1})}));
  REQUIRE(c.changes.size() == 3);
  CHECK(c.changes[0].relative() == Approx(0.1));
  CHECK(c.changes[0].verdict() == Verdict::slower);
  CHECK(c.changes[1].verdict() == Verdict::same);
  CHECK(c.changes[2].verdict() == Verdict::faster);
  CHECK(c.only_then == std::vector<std::string>{"gone"});
  CHECK(c.only_now == std::vector<std::string>{"new"});
  CHECK(c.slowdown(0.05));
  CHECK_FALSE(c.slowdown(0.15));
  CHECK_FALSE(c.other_machine);
}

TEST_CASE("compare: a slowdown within the noise is none") {
  const auto then = saved(run({result({"plain"}, {10, 10, 12, 12})}));
  const auto c = bench::compare(then, run({result({"plain"}, {12, 12, 12, 12})}));
  CHECK(c.changes[0].relative() > 0.05);
  CHECK_FALSE(c.slowdown(0.05));
}

TEST_CASE("compare: noise above 100 % does not hide every speed-up") {
  bench::Change change{"a case", 10.0, 4.0, 1.2};
  CHECK(change.verdict() == Verdict::faster);  // 2.5 times, beyond 2.2 times
  change.new_ms = 5.0;
  CHECK(change.verdict() == Verdict::same);
  change = {"a case", 4.0, 10.0, 1.2};
  CHECK(change.verdict() == Verdict::slower);
}

TEST_CASE("compare: the encoder's stage, where both runs have it") {
  auto before = run({result({"plain"}, {10}), result({"proxyv", 1, 2}, {5})});
  before.results[0].encode.ms = {4, 4};
  auto now = before;
  now.results[0].encode.ms = {6, 6};
  now.results[1].encode.ms = {6, 6};
  const auto then = saved(before);
  CHECK(then.results[0].encode_ms == 4.0);
  const auto c = bench::compare(then, now);
  REQUIRE(c.changes.size() == 3);
  CHECK(c.changes[0].what == "plain: encoder");
  CHECK(c.changes[0].verdict() == Verdict::slower);
  now.workload.encoder = "tiny";
  CHECK(small::error_of<ArgumentError>([&] { bench::compare(then, now); }) ==
        "--compare: encoder was \"none\", is \"tiny\"; the times mean different things");
}

TEST_CASE("compare: runs of different workloads are refused") {
  const auto then = saved(run({result({"plain"}, {10})}));
  auto now = run({result({"plain"}, {10})});
  now.workload.text = 51;
  CHECK(small::error_of<ArgumentError>([&] { bench::compare(then, now); }) ==
        "--compare: text was 50, is 51; the times mean different things");
  CHECK(small::error_of<ArgumentError>([&] { bench::compare(then, run({result({"other"}, {10})})); }) ==
        "--compare: no case is in both runs");
}

TEST_CASE("old runs: what is none is refused, naming the field") {
  CHECK(error_in("nonsense") == "f: not JSON");
  CHECK(error_in("[]") == "f: not JSON");
  CHECK(error_in("{}") == "f: proxyv_bench: wanted 1, found null");
  auto json = bench::run_json(run({result({"plain"}, {10})}));
  const auto with = [&](const char* name, bench::Json value) {
    auto copy = json;
    copy[name] = std::move(value);
    return error_in(copy.dump());
  };
  CHECK(with("noise", "much") == "f: noise: wanted a number of at least 0.000000, found \"much\"");
  CHECK(with("workload", 3) == "f: workload: wanted an object");
  CHECK(with("machine", 3) == "f: machine: wanted a string");
  CHECK(with("results", 3) == "f: results: wanted an array");
  CHECK(with("results", {3}) == "f: results: wanted objects with a variant");
  json["results"][0]["prefill"] = nullptr;
  CHECK(error_in(json.dump()) == "f: prefill: wanted an object, found null");
  json["results"][0]["prefill"] = {{"median_ms", -1.0}, {"noise", 0.0}};
  CHECK(error_in(json.dump()).rfind("f: median_ms: wanted a number of at least", 0) == 0);
  CHECK_THROWS_AS(bench::read_old_run("/nowhere/old.json"), LoadError);
}

TEST_CASE("csv: a line per case under its names") {
  const auto text = bench::run_csv(run({result({"plain"}, {10, 10}, {2}), result({"proxyv", 1, 2}, {5})}));
  CHECK(text ==
        "variant,start_layer,reduce,encode_ms,prefill_ms,prefill_spread,decode_ms,decode_spread,prefill_"
        "gflop,paper_"
        "gflop,"
        "prefill_gflop_per_s,vision,proxies,rows\n"
        "plain,,,,10,0,2,0,2,3,200,100,0,120\n"
        "proxyv,1,2,,5,0,,,2,3,400,100,0,120\n");
}

namespace {

/// What is wrong with a page's tags: each closed in its turn, attributes in quotes; empty when nothing is.
std::string fault_of_tags(const std::string& page) {
  std::vector<std::string> open;
  for (std::size_t at = page.find('<'); at != std::string::npos; at = page.find('<', at)) {
    bool quoted = false;
    std::size_t end = at + 1;
    for (; end < page.size() && (quoted || page[end] != '>'); ++end) {
      if (page[end] == '"') quoted = !quoted;
      else if (page[end] == '<') return "< in a tag: " + page.substr(at, 40);
    }
    if (end == page.size()) return "not ended: " + page.substr(at, 40);
    const std::string tag = page.substr(at + 1, end - at - 1);
    const std::string name = tag.substr(0, tag.find_first_of(" /", 1));
    at = end;
    if (tag[0] == '!' || tag.back() == '/' || name == "meta") continue;
    if (tag[0] != '/') {
      open.push_back(name);
    } else if (open.empty() || "/" + open.back() != tag) {
      return tag + " closes " + (open.empty() ? "nothing" : open.back());
    } else {
      open.pop_back();
    }
  }
  return open.empty() ? "" : open.back() + " is never closed";
}

}  // namespace

TEST_CASE("report: its tags, those of the plots too, are in order") {
  CHECK(fault_of_tags("<p>a<br/></p>").empty());
  CHECK(fault_of_tags("<p><b></p></b>") == "/p closes b");
  CHECK(fault_of_tags("<p>") == "p is never closed");
  CHECK(fault_of_tags("<p a=\"x>").rfind("not ended", 0) == 0);
  auto r = run({result({"plain"}, {10, 10}, {2}), result({"a \"<b>\" & c", 1, 2}, {5})});
  r.workload.model = "<i>";
  CHECK(fault_of_tags(bench::report_html(r)).empty());
  CHECK(bench::report_html(r).find("encoder and projector") == std::string::npos);
  r.results[0].encode.ms = {3, 3};
  CHECK(fault_of_tags(bench::report_html(r)).empty());
  CHECK(bench::report_html(r).find("encoder and projector") != std::string::npos);
}

TEST_CASE("report: one page, nothing from elsewhere, five plots, text that stays text") {
  auto r =
      run({result({"plain"}, {10, 10}, {2}), result({"proxyv", 0, 2}, {5}), result({"proxyv", 1, 2}, {6})});
  r.machine = "<script>";
  const std::string html = bench::report_html(r);
  std::size_t plots = 0;
  for (std::size_t at = html.find("<svg"); at != std::string::npos; at = html.find("<svg", at + 1)) ++plots;
  CHECK(plots == 5);
  CHECK(html.find("<script") == std::string::npos);
  CHECK(html.find("src=") == std::string::npos);
  CHECK(html.find("href=") == std::string::npos);
  CHECK(html.find("proxyv from layer 1, reduce 2") != std::string::npos);
}
