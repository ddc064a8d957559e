// expect: proxyv: View: sizes must be >= 0, or proxyv::dyn
#include "proxyv/core/view.hpp"

#ifdef GOOD
proxyv::View<float, proxyv::HostSpace, proxyv::dyn, 0> view;
#else
proxyv::View<float, proxyv::HostSpace, -2> view;
#endif
