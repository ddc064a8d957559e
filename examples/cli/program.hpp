// What every program of ours does around its work: parse, run, one line on standard error for anything wrong.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>

namespace cli {

/// Parses the command line and calls run(). Exit status: what run returns; 0 after --help; 2 for a wrong
/// command line or anything thrown.
template <class Run>
int run_program(CLI::App& app, int argc, char** argv, const char* name, Run&& run) {
  try {
    app.parse(argc, argv);
    return run();
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? 0 : 2;
  } catch (const std::exception& e) {
    std::fprintf(stderr, "%s: %s\n", name, e.what());
    return 2;
  }
}

}  // namespace cli
