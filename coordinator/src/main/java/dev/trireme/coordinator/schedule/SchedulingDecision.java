package dev.trireme.coordinator.schedule;

import dev.trireme.api.job.ParallelSpec.DeviceKind;
import dev.trireme.protocol.StateSource;
import java.util.List;
import java.util.Map;

/** What is to become of a job that waits. */
public sealed interface SchedulingDecision {
  /** The job. */
  String jobId();

  /** Why, for people. */
  String reason();

  /**
   * It is to run, on these ranks.
   *
   * @param placements every rank of {@code 0..worldSize-1} once, in order
   * @param survivors the processes that go on, by the ranks they become; the others are new
   * @param source where the state comes from
   * @param device what slots the ranks were given; {@code AUTO} where that was decided before
   */
  record Form(
      String jobId,
      List<Placement> placements,
      String reason,
      Map<Integer, Long> survivors,
      StateSource source,
      DeviceKind device)
      implements SchedulingDecision {
    public Form {
      placements = List.copyOf(placements);
      survivors = Map.copyOf(survivors);
    }

    /** For the first time: all processes are new. */
    public Form(String jobId, List<Placement> placements, String reason, DeviceKind device) {
      this(jobId, placements, reason, Map.of(), StateSource.JOB, device);
    }

    /** For the first time, on the CPU. */
    public Form(String jobId, List<Placement> placements, String reason) {
      this(jobId, placements, reason, DeviceKind.CPU);
    }

    /** Of a job that has run. */
    public Form(
        String jobId,
        List<Placement> placements,
        String reason,
        Map<Integer, Long> survivors,
        StateSource source) {
      this(jobId, placements, reason, survivors, source, DeviceKind.AUTO);
    }

    /** The number of ranks. */
    public int worldSize() {
      return placements.stream().mapToInt(p -> p.ranks().size()).sum();
    }
  }

  /**
   * It is to wait, as many do, for another one that waits: nothing of its own to tell its owner.
   */
  record Behind(String jobId, String reason) implements SchedulingDecision {}

  /** It is to wait. */
  record Wait(String jobId, String reason) implements SchedulingDecision {}

  /**
   * The ranks that one agent is to start.
   *
   * @param ranks in order of localRank, at least one
   */
  record Placement(String agentId, List<Integer> ranks) {
    public Placement {
      ranks = List.copyOf(ranks);
    }
  }
}
