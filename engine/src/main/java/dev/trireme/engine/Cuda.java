package dev.trireme.engine;

import dev.trireme.api.tensor.DType;
import dev.trireme.api.tensor.Device;
import dev.trireme.api.tensor.Shape;
import java.io.File;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.stream.Stream;
import org.bytedeco.javacpp.Loader;
import org.bytedeco.pytorch.Context;
import org.bytedeco.pytorch.SizeTPair;
import org.bytedeco.pytorch.Stat;
import org.bytedeco.pytorch.cuda.DeviceStats;
import org.bytedeco.pytorch.global.torch;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What there is of CUDA in this process. Asking loads no class of JavaCPP's CUDA bindings, but for
 * {@link #allocatedBytes}, which is for processes that compute on a device.
 *
 * <p>Threading: any.
 */
final class Cuda {
  private static final Logger LOG = LoggerFactory.getLogger(Cuda.class);
  private static final String LIBRARY = System.mapLibraryName("torch_cuda");
  private static final String WORKSPACES = "CUBLAS_WORKSPACE_CONFIG";

  private Cuda() {}

  /** The devices; libtorch must have been loaded. */
  static CudaDevices devices() {
    try {
      int count = torch.cuda_is_available() ? torch.cuda_device_count() : 0;
      return count > 0 ? new CudaDevices(count, "") : CudaDevices.none(whyNone());
    } catch (RuntimeException e) {
      return CudaDevices.none(Failures.brief(e));
    }
  }

  private static String whyNone() {
    Optional<Path> library = library();
    if (library.isEmpty()) {
      return "libtorch was loaded without its CUDA part ("
          + LIBRARY
          + "); start with ./trireme --device cuda, or put the jar pytorch with the classifier "
          + Natives.gpuPlatform()
          + " on the class path";
    }
    try {
      System.load(library.get().toString());
    } catch (UnsatisfiedLinkError e) {
      return "libtorch's CUDA part does not load: "
          + Failures.brief(e)
          + "; install CUDA 13, cuDNN 9 and NCCL 2, or name the folders of their libraries in"
          + " LD_LIBRARY_PATH";
    }
    if (File.separatorChar == '/' && !Files.exists(Path.of("/proc/driver/nvidia/version"))) {
      return "this host has no NVIDIA driver (or this container was not given it); install driver"
          + " 580 or newer";
    }
    String visible = System.getenv("CUDA_VISIBLE_DEVICES");
    return "the NVIDIA driver shows no device that works with CUDA 13: expected driver 580 or newer"
        + (visible == null
            ? ""
            : " and a device in CUDA_VISIBLE_DEVICES, which is '" + visible + "'")
        + refusal().map(r -> " (" + r + ")").orElse("");
  }

  /** What libtorch says when it is asked for memory of a device. */
  private static Optional<String> refusal() {
    try {
      Tensors.zeros(Shape.of(1), DType.FLOAT32, new Device(Device.Kind.CUDA, 0)).close();
      return Optional.empty();
    } catch (RuntimeException e) {
      return Optional.of(Failures.brief(e));
    }
  }

  /** libtorch's CUDA part: beside what JavaCPP loaded, or in the library path. */
  private static Optional<Path> library() {
    Stream<Path> beside =
        Stream.ofNullable(Loader.getLoadedLibraries().get("jnitorch"))
            .map(loaded -> Path.of(loaded).resolveSibling(LIBRARY));
    Stream<Path> inPath =
        Stream.of(System.getProperty("java.library.path", "").split(File.pathSeparator))
            .filter(entry -> !entry.isEmpty())
            .map(entry -> Path.of(entry, LIBRARY));
    return Stream.concat(Stream.concat(beside, inPath), Natives.resource(LIBRARY).stream())
        .map(Path::toAbsolutePath)
        .filter(Files::isRegularFile)
        .findFirst();
  }

  /**
   * Makes libtorch repeat itself on devices, and compute float32 in float32: TF32, which cuDNN uses
   * unless told otherwise, keeps 10 bits of the 23.
   */
  static void settle() {
    Context context = torch.globalContext();
    context.setAllowTF32CuBLAS(false);
    context.setAllowTF32CuDNN(false);
    context.setBenchmarkCuDNN(false);
    context.setDeterministicCuDNN(true);
    // Operators that cannot repeat themselves say so in the log, and run.
    context.setDeterministicAlgorithms(true, true);
    context.setDeterministicFillUninitializedMemory(false);
    if (System.getenv(WORKSPACES) == null) {
      LOG.info(
          "{} is not set: cuBLAS promises the same bits only with :4096:8 or :16:8", WORKSPACES);
    }
  }

  /** Bytes that libtorch holds of the device now for tensors. */
  static long allocatedBytes(Device device) {
    try (DeviceStats stats = torch.getDeviceStats((byte) device.index())) {
      Stat bytes = stats.allocated_bytes();
      return bytes.current();
    } catch (RuntimeException | LinkageError e) {
      LOG.debug("no figures of the device's allocator: {}", Failures.brief(e));
      return usedBytes(device);
    }
  }

  /** Bytes of the device that are in use, by whomever. */
  private static long usedBytes(Device device) {
    try (SizeTPair freeAndTotal = torch.getMemoryInfo((byte) device.index())) {
      return freeAndTotal.second() - freeAndTotal.first();
    } catch (RuntimeException e) {
      LOG.debug("no figures of the device's memory: {}", Failures.brief(e));
      return 0;
    }
  }
}
