package dev.trireme.launcher.device;

import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/**
 * Looks at what this machine has, for a person who wonders why a job does not start or is slow. It
 * changes nothing.
 */
public final class Doctor {
  private static final long LEAST_SHARED = 256L << 20;
  private static final int LEAST_JAVA = 17;

  /** How a finding is. */
  public enum State {
    /** As it should be. */
    OK,
    /** Not there, and not needed by this installation. */
    NONE,
    /** Works, with a cost. */
    WARN,
    /** Has to be mended. */
    FAIL
  }

  /**
   * One thing looked at.
   *
   * @param what in a word or two
   * @param found for people
   * @param mend what to do; empty when there is nothing to
   */
  public record Finding(String what, State state, String found, String mend) {}

  /** All of it. */
  public record Report(List<Finding> findings, DeviceSurvey devices) {
    public Report {
      findings = List.copyOf(findings);
    }

    /** Whether nothing has to be mended. */
    public boolean isHealthy() {
      return findings.stream().noneMatch(f -> f.state() == State.FAIL);
    }
  }

  private final Libraries libraries;
  private final DeviceSurvey survey;
  private final boolean cuda;

  /**
   * @param cuda whether this installation is to compute on CUDA devices
   */
  Doctor(Libraries libraries, DeviceSurvey survey, boolean cuda) {
    this.libraries = libraries;
    this.survey = survey;
    this.cuda = cuda;
  }

  /** Looks at this machine; takes some tenths of a second. */
  public static Report examine() {
    return new Doctor(Libraries.ofProcess(), DeviceSurvey.ofProcess(), Installation.hasCuda())
        .report();
  }

  Report report() {
    List<Finding> findings = new ArrayList<>();
    findings.add(java());
    findings.add(ok("cores", Integer.toString(Runtime.getRuntime().availableProcessors())));
    findings.add(memory());
    findings.add(sharedMemory());
    findings.add(
        cuda
            ? ok("installation", "computes on CUDA devices and on the CPU")
            : new Finding(
                "installation", State.OK, "computes on the CPU", Installation.MEND + " for CUDA"));
    findings.add(driver());
    findings.add(library("CUDA runtime", "libcudart.so.13", "install CUDA 13"));
    findings.add(library("cuBLAS", "libcublas.so.13", "install CUDA 13"));
    findings.add(library("cuDNN", "libcudnn.so.9", "install cuDNN 9 for CUDA 13"));
    findings.add(library("NCCL", "libnccl.so.2", "install NCCL 2 for CUDA 13, or ranks use Aeron"));
    return new Report(findings, survey);
  }

  private static Finding java() {
    int feature = Runtime.version().feature();
    String found = Runtime.version() + " in " + System.getProperty("java.home");
    return feature >= LEAST_JAVA
        ? ok("Java", found)
        : new Finding("Java", State.FAIL, found, "use Java " + LEAST_JAVA + " or newer");
  }

  private static Finding memory() {
    if (ManagementFactory.getOperatingSystemMXBean()
        instanceof com.sun.management.OperatingSystemMXBean system) {
      return ok(
          "memory",
          bytes(system.getTotalMemorySize()) + ", " + bytes(system.getFreeMemorySize()) + " free");
    }
    return new Finding("memory", State.NONE, "this JVM does not say", "");
  }

  private static Finding sharedMemory() {
    Path shm = Path.of("/dev/shm");
    try {
      long free = Files.getFileStore(shm).getUsableSpace();
      String found = bytes(free) + " free in " + shm;
      return free >= LEAST_SHARED && Files.isWritable(shm)
          ? ok("shared memory", found)
          : new Finding(
              "shared memory",
              State.FAIL,
              found,
              "ranks of a host share their gradients there: make it larger (mount -o"
                  + " remount,size=1g /dev/shm; docker run --shm-size=1g)");
    } catch (IOException e) {
      return new Finding(
          "shared memory", State.WARN, "no " + shm, "files for temporary data are used instead");
    }
  }

  private Finding driver() {
    if (survey.none().isEmpty()) {
      String newest = survey.cuda().isEmpty() ? "" : ", for CUDA up to " + survey.cuda();
      return ok("NVIDIA driver", survey.driver() + newest);
    }
    return new Finding(
        "NVIDIA driver",
        cuda ? State.FAIL : State.NONE,
        survey.none(),
        cuda ? "install the driver, or start without --device cuda" : "");
  }

  /** It is needed where this installation is for CUDA and there are devices. */
  private Finding library(String what, String file, String mend) {
    Optional<Path> found = libraries.find(file);
    if (found.isPresent()) {
      return ok(what, found.get().toString());
    }
    boolean needed = cuda && survey.none().isEmpty();
    State missing = file.startsWith("libnccl") ? State.WARN : State.FAIL;
    return new Finding(
        what,
        needed ? missing : State.NONE,
        "no " + file + " in " + libraries.words(),
        needed ? mend + ", or name its folder in LD_LIBRARY_PATH" : "");
  }

  private static Finding ok(String what, String found) {
    return new Finding(what, State.OK, found, "");
  }

  /** In binary units, as memory is sold. */
  public static String bytes(long bytes) {
    return bytes < 1L << 30
        ? "%d MiB".formatted(bytes >> 20)
        : String.format(Locale.ROOT, "%.1f GiB", bytes / (double) (1L << 30));
  }
}
