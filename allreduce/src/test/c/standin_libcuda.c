/* Stand-in for libcuda.so.1 in tests without a GPU: exists so that what links against it loads.
 * Promises: nothing. Every function that is not here is bound when first called, and never is. */
int cuInit(unsigned flags) { return flags == 0 ? 0 : 1; }
