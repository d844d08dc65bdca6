package dev.trireme.launcher.cli;

import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.OptionalLong;

/** Runs the services of a cluster; what {@code trireme coordinator} and {@code agent} do. */
public interface ServiceRunner {
  /**
   * Runs a coordinator until the process is told to end.
   *
   * @param config its configuration file
   * @return an exit code of {@link ExitCode}
   */
  int coordinator(Path config, Console console);

  /**
   * Runs an agent until the process is told to end.
   *
   * @return an exit code of {@link ExitCode}
   */
  int agent(AgentOptions options, Console console);

  /**
   * Makes a cluster's credentials in a directory.
   *
   * @return an exit code of {@link ExitCode}
   */
  int initialize(Path directory, Console console);

  /**
   * How an agent is to run.
   *
   * @param coordinators to join, as {@code host:port}, at least one
   * @param credentials directory of them
   * @param name of the agent; one of its own when empty
   * @param bind address to listen on and be reached at; that of the route to the first coordinator
   *     when empty
   * @param slots ranks it may hold at once; as many as cores when empty
   * @param health where it says how it is; nowhere when empty
   * @param cores that its ranks may use together; the host's when empty
   * @param memory bytes that its ranks may use together; the host's when empty
   * @param ranksPerDevice ranks that may share a CUDA device, at least 1
   */
  record AgentOptions(
      List<String> coordinators,
      Path credentials,
      Optional<String> name,
      Optional<String> bind,
      OptionalInt slots,
      Optional<String> health,
      OptionalInt cores,
      OptionalLong memory,
      int ranksPerDevice) {
    public AgentOptions {
      coordinators = List.copyOf(coordinators);
    }
  }
}
