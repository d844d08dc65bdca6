package dev.trireme.launcher.embedded;

import dev.trireme.launcher.logging.LogSetup;
import dev.trireme.worker.agent.RankCommand;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.UnaryOperator;

/** How a rank's process is started from this one. */
public final class RankProcesses {
  private static final String MAIN = "dev.trireme.launcher.rank.RankMain";

  private static final String RANK_ARCHIVE = "rank.jsa";

  /**
   * Options for the ranks' JVMs, separated by blanks: a larger heap for a program that needs one.
   */
  private static final String OPTIONS_VARIABLE = "TRIREME_RANK_JAVA_OPTS";

  /**
   * Flags of this process that a rank needs too: they open the JDK, and say where libraries lie.
   */
  private static final List<String> SHARED_FLAGS =
      List.of(
          "--add-",
          "--enable-",
          "--sun-",
          "-XX:+IgnoreUnrecognizedVMOptions",
          "-Xlog:",
          "-Djava.library.path=",
          "-Dorg.bytedeco.",
          "-Dtrireme.test.");

  private static final List<String> RANK_FLAGS =
      List.of(
          "-D" + LogSetup.RANK_PROPERTY + "=true",
          // A rank's memory is libtorch's; what is left for Java is small and short-lived.
          "-XX:+UseSerialGC",
          "-Xms16m",
          "-Xmx512m",
          // The cores belong to libtorch: Java only hands buffers over.
          "-XX:TieredStopAtLevel=1");

  /**
   * glibc's allocator hands the large blocks of each step back to the kernel and fetches them anew,
   * page by page: a third of a rank's processor time on a convolutional network. One arena that
   * keeps what it has costs no more memory than the step's own peak.
   */
  private static final Map<String, String> ALLOCATOR =
      Map.of(
          "MALLOC_ARENA_MAX", "1",
          "MALLOC_MMAP_THRESHOLD_", String.valueOf(1L << 30),
          "MALLOC_TRIM_THRESHOLD_", String.valueOf(1L << 32));

  /** cuBLAS gives the same bits run after run only with workspaces of its own for each stream. */
  private static final Map<String, String> SAME_BITS = Map.of("CUBLAS_WORKSPACE_CONFIG", ":4096:8");

  /**
   * How long threads of libtorch look for work before they sleep. As long as libgomp has it, they
   * keep the cores that OpenBLAS's threads wait for: a model of linear layers on two threads then
   * trains at a tenth of its speed.
   */
  private static final Map<String, String> SHORT_SPINS = Map.of("GOMP_SPINCOUNT", "1000");

  private static final String WAIT_POLICY = "OMP_WAIT_POLICY";

  private RankProcesses() {}

  /**
   * The command for ranks of this installation.
   *
   * @param classPath of this process
   * @param jvmFlags of this process
   */
  public static RankCommand command(String classPath, List<String> jvmFlags) {
    List<String> flags = new ArrayList<>(jvmFlags.stream().filter(RankProcesses::shared).toList());
    flags.addAll(RANK_FLAGS);
    flags.addAll(archiveFlags(System::getProperty));
    String own = System.getenv().getOrDefault(OPTIONS_VARIABLE, "").trim();
    if (!own.isEmpty()) {
      flags.addAll(List.of(own.split("\\s+")));
    }
    Path java = Path.of(System.getProperty("java.home"), "bin", "java");
    return new RankCommand(java, flags, classPath, MAIN, environment(System.getenv()));
  }

  /** What a rank's environment has beside {@code own}, whose settings are stronger. */
  static Map<String, String> environment(Map<String, String> own) {
    Map<String, String> added = new HashMap<>(ALLOCATOR);
    added.putAll(SAME_BITS);
    if (!own.containsKey(WAIT_POLICY)) {
      added.putAll(SHORT_SPINS);
    }
    added.keySet().removeAll(own.keySet());
    return added;
  }

  /**
   * The flags for an archive of the classes that a rank loads, which {@code ./trireme} makes once
   * for each build and Java: half of the processor time of a rank's start. Without it, started from
   * an IDE or a test, a rank starts as plain Java does.
   *
   * @param property a system property's value, or null where it is not set
   */
  static List<String> archiveFlags(UnaryOperator<String> property) {
    String record = property.apply("trireme.archives.record");
    if (record != null) {
      // The list grows while the rank runs, and is good even if the rank is killed in the end.
      return List.of("-XX:DumpLoadedClassList=" + Path.of(record, "rank-%p.lst"));
    }
    String archives = property.apply("trireme.archives");
    // A JVM that is given the name of an archive that is not there goes without its own, too.
    if (archives == null || !Files.isRegularFile(Path.of(archives, RANK_ARCHIVE))) {
      return List.of();
    }
    return List.of("-XX:SharedArchiveFile=" + Path.of(archives, RANK_ARCHIVE));
  }

  private static boolean shared(String flag) {
    return SHARED_FLAGS.stream().anyMatch(flag::startsWith);
  }
}
