// oneDNN: inner_product with weights as they are, matmul with weights packed beforehand; f32 and bf16.
#include <omp.h>

#include <dnnl.hpp>
#include <memory>
#include <unordered_map>

#include "problem.hpp"

namespace proxyv::bench {
namespace {

using Tag = dnnl::memory::format_tag;
using Type = dnnl::memory::data_type;
using Desc = dnnl::memory::desc;

dnnl::engine& engine() {
  static dnnl::engine one(dnnl::engine::kind::cpu, 0);
  return one;
}
dnnl::stream& stream() {
  static dnnl::stream one(engine());
  return one;
}

/// A primitive with its operands, for each copy of the weights.
struct Call {
  dnnl::primitive primitive;
  std::vector<std::unordered_map<int, dnnl::memory>> arguments;
  std::vector<Buffer<std::byte>> packed;  ///< weights in the library's own order, in memory like everybody's

  void operator()(index_t copy) const {
    primitive.execute(stream(), arguments[static_cast<std::size_t>(copy)]);
    stream().wait();
  }
};

/// The weights in the form that the primitive asks for.
dnnl::memory in_form(const Desc& wanted, const dnnl::memory& plain, Call& call) {
  if (wanted == plain.get_desc()) return plain;
  call.packed.push_back(host_buffer<std::byte>(static_cast<index_t>(wanted.get_size())));
  dnnl::memory out(wanted, engine(), call.packed.back().data());
  dnnl::reorder(plain, out).execute(stream(), const_cast<dnnl::memory&>(plain), out);
  stream().wait();
  return out;
}

void* weights_of(const Problem& p, Type type, index_t copy) {
  if (type == Type::bf16) return const_cast<bf16*>(p.weights16(copy));
  return const_cast<float*>(p.weights(copy));
}

/// `plain_tag`: how the weights lie as they are. The primitive's description is made by `describe`.
template <class Primitive, class Describe>
std::shared_ptr<Call> call_of(const Problem& p, Type type, const Desc& plain, Describe&& describe) {
  const Desc x({p.shape.rows, p.shape.depth}, type, Tag::ab),
      y({p.shape.rows, p.shape.cols}, Type::f32, Tag::ab);
  const typename Primitive::primitive_desc about = describe(x, y);
  auto call = std::make_shared<Call>();
  call->primitive = Primitive(about);
  void* from = type == Type::bf16 ? static_cast<void*>(p.x16.data()) : static_cast<void*>(p.x.data());
  for (index_t copy = 0; copy < p.copies; ++copy) {
    const dnnl::memory as_is(plain, engine(), weights_of(p, type, copy));
    call->arguments.push_back({{DNNL_ARG_SRC, dnnl::memory(x, engine(), from)},
                               {DNNL_ARG_WEIGHTS, in_form(about.weights_desc(), as_is, *call)},
                               {DNNL_ARG_DST, dnnl::memory(y, engine(), p.y.data())}});
  }
  return call;
}

std::shared_ptr<Call> inner_product(const Problem& p, Type type) {
  const Desc w({p.shape.cols, p.shape.depth}, type, Tag::ab);
  return call_of<dnnl::inner_product_forward>(p, type, w, [&](const Desc& x, const Desc& y) {
    return dnnl::inner_product_forward::primitive_desc({dnnl::prop_kind::forward_inference, x, w, y},
                                                       engine());
  });
}

std::shared_ptr<Call> packed_matmul(const Problem& p, Type type) {
  const dnnl::memory::dims size{p.shape.depth, p.shape.cols};
  return call_of<dnnl::matmul>(p, type, Desc(size, type, Tag::ba), [&](const Desc& x, const Desc& y) {
    return dnnl::matmul::primitive_desc({x, Desc(size, type, Tag::any), y}, engine());
  });
}

}  // namespace

std::string peer_library() {
  const dnnl::version_t* v = dnnl::version();
  return "oneDNN " + std::to_string(v->major) + "." + std::to_string(v->minor) + "." +
         std::to_string(v->patch);
}

void add_peer_methods(const Problem& p, std::vector<Method>& methods) {
  omp_set_num_threads(p.threads);  // how many it uses, when a primitive is made and when it runs
  const bool has_bf16 = proxyv::bench::detail::has_dot();
  for (const Type type : {Type::f32, Type::bf16}) {
    const bool half = type == Type::bf16;
    if (half && !has_bf16) continue;
    const auto add = [&](const char* name, bool packed, std::shared_ptr<Call> call) {
      methods.push_back(
          {.name = std::string("onednn ") + name + (half ? " bf16" : " f32"),
           .against = half ? Ceiling::dot : Ceiling::fma,
           .x_rounded = half,
           .w_rounded = half,
           .beside = std::string(half ? "proxyv bf16" : "proxyv f32") + (packed ? " packed" : ""),
           .run = [call](index_t copy) { (*call)(copy); }});
    };
    add("inner_product", false, inner_product(p, type));
    add("matmul packed", true, packed_matmul(p, type));
  }
}

}  // namespace proxyv::bench
