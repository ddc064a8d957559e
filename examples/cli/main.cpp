// The program `proxyv`: ask a checkpoint about a picture, look into one, inspect one, plan what one would cost, measure.
#include "commands.hpp"
#include "program.hpp"
#include "proxyv/version.hpp"

int main(int argc, char** argv) {
  CLI::App app{"ProxyV: large multimodal models that keep every vision token and compute on few.\n"
               "Example: proxyv plan --model vicuna-7b --start-layer 12"};
  app.name("proxyv");
  app.require_subcommand(1);
  app.set_version_flag("--version", PROXYV_VERSION);
  int status = 0;
  cli::add_ask(app);
  cli::add_bench(app, status);
  cli::add_inspect(app);
  cli::add_look(app);
  cli::add_plan(app);
  cli::add_study(app);
  return cli::run_program(app, argc, argv, "proxyv", [&] { return status; });  // the subcommand runs while parsing
}
