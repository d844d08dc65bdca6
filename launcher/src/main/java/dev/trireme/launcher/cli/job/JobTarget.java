package dev.trireme.launcher.cli.job;

import dev.trireme.launcher.cli.cluster.ClusterOptions;
import dev.trireme.launcher.cli.cluster.ClusterOptions.UnknownClusterException;
import dev.trireme.launcher.control.ApiClient;
import dev.trireme.launcher.control.ControlClient;
import dev.trireme.launcher.control.ControlClient.RefusedException;
import dev.trireme.launcher.control.ControlClient.UnreachableException;
import dev.trireme.launcher.control.JobChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Parameters;

/** The job a command is about: one of a cluster by its id, or the run of a directory. */
public final class JobTarget {
  /** How long a command waits for a coordinator to be active. */
  public static final Duration PATIENCE = Duration.ofSeconds(30);

  @Parameters(
      index = "0",
      paramLabel = "ID",
      description = "A job of the cluster, as job-7 or 7, or the directory of a run.")
  private String target;

  @Mixin private ClusterOptions cluster;

  /**
   * Whether a directory is meant; what looks like an id is one unless there is such a directory.
   */
  public boolean isRun() {
    return !target.matches("(job-)?[0-9]{1,18}") || Files.isDirectory(Path.of(target));
  }

  /** The directory; call only when {@link #isRun}. */
  Path run() {
    return Path.of(target);
  }

  /** The id; call only when not {@link #isRun}. */
  String id() {
    return target.startsWith("job-") ? target : "job-" + target;
  }

  /** The way to the cluster. */
  ApiClient client() throws UnknownClusterException {
    return cluster.client(PATIENCE);
  }

  /** The way to the job. */
  public JobChannel channel()
      throws UnreachableException, RefusedException, UnknownClusterException {
    return isRun() ? ControlClient.of(run()) : client().job(id());
  }
}
