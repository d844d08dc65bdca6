package dev.trireme.allreduce.bench;

import java.lang.management.ManagementFactory;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;

/**
 * How a measured rank's JVM is started.
 *
 * @param command the {@code java} to run, its flags and its class path: all that comes before the
 *     main class
 * @param environment added to this process's own, and stronger
 */
public record RankJvm(List<String> command, Map<String, String> environment) {
  public RankJvm {
    Objects.requireNonNull(command, "command");
    command = List.copyOf(command);
    environment = Map.copyOf(environment);
  }

  /** With this process's Java, class path and flags, save those that name a file or a port. */
  public static RankJvm likeThisOne() {
    List<String> command = new ArrayList<>();
    command.add(ProcessHandle.current().info().command().orElse("java"));
    for (String flag : ManagementFactory.getRuntimeMXBean().getInputArguments()) {
      if (!flag.startsWith("-agentlib") && !flag.startsWith("-javaagent")) {
        command.add(flag);
      }
    }
    command.addAll(List.of("-cp", System.getProperty("java.class.path")));
    return new RankJvm(command, Map.of());
  }
}
