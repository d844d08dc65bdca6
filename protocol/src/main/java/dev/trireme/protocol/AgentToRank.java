package dev.trireme.protocol;

import dev.trireme.api.job.JobSpec;
import dev.trireme.protocol.Stored.GenerationRecord;
import java.util.List;
import java.util.Optional;

/** What an agent tells a rank, mostly on the coordinator's behalf. */
public sealed interface AgentToRank extends Message {
  /**
   * Become this rank of this formation. A process that is a rank already answers with {@link
   * RankReport.Joined}, keeps its model, and becomes the rank of the new formation.
   *
   * @param job resolved and validated
   * @param resolvedSpec the same as YAML
   * @param runDirectory of the job, absolute
   * @param localRank within this host
   * @param localSize ranks of this formation on this host
   * @param transport how to reach the other ranks
   * @param source where the state comes from
   * @param backing what the ranks compute on and what carries their gradients
   * @param generations of the job before this one, oldest first: what tells checkpoints that are
   *     superseded
   */
  record Join(
      Stamp stamp,
      String jobId,
      JobSpec job,
      String resolvedSpec,
      String runDirectory,
      int rank,
      int localRank,
      int localSize,
      int worldSize,
      Transport transport,
      StateSource source,
      Backing backing,
      List<GenerationRecord> generations)
      implements AgentToRank {
    public Join {
      generations = List.copyOf(generations);
    }

    /** On the CPU. */
    public Join(
        Stamp stamp,
        String jobId,
        JobSpec job,
        String resolvedSpec,
        String runDirectory,
        int rank,
        int localRank,
        int localSize,
        int worldSize,
        Transport transport,
        StateSource source) {
      this(
          stamp,
          jobId,
          job,
          resolvedSpec,
          runDirectory,
          rank,
          localRank,
          localSize,
          worldSize,
          transport,
          source,
          Backing.HOST,
          List.of());
    }

    /** In the first formation of a job. */
    public Join(
        Stamp stamp,
        String jobId,
        JobSpec job,
        String resolvedSpec,
        String runDirectory,
        int rank,
        int localRank,
        int localSize,
        int worldSize,
        Transport transport) {
      this(
          stamp,
          jobId,
          job,
          resolvedSpec,
          runDirectory,
          rank,
          localRank,
          localSize,
          worldSize,
          transport,
          StateSource.JOB);
    }
  }

  /**
   * How a rank reaches the others of its formation.
   *
   * @param aeronDirectory of the host's media driver
   * @param sharedDirectory for memory that ranks of this formation share; made by the agent, which
   *     deletes it with the formation
   * @param streamBase the first of the stream ids allotted to this formation on this host
   * @param streamCount how many there are
   * @param formation an unguessable number that every frame carries
   * @param network how it is found by ranks of other hosts; empty where all are on this one
   */
  record Transport(
      String aeronDirectory,
      String sharedDirectory,
      int streamBase,
      int streamCount,
      long formation,
      Optional<Network> network) {
    /** In a formation on one host. */
    public Transport(
        String aeronDirectory,
        String sharedDirectory,
        int streamBase,
        int streamCount,
        long formation) {
      this(aeronDirectory, sharedDirectory, streamBase, streamCount, formation, Optional.empty());
    }

    /** Leaves out the formation's number, which is a secret. */
    @Override
    public String toString() {
      return "streams from "
          + streamBase
          + " at "
          + aeronDirectory
          + ", memory in "
          + sharedDirectory
          + network.map(n -> ", " + n).orElse("");
    }
  }

  /**
   * How a rank is found by ranks of other hosts.
   *
   * @param host equal for ranks that share memory and a media driver: their agent's name
   * @param address of the host's network interface, as others reach it
   */
  record Network(String host, String address) {}

  /**
   * What every rank of the formation has said in its {@link RankReport.Contact}.
   *
   * @param contacts in order of rank
   */
  record Contacts(Stamp stamp, List<String> contacts) implements AgentToRank {
    public Contacts {
      contacts = List.copyOf(contacts);
    }
  }

  /** Stop after the current step, all ranks together. */
  record StopAfterStep(Stamp stamp, String reason) implements AgentToRank {}

  /** Write a checkpoint after the current step, and stop after the same one. */
  record CheckpointAfterStep(Stamp stamp) implements AgentToRank {}

  /** The collectives of this generation are over: leave them at once. */
  record AbortGeneration(Stamp stamp, String reason) implements AgentToRank {}

  /**
   * The answer to rank 0's wait for a checkpoint's grant.
   *
   * @param reason why not, empty when granted
   */
  record CheckpointGrant(Stamp stamp, long step, boolean granted, String reason)
      implements AgentToRank {}

  /**
   * Until this time has passed, act as if there were no room where checkpoints go. It ends by the
   * rank's own clock, whatever becomes of those who asked for it.
   */
  record LackRoom(Stamp stamp, long millis) implements AgentToRank {}

  /** The process is not needed any more and may end. */
  record Release() implements AgentToRank {}
}
