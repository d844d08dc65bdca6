package dev.trireme.allreduce.cuda;

import dev.trireme.api.tensor.Device;
import org.bytedeco.cuda.global.cudart;
import org.bytedeco.javacpp.Loader;
import org.bytedeco.javacpp.SizeTPointer;

/** Loading of the CUDA runtime, the choice of a device, and what its errors become. */
public final class Cuda {
  private Cuda() {}

  /**
   * Loads the runtime and makes sure that a device answers.
   *
   * @throws CudaUnavailableException when a library is missing or no device answers
   */
  public static void load() {
    try {
      Loader.load(cudart.class);
    } catch (LinkageError | RuntimeException e) {
      throw new CudaUnavailableException(missing("libcudart.so.13 and libcuda.so.1", e), e);
    }
    int count = deviceCount();
    if (count == 0) {
      throw new CudaUnavailableException(
          "expected at least one CUDA device, found none: CUDA_VISIBLE_DEVICES is "
              + environment("CUDA_VISIBLE_DEVICES"));
    }
  }

  /** What is said of native libraries that could not be loaded. */
  public static String missing(String libraries, Throwable why) {
    return "expected the native libraries "
        + libraries
        + ", looked for in LD_LIBRARY_PATH ("
        + environment("LD_LIBRARY_PATH")
        + "), java.library.path ("
        + System.getProperty("java.library.path", "")
        + "), the system's folders and /usr/local/cuda: "
        + String.valueOf(why.getMessage()).lines().findFirst().orElse("")
        + "; install CUDA 13 and NCCL 2, or say where they are in LD_LIBRARY_PATH";
  }

  private static String environment(String name) {
    String value = System.getenv(name);
    return value == null ? "not set" : "'" + value + "'";
  }

  private static int deviceCount() {
    int[] count = new int[1];
    int code = cudart.cudaGetDeviceCount(count);
    if (code != cudart.cudaSuccess) {
      throw new CudaUnavailableException(
          "the CUDA runtime finds no device: "
              + text(code)
              + "; is the driver loaded, and new enough for CUDA 13 (nvidia-smi shows its version)?");
    }
    return count[0];
  }

  /** Makes this device the calling thread's; costs next to nothing where it is already. */
  public static void use(Device device) {
    if (device.kind() != Device.Kind.CUDA) {
      throw new IllegalArgumentException("expected a CUDA device, found " + device);
    }
    check(cudart.cudaSetDevice(device.index()), device, "the choice of the device");
  }

  /**
   * Does nothing where {@code code} is that of success.
   *
   * @param what was asked for
   * @throws IllegalStateException with the runtime's words and the device's memory otherwise
   */
  public static void check(int code, Device device, String what) {
    if (code != cudart.cudaSuccess) {
      // It would else be the answer to a question of somebody else on this thread.
      cudart.cudaGetLastError();
      throw new IllegalStateException(
          device + ": " + what + " failed: " + text(code) + "; " + room());
    }
  }

  private static String text(int code) {
    return cudart.cudaGetErrorString(code).getString() + " (CUDA error " + code + ")";
  }

  private static String room() {
    try (SizeTPointer free = new SizeTPointer(1);
        SizeTPointer total = new SizeTPointer(1)) {
      return cudart.cudaMemGetInfo(free, total) == cudart.cudaSuccess
          ? free.get() + " of " + total.get() + " bytes of the device are free"
          : "how much memory is free could not be found out";
    }
  }
}
