package dev.trireme.allreduce.cuda;

/**
 * This process cannot use CUDA: a library is missing, or no device answers. The message says what
 * was looked for, where, and how to mend it. Not worth a retry in the same process.
 */
public final class CudaUnavailableException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  public CudaUnavailableException(String message) {
    super(message);
  }

  public CudaUnavailableException(String message, Throwable cause) {
    super(message, cause);
  }
}
