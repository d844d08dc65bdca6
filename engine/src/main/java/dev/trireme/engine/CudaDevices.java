package dev.trireme.engine;

/**
 * The CUDA devices that this process can compute on.
 *
 * @param count of them; 0 where CUDA does not work
 * @param reason why there are none and how to mend that; empty where there are some
 */
public record CudaDevices(int count, String reason) {
  public CudaDevices {
    if (count < 0 || (count == 0) == reason.isEmpty()) {
      throw new IllegalArgumentException(
          "expected devices, or none and the reason, found " + count + " and '" + reason + "'");
    }
  }

  static CudaDevices none(String reason) {
    return new CudaDevices(0, reason);
  }

  /** Whether there is at least one. */
  public boolean available() {
    return count > 0;
  }
}
