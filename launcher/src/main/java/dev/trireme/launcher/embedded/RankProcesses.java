package dev.trireme.launcher.embedded;

import dev.trireme.worker.agent.RankCommand;
import java.io.File;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** How a rank's process is started from this one. */
final class RankProcesses {
  static final String MAIN = "dev.trireme.launcher.rank.RankMain";

  /** What only the control plane needs: a rank starts faster and stays smaller without. */
  private static final List<String> CONTROL_PLANE_JARS =
      List.of(
          "akka-",
          "scala-",
          "ssl-config-",
          "reactive-streams-",
          "asn-one-",
          "config-",
          "hazelcast-",
          "picocli-",
          "snakeyaml-",
          "coordinator-");

  private RankProcesses() {}

  /**
   * The command for this installation's ranks.
   *
   * @param classPath of this process
   * @param jvmFlags of this process that a rank needs too
   */
  static RankCommand command(String classPath, List<String> jvmFlags) {
    List<String> flags = new ArrayList<>(jvmFlags);
    flags.addAll(
        List.of(
            // A rank's memory is libtorch's; what is left for Java is small and short-lived.
            "-XX:+UseSerialGC",
            "-Xms16m",
            "-Xmx512m",
            "-XX:TieredStopAtLevel=1",
            "-Dtrireme.rank=true"));
    String own = System.getenv("TRIREME_RANK_JAVA_OPTS");
    if (own != null && !own.isBlank()) {
      flags.addAll(List.of(own.trim().split("\\s+")));
    }
    return new RankCommand(java(), flags, withoutControlPlane(classPath), MAIN, Map.of());
  }

  /** The {@code java} that runs this process. */
  static Path java() {
    return Path.of(System.getProperty("java.home"), "bin", "java");
  }

  /** The flags of this process that open the JDK to its libraries; both kinds need the same. */
  static List<String> openingFlags(List<String> inputArguments) {
    return inputArguments.stream()
        .filter(
            flag ->
                Stream.of("--add-", "--enable-", "--sun-", "-XX:+IgnoreUnrecognizedVMOptions")
                    .anyMatch(flag::startsWith))
        .toList();
  }

  static String withoutControlPlane(String classPath) {
    return Arrays.stream(classPath.split(File.pathSeparator))
        .filter(entry -> CONTROL_PLANE_JARS.stream().noneMatch(fileName(entry)::startsWith))
        .collect(Collectors.joining(File.pathSeparator));
  }

  private static String fileName(String entry) {
    return Path.of(entry).getFileName().toString();
  }
}
