// The commands of the program `proxyv`. Each adds itself to the command line and runs when chosen.
#pragma once

#include <CLI/CLI.hpp>

namespace cli {

void add_ask(CLI::App& app);
/// status: becomes the program's exit status.
void add_bench(CLI::App& app, int& status);
void add_inspect(CLI::App& app);
void add_look(CLI::App& app);
void add_plan(CLI::App& app);
void add_study(CLI::App& app);

}  // namespace cli
