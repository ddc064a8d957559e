// The snippets of docs/files.md and docs/vision.md.
//   files CHECKPOINT PICTURE    asks one question; without arguments: shows that a missing folder is refused
#include <cstdio>
#include <string>

#include "proxyv/eigen.hpp"
#include "proxyv/model/lmm.hpp"
#include "proxyv/text/char_tokenizer.hpp"
#include "proxyv/vision/image_file.hpp"

namespace pv = proxyv;
using Engine = pv::EigenBackend;

void ask(const std::string& folder, const std::string& picture_file, const std::string& question) {
  Engine loader({});                                     // loading needs no workspace
  const pv::Lmm<Engine> model(loader, folder);           // config.json and safetensors
  const auto tokenizer = pv::text::CharTokenizer::from_file(folder + "/tokenizer.json");
  const pv::Image picture = pv::read_image(picture_file);  // PNG or JPEG, told apart by content

  const auto ids = pv::text::encode_prompt(tokenizer, "<image>\n" + question + "\n");
  const pv::ImageSlot slot{model.count_crops(picture.width(), picture.height())};
  const pv::TokenLayout layout({ids.data(), static_cast<pv::index_t>(ids.size())}, {&slot, 1}, model.crop_shape());

  model.visit([&](const auto& decoder) {  // the decoder in its own type: plain, spatial or learned proxies
    Engine be({.threads = 2,
               .workspace_bytes = std::max(model.plan_encode(slot.crops).workspace, pv::workspace_bytes(decoder, layout))});
    const auto encoded = model.encode(be, picture);      // keep it to ask again
    pv::Session session(be, decoder, layout.rows() + 256);
    session.start({layout, encoded.tokens()});
    const auto& stop = model.checkpoint().eos_token_ids;
    session.generate({.max_tokens = 256, .stop = {stop.data(), static_cast<pv::index_t>(stop.size())}},
                     [&](pv::TokenId id) { std::printf("%s", std::string(tokenizer.token_text(id)).c_str()); });
  });
  std::printf("\n");
}

void list(const std::string& folder) {
  const pv::io::Checkpoint files(folder);  // checks every header, reads no weights
  for (const auto& tensor : files.tensors())
    std::printf("%s %s\n", std::string(tensor.name).c_str(), std::string(pv::io::tensor_type_name(tensor.type)).c_str());
}

/// Crops can be counted before any model is loaded.
pv::index_t crops_of(pv::index_t width, pv::index_t height) {
  pv::ImageProcessor processor;  // CLIP's numbers: crops of 336 pixels, patches of 14
  processor.pinpoints = {{336, 672}, {672, 336}, {672, 672}, {1008, 336}, {336, 1008}};
  return processor.count_crops(width, height);
}

int main(int argc, char** argv) {
  try {
    if (argc == 3) {
      list(argv[1]);
      ask(argv[1], argv[2], "total?");
      return 0;
    }
    if (crops_of(1200, 900) != 5 || crops_of(300, 200) != 3) return 1;
    pv::io::Checkpoint missing("no/such/folder");
  } catch (const pv::LoadError& e) {
    std::printf("%s\n", e.what());  // no/such/folder: cannot open: No such file or directory
    return argc == 3 ? 2 : 0;
  }
  return 1;
}
