package dev.trireme.worker.agent;

import java.io.File;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;
import java.util.OptionalInt;
import java.util.function.Predicate;
import java.util.stream.Collectors;

/**
 * The environment of a rank's process: the agent's own, without library directories that hold
 * another libtorch (mixed with the bundled one it kills the JVM), with the rank's number of
 * computing threads and what the launcher adds.
 */
final class RankEnvironment {
  private static final String LIBRARY_PATH = "LD_LIBRARY_PATH";

  private RankEnvironment() {}

  /**
   * Changes {@code environment} in place.
   *
   * @param added stronger than anything else
   * @param holdsLibtorch whether a directory holds a libtorch
   */
  static void adapt(
      Map<String, String> environment,
      OptionalInt threads,
      Map<String, String> added,
      Predicate<Path> holdsLibtorch) {
    String cleaned =
        Arrays.stream(environment.getOrDefault(LIBRARY_PATH, "").split(File.pathSeparator))
            .filter(entry -> !entry.isEmpty() && !holdsLibtorch.test(Path.of(entry)))
            .collect(Collectors.joining(File.pathSeparator));
    if (cleaned.isEmpty()) {
      environment.remove(LIBRARY_PATH);
    } else {
      environment.put(LIBRARY_PATH, cleaned);
    }
    threads.ifPresent(
        n -> {
          environment.put("OMP_NUM_THREADS", Integer.toString(n));
          environment.put("MKL_NUM_THREADS", Integer.toString(n));
        });
    environment.putAll(added);
  }

  static boolean holdsLibtorch(Path directory) {
    String[] names = directory.toFile().list();
    return names != null
        && Arrays.stream(names).anyMatch(n -> n.startsWith("libtorch") || n.startsWith("libc10"));
  }
}
