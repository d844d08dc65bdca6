/* Stand-in for libcublasLt.so.13 in tests without a GPU: exists so that what links against it loads.
 * Promises: nothing. */
const char *cublasLtGetStatusString(int status) { return status == 0 ? "success" : "failed"; }
