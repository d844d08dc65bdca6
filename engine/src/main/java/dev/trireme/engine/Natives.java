package dev.trireme.engine;

import dev.trireme.api.engine.EngineException;
import java.net.URISyntaxException;
import java.net.URL;
import java.nio.file.Path;
import java.util.Optional;
import org.bytedeco.javacpp.Loader;
import org.bytedeco.openblas.presets.openblas_nolapack;
import org.bytedeco.pytorch.global.torch;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Loads libtorch and tells it how many threads to use. Where the class path has libtorch for GPUs,
 * that one is loaded, which computes on the CPU as well; the libraries of CUDA itself are the
 * system's, found through {@code LD_LIBRARY_PATH} or where they are usually installed. Without them
 * it still loads, and {@link Cuda#devices} says what is missing.
 */
final class Natives {
  private static final String EXTENSION = "org.bytedeco.javacpp.platform.extension";
  private static final String GPU = "-gpu";
  private static final Logger LOG = LoggerFactory.getLogger(Natives.class);

  private static final String JNI = System.mapLibraryName("jnitorch");

  private Natives() {}

  /**
   * Loads the native libraries; repeats only set the threads anew.
   *
   * @throws EngineException when the libraries for this platform are missing or do not load
   */
  static void load(int threads) {
    withoutLimits();
    chooseExtension();
    try {
      fromJarsAlone();
      torch.set_num_threads(threads);
      if (torch.get_num_interop_threads() != threads) {
        interopThreads(threads);
      }
      // OpenBLAS has threads of its own, as many as there are cores, whatever libtorch is told.
      blasThreads(1);
    } catch (UnsatisfiedLinkError | NoClassDefFoundError e) {
      throw new EngineException(
          "libtorch does not load on "
              + Loader.getPlatform()
              + ": expected the jars pytorch and openblas with the classifier "
              + Loader.getPlatform()
              + " on the class path and no other libtorch in java.library.path, found: "
              + Failures.brief(e),
          e);
    }
  }

  /** Sets how many threads one product of matrices may take in this process. */
  static void blasThreads(int threads) {
    openblas_nolapack.blas_set_num_threads(threads);
  }

  /**
   * JavaCPP refuses an allocation once the process is larger than a multiple of the Java heap, and
   * reads the process's size from the kernel each time to know. A rank's memory is mostly
   * libtorch's and its heap small, so the limit would strike a healthy rank. The properties are
   * read when its classes are loaded; what the launcher sets has precedence.
   */
  private static void withoutLimits() {
    for (String limit : new String[] {"maxbytes", "maxphysicalbytes"}) {
      String property = "org.bytedeco.javacpp." + limit;
      if (System.getProperty(property) == null) {
        System.setProperty(property, "0");
      }
    }
  }

  /**
   * JavaCPP reads the property when its classes are loaded; what the launcher sets has precedence.
   */
  private static void chooseExtension() {
    if (System.getProperty(EXTENSION) == null
        && Natives.class.getResource(folder(gpuPlatform()) + "/" + JNI) != null) {
      System.setProperty(EXTENSION, GPU);
    }
  }

  /** The classifier of the jar with libtorch for GPUs. */
  static String gpuPlatform() {
    return Loader.getPlatform() + GPU;
  }

  private static String folder(String platform) {
    return "/org/bytedeco/pytorch/" + platform;
  }

  /** Where a library of libtorch for GPUs stands as a file, when it does. */
  static Optional<Path> resource(String library) {
    URL found = Natives.class.getResource(folder(gpuPlatform()) + "/" + library);
    try {
      return found != null && found.getProtocol().equals("file")
          ? Optional.of(Path.of(found.toURI()))
          : Optional.empty();
    } catch (URISyntaxException e) {
      return Optional.empty();
    }
  }

  /**
   * Loads libtorch while {@code java.library.path} names nothing: JavaCPP looks there too for what
   * the jars lack, and a libtorch of the system mixed with ours ends the process.
   */
  private static void fromJarsAlone() {
    String path = System.getProperty("java.library.path", "");
    System.setProperty("java.library.path", "");
    try {
      Loader.load(torch.class);
    } finally {
      System.setProperty("java.library.path", path);
    }
  }

  /** libtorch takes this number once a process only; nothing here depends on it. */
  private static void interopThreads(int threads) {
    try {
      torch.set_num_interop_threads(threads);
    } catch (RuntimeException e) {
      LOG.debug("inter-op threads stay as they are: {}", Failures.brief(e));
    }
  }
}
