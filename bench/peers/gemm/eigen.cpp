// Eigen's own product: Eigen's threads, and one product per thread with the columns split by the caller.
#include "proxyv/eigen.hpp"  // before Eigen: it silences a mistaken warning of GCC 12 about its intrinsics

#include <Eigen/Core>

#include "problem.hpp"

namespace proxyv::bench {
namespace {

using Matrix = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

void split_product(const Problem& p, index_t copy) {
  const Shape& s = p.shape;
  const Eigen::Map<const Matrix> x(p.x.data(), s.rows, s.depth), w(p.weights(copy), s.cols, s.depth);
  Eigen::Map<Matrix> y(p.y.data(), s.rows, s.cols);
  Eigen::setNbThreads(1);
  proxyv::detail::parallel_for(p.threads, p.threads, [&](index_t part, int) {
    const proxyv::detail::Range r = proxyv::detail::share(s.cols, p.threads, part, 16);
    y.middleCols(r.begin, r.size()).noalias() = x * w.middleRows(r.begin, r.size()).transpose();
  });
}

}  // namespace

std::string peer_library() {
  return "Eigen " + std::to_string(EIGEN_WORLD_VERSION) + "." + std::to_string(EIGEN_MAJOR_VERSION) + "." +
         std::to_string(EIGEN_MINOR_VERSION) + ", " + Eigen::SimdInstructionSetsInUse();
}

void add_peer_methods(const Problem& p, std::vector<Method>& methods) {
  methods.push_back({.name = "eigen", .run = [&p](index_t copy) {
                       const Shape& s = p.shape;
                       Eigen::setNbThreads(p.threads);
                       const Eigen::Map<const Matrix> w(p.weights(copy), s.cols, s.depth);
                       if (s.decode()) {
                         Eigen::Map<Eigen::VectorXf>(p.y.data(), s.cols).noalias() =
                             w * Eigen::Map<const Eigen::VectorXf>(p.x.data(), s.depth);
                       } else {
                         Eigen::Map<Matrix>(p.y.data(), s.rows, s.cols).noalias() =
                             Eigen::Map<const Matrix>(p.x.data(), s.rows, s.depth) * w.transpose();
                       }
                     }});
  if (p.threads > 1 && !p.shape.decode())
    methods.push_back({.name = "eigen split", .run = [&p](index_t copy) { split_product(p, copy); }});
}

}  // namespace proxyv::bench
