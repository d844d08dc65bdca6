package dev.trireme.launcher.device;

import java.io.File;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;

/** What this installation was built with. */
public final class Installation {
  /** What to do where CUDA is wanted and this installation is without. */
  public static final String MEND = "start it as ./trireme --device cuda ...";

  private static final String CUDA_LIBRARY = "libtorch_cuda.so";

  private Installation() {}

  /** Whether libtorch for CUDA is there: unpacked in the library path, or in a jar. */
  public static boolean hasCuda() {
    return Arrays.stream(System.getProperty("java.library.path", "").split(File.pathSeparator))
            .filter(folder -> !folder.isBlank())
            .anyMatch(folder -> Files.exists(Path.of(folder, CUDA_LIBRARY)))
        || Installation.class.getResource("/org/bytedeco/pytorch/linux-x86_64-gpu/" + CUDA_LIBRARY)
            != null;
  }

  /** The devices that ranks of this installation can compute on. */
  public static DeviceSurvey devices() {
    return hasCuda()
        ? DeviceSurvey.ofProcess()
        : DeviceSurvey.none("this installation computes on the CPU; " + MEND);
  }
}
