package dev.trireme.protocol;

import dev.trireme.api.job.JobSpec;
import dev.trireme.protocol.Stored.GenerationRecord;
import java.util.List;

/** What the coordinator tells an agent. */
public sealed interface CoordinatorToAgent extends Message {
  /** By what authority. */
  Stamp stamp();

  /**
   * The answer to a registration.
   *
   * @param leaseMillis how long the agent's ranks may go on from the moment at which it sent the
   *     registration; 0 for as long as they want
   * @param sentNanos of the registration, which tells the agent which one is answered
   */
  record AgentAccepted(Stamp stamp, String coordinatorId, long leaseMillis, long sentNanos)
      implements CoordinatorToAgent {
    /** Without a lease. */
    public AgentAccepted(Stamp stamp, String coordinatorId) {
      this(stamp, coordinatorId, 0, 0);
    }
  }

  /**
   * What the agent has said up to this number is recorded, and need not be said again to this
   * coordinator.
   *
   * @param number of {@link AgentToCoordinator.Said}
   */
  record Heard(Stamp stamp, long number) implements CoordinatorToAgent {}

  /**
   * Make these ranks of a formation, one process each: a survivor of the formation before becomes
   * the rank that is meant for it, the others get new processes. What the job still has here of
   * older formations and is no survivor is killed.
   *
   * @param jobId of the job
   * @param job resolved and validated
   * @param resolvedSpec the same as YAML, every default filled in
   * @param runDirectory where logs go, absolute
   * @param worldSize of the formation
   * @param ranks that this agent is to start, in order of localRank
   * @param formation an unguessable number that every frame between its ranks carries
   * @param survivors processes that become ranks of it
   * @param source where the state of the formation comes from
   * @param backing what its ranks compute on and what carries their gradients
   * @param generations of the job before this one, oldest first
   */
  record StartRanks(
      Stamp stamp,
      String jobId,
      JobSpec job,
      String resolvedSpec,
      String runDirectory,
      int worldSize,
      List<Integer> ranks,
      long formation,
      List<Survivor> survivors,
      StateSource source,
      Backing backing,
      List<GenerationRecord> generations)
      implements CoordinatorToAgent {
    public StartRanks {
      ranks = List.copyOf(ranks);
      survivors = List.copyOf(survivors);
      generations = List.copyOf(generations);
    }

    /** On the CPU. */
    public StartRanks(
        Stamp stamp,
        String jobId,
        JobSpec job,
        String resolvedSpec,
        String runDirectory,
        int worldSize,
        List<Integer> ranks,
        long formation,
        List<Survivor> survivors,
        StateSource source) {
      this(
          stamp,
          jobId,
          job,
          resolvedSpec,
          runDirectory,
          worldSize,
          ranks,
          formation,
          survivors,
          source,
          Backing.HOST,
          List.of());
    }

    /** The first formation of a job: all processes are new. */
    public StartRanks(
        Stamp stamp,
        String jobId,
        JobSpec job,
        String resolvedSpec,
        String runDirectory,
        int worldSize,
        List<Integer> ranks,
        long formation) {
      this(
          stamp,
          jobId,
          job,
          resolvedSpec,
          runDirectory,
          worldSize,
          ranks,
          formation,
          List.of(),
          StateSource.JOB);
    }
  }

  /**
   * A process of the formation before that goes on.
   *
   * @param rank it becomes
   * @param pid of the process
   */
  record Survivor(int rank, long pid) {}

  /** Pass this to the job's ranks on this agent; to all of them when {@code ranks} is empty. */
  record TellRanks(Stamp stamp, String jobId, List<Integer> ranks, AgentToRank command)
      implements CoordinatorToAgent {
    public TellRanks {
      ranks = List.copyOf(ranks);
    }
  }

  /**
   * End the job's processes on this agent: first asked, then after {@code graceMillis} killed.
   *
   * @param graceMillis 0 kills at once
   * @param ranks whose; all of them when empty
   */
  record EndRanks(Stamp stamp, String jobId, long graceMillis, String reason, List<Integer> ranks)
      implements CoordinatorToAgent {
    public EndRanks {
      ranks = List.copyOf(ranks);
    }

    /** All of the job's processes. */
    public EndRanks(Stamp stamp, String jobId, long graceMillis, String reason) {
      this(stamp, jobId, graceMillis, reason, List.of());
    }
  }

  /**
   * Listen for probes of other hosts, and say where; ends a probe before it.
   *
   * @param secret an unguessable number that every datagram of the probe carries
   */
  record OpenProbe(Stamp stamp, long probe, long secret) implements CoordinatorToAgent {
    /** Leaves out the secret. */
    @Override
    public String toString() {
      return "OpenProbe[" + stamp + ", " + probe + "]";
    }
  }

  /**
   * Measure the ways to these hosts.
   *
   * @param targets at most {@value Probe#MAX_HOSTS}
   */
  record RunProbe(Stamp stamp, long probe, List<Probe.Target> targets)
      implements CoordinatorToAgent {
    public RunProbe {
      targets = List.copyOf(targets);
    }
  }

  /**
   * Have this many idle processes ready, started ahead of the formation that will need them. Each
   * that is ready to become a rank is told with {@link AgentToCoordinator.SparesReady}.
   *
   * @param count in all, at least 0
   */
  record PrepareRanks(Stamp stamp, String jobId, int count) implements CoordinatorToAgent {}

  /**
   * Do this to a rank on purpose, and take it back after a while; answered with {@link
   * AgentToCoordinator.HarmAnswered}.
   *
   * @param order a number of the coordinator's, which the answer repeats
   * @param rank whom; for {@link HarmKind#FILL_DISK} any that the agent has
   * @param lastingMillis how long, from 0 to {@value #MAX_LASTING_MILLIS}; {@link HarmKind#KILL}
   *     takes no notice of it
   * @param trial whether only to say if it can be done
   */
  record HarmRank(
      Stamp stamp,
      String jobId,
      long order,
      HarmKind kind,
      int rank,
      long lastingMillis,
      boolean trial)
      implements CoordinatorToAgent {
    /** An hour: what is done on purpose has an end. */
    public static final long MAX_LASTING_MILLIS = 3_600_000;

    public HarmRank {
      if (lastingMillis < 0 || lastingMillis > MAX_LASTING_MILLIS) {
        throw new IllegalArgumentException(
            "expected 0 to " + MAX_LASTING_MILLIS + " ms, found " + lastingMillis);
      }
    }
  }
}
