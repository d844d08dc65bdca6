package dev.trireme.worker.agent;

import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Objects;

/**
 * How a rank's process is started. The agent adds what belongs to its own side of the bargain: a
 * library path that holds nothing foreign, an exit on running out of memory, and the arguments that
 * {@code AgentLink.connect} reads.
 *
 * @param java the {@code java} to run
 * @param jvmFlags as on a command line; what the agent adds comes before them
 * @param classPath for {@code -cp}
 * @param mainClass its {@code main} passes its arguments to {@code AgentLink.connect}
 * @param environment added to the agent's own, and stronger
 */
public record RankCommand(
    Path java,
    List<String> jvmFlags,
    String classPath,
    String mainClass,
    Map<String, String> environment) {
  public RankCommand {
    Objects.requireNonNull(java, "java");
    Objects.requireNonNull(classPath, "classPath");
    Objects.requireNonNull(mainClass, "mainClass");
    jvmFlags = List.copyOf(jvmFlags);
    environment = Map.copyOf(environment);
  }
}
