package dev.trireme.launcher.cli.chaos;

import com.fasterxml.jackson.databind.JsonNode;
import dev.trireme.launcher.control.ClusterFile;
import dev.trireme.launcher.control.ControlClient;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/**
 * Finds the processes of a running job's ranks, and refuses where it cannot be sure: the cluster
 * must say that the job runs, the newest formation in the run's record must be the very one that
 * the cluster speaks of, and the process must be a child of the one that runs the job.
 */
final class RunningRanks {
  private final Path run;
  private final RunEvents events;

  RunningRanks(Path run, RunEvents events) {
    this.run = run;
    this.events = events;
  }

  /** It is not certain, or not now, that a process is a rank of the job. */
  static final class NotSureException extends Exception {
    private static final long serialVersionUID = 1L;

    NotSureException(String message) {
      super(message);
    }
  }

  /**
   * How the job stands.
   *
   * @param state as {@code RUNNING}
   * @param generation of its newest formation
   * @param worldSize of that
   */
  record Standing(String state, long generation, int worldSize) {
    boolean isRunning() {
      return state.equals("RUNNING");
    }
  }

  /** Asks the cluster. */
  Standing standing() throws ControlClient.UnreachableException, ControlClient.RefusedException {
    JsonNode job = ControlClient.of(run).show();
    return new Standing(
        job.path("state").asText(), job.path("generation").asLong(), job.path("worldSize").asInt());
  }

  /**
   * The process of a rank.
   *
   * @throws NotSureException when that cannot be shown
   */
  ProcessHandle process(int rank, Standing standing) throws NotSureException, IOException {
    List<JsonNode> formations = events.ofType("generation");
    JsonNode newest = formations.isEmpty() ? null : formations.get(formations.size() - 1);
    if (newest == null || newest.path("generation").asLong() != standing.generation()) {
      throw new NotSureException(
          "the record of the run does not yet tell the processes of generation "
              + standing.generation());
    }
    JsonNode entry = newest.path("ranks").path(rank);
    if (entry.isMissingNode() || entry.path("rank").asInt() != rank) {
      throw new NotSureException(
          "expected a rank from 0 to " + (newest.path("ranks").size() - 1) + ", found " + rank);
    }
    long pid = entry.path("pid").asLong();
    long owner =
        ClusterFile.read(run)
            .map(ClusterFile::pid)
            .orElseThrow(() -> new NotSureException("the run in " + run + " is over"));
    Optional<ProcessHandle> process = ProcessHandle.of(pid).filter(ProcessHandle::isAlive);
    boolean child =
        process.flatMap(ProcessHandle::parent).filter(p -> p.pid() == owner).isPresent();
    if (!child) {
      throw new NotSureException(
          "rank %d is said to be process %d on host %s, which is no living child of process %d on this host; run this command on the host of the rank's agent"
              .formatted(rank, pid, entry.path("host").asText(), owner));
    }
    return process.get();
  }
}
