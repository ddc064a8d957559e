// OpenBLAS or BLIS: both are cblas_sgemm, so a program has one of them.
#if defined(PROXYV_PEER_BLIS)
#include <blis.h>
#else
#include <cblas-openblas.h>
#endif

#include "problem.hpp"

namespace proxyv::bench {
namespace {

#if defined(PROXYV_PEER_BLIS)
constexpr const char* name = "blis";
void use_threads(int n) { bli_thread_set_num_threads(n); }
#else
constexpr const char* name = "openblas";
void use_threads(int n) { openblas_set_num_threads(n); }
#endif

}  // namespace

std::string peer_library() {
#if defined(PROXYV_PEER_BLIS)
  return std::string("BLIS ") + bli_info_get_version_str();
#else
  return openblas_get_config();
#endif
}

void add_peer_methods(const Problem& p, std::vector<Method>& methods) {
  use_threads(p.threads);
  const auto rows = static_cast<int>(p.shape.rows), depth = static_cast<int>(p.shape.depth),
             cols = static_cast<int>(p.shape.cols);
  methods.push_back({.name = std::string(name) + " sgemm", .run = [=, &p](index_t copy) {
                       cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, rows, cols, depth, 1.f,
                                   p.x.data(), depth, p.weights(copy), depth, 0.f, p.y.data(), cols);
                     }});
  if (!p.shape.decode()) return;
  methods.push_back({.name = std::string(name) + " sgemv", .run = [=, &p](index_t copy) {
                       cblas_sgemv(CblasRowMajor, CblasNoTrans, cols, depth, 1.f, p.weights(copy), depth,
                                   p.x.data(), 1, 0.f, p.y.data(), 1);
                     }});
}

}  // namespace proxyv::bench
