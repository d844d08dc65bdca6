package dev.trireme.launcher.cli;

import dev.trireme.launcher.config.ResolvedJob;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;

/** Runs a job on hosts that have no cluster yet; what {@code trireme launch} does. */
public interface LaunchRunner {
  /**
   * Starts a cluster, runs the job and blocks until it has ended and every process that was started
   * is gone, here and there.
   *
   * @return an exit code of {@link ExitCode}
   */
  int run(Options options, ResolvedJob job, Console console);

  /**
   * What the user said.
   *
   * @param hosts as {@code a:4,user@b:2}
   * @param home where Trireme is on the hosts; where it is here when empty
   * @param bind address of this machine for the hosts; by the route to the first when empty
   * @param port of the coordinator; 0 for any free one
   * @param ssh the client with its options, separated by blanks
   * @param runDirectory what the run leaves behind goes there; a new one when empty
   * @param patience how long the agents may take to join
   */
  record Options(
      String hosts,
      Optional<String> home,
      Optional<String> bind,
      int port,
      String ssh,
      Optional<Path> runDirectory,
      Duration patience) {}
}
