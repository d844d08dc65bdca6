package dev.trireme.allreduce.nccl;

/** NCCL refused a call, or says that the communicator is broken; becomes a verdict. */
final class NcclFailure extends RuntimeException {
  private static final long serialVersionUID = 1L;

  private final int code;
  private final String lastError;

  NcclFailure(int code, String lastError) {
    super(Nccl.describe(code, lastError));
    this.code = code;
    this.lastError = lastError;
  }

  int code() {
    return code;
  }

  String lastError() {
    return lastError;
  }
}
