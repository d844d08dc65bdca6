package dev.trireme.allreduce.bench;

import java.lang.management.ManagementFactory;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;

/**
 * How a measured rank's JVM is started.
 *
 * @param command the {@code java} to run, its flags and its class path: all that comes before the
 *     main class
 * @param environment added to this process's own, and stronger
 * @param devices what each rank is to find in {@code CUDA_VISIBLE_DEVICES}, by rank; none where
 *     ranks need no devices
 */
public record RankJvm(List<String> command, Map<String, String> environment, List<String> devices) {
  /** One without devices. */
  public RankJvm(List<String> command, Map<String, String> environment) {
    this(command, environment, List.of());
  }

  public RankJvm {
    Objects.requireNonNull(command, "command");
    command = List.copyOf(command);
    environment = Map.copyOf(environment);
    devices = List.copyOf(devices);
  }

  /** The same with a device for each rank. */
  public RankJvm with(List<String> visible) {
    return new RankJvm(command, environment, visible);
  }

  /** All that is added to the environment of one rank. */
  Map<String, String> environment(int rank) {
    Map<String, String> all = new HashMap<>(environment);
    if (rank < devices.size()) {
      all.put("CUDA_VISIBLE_DEVICES", devices.get(rank));
    }
    return all;
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
