// Writes receipts as PNG files, with every question and its true answer.
#include <png.h>

#include <charconv>
#include <cstdint>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>

#include "questions.hpp"

namespace {

constexpr std::string_view usage =
    "Usage: make_receipts [--seed S] [--count N] --out DIR\n"
    "\n"
    "Draws N receipts with seeds S, S+1, ... into DIR: SEED.png, and questions.jsonl with\n"
    "one question a line: {\"image\", \"kind\", \"question\", \"answer\"}.\n"
    "\n"
    "  --seed S    first seed (default 1000000, the first of the held-back set)\n"
    "  --count N   how many receipts (default 8)\n"
    "  --out DIR   folder to write to; made when missing\n"
    "  --help      this text\n";

struct Options {
  std::uint64_t seed = 1000000;
  std::uint64_t count = 8;
  std::filesystem::path out;
  bool help = false;
};

std::uint64_t parse_number(std::string_view name, std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) {
    throw std::invalid_argument(std::string(name) + " needs a whole number, not '" + std::string(text) + "'");
  }
  return value;
}

Options parse(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string_view name = argv[i];
    if (name == "--help") {
      return {.out = {}, .help = true};
    }
    if (name != "--seed" && name != "--count" && name != "--out") {
      throw std::invalid_argument("unknown option '" + std::string(name) + "' (see --help)");
    }
    if (++i == argc) {
      throw std::invalid_argument(std::string(name) + " needs a value");
    }
    if (name == "--seed") {
      options.seed = parse_number(name, argv[i]);
    }
    if (name == "--count") {
      options.count = parse_number(name, argv[i]);
    }
    if (name == "--out") {
      options.out = argv[i];
    }
  }
  if (options.out.empty()) {
    throw std::invalid_argument("--out DIR is missing (see --help)");
  }
  return options;
}

void write_png(const receipts::Receipt& receipt, const std::filesystem::path& path) {
  png_image image{};
  image.version = PNG_IMAGE_VERSION;
  image.width = receipts::photo_side;
  image.height = receipts::photo_side;
  image.format = PNG_FORMAT_RGB;
  if (png_image_write_to_file(&image, path.c_str(), 0, receipt.pixels.data(), 0, nullptr) == 0) {
    throw std::runtime_error("cannot write " + path.string() + ": " + image.message);
  }
}

std::string json_string(std::string_view text) {
  std::string out = "\"";
  for (const char character : text) {
    if (character == '\n') {
      out += "\\n";
    } else {
      out += character;
    }
  }
  return out + '"';
}

void write_receipt(std::uint64_t seed, const std::filesystem::path& folder, std::ostream& list) {
  const receipts::Receipt receipt = receipts::draw(seed);
  const std::string file = std::to_string(seed) + ".png";
  write_png(receipt, folder / file);
  for (const receipts::QA& qa : receipts::questions(receipt)) {
    list << "{\"image\": " << json_string(file) << ", \"kind\": " << json_string(receipts::name_of(qa.kind))
         << ", \"question\": " << json_string(qa.question) << ", \"answer\": " << json_string(qa.answer)
         << "}\n";
  }
}

void run(const Options& options) {
  std::filesystem::create_directories(options.out);
  const std::filesystem::path list_path = options.out / "questions.jsonl";
  std::ofstream list(list_path);
  for (std::uint64_t i = 0; i < options.count; ++i) {
    write_receipt(options.seed + i, options.out, list);
  }
  list.flush();
  if (!list) {
    throw std::runtime_error("cannot write " + list_path.string());
  }
  std::cout << "wrote " << options.count << " receipts to " << options.out.string() << '\n';
}

}  // namespace

int main(int argc, char** argv) {
  try {
    const Options options = parse(argc, argv);
    if (options.help) {
      std::cout << usage;
      return 0;
    }
    run(options);
    return 0;
  } catch (const std::exception& error) {
    std::cerr << "make_receipts: " << error.what() << '\n';
    return 2;
  }
}
