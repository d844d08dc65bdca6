package dev.trireme.worker.agent;

import dev.trireme.protocol.HostDevice;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.OptionalInt;

/**
 * What an agent must know to run.
 *
 * @param agentId its name in the cluster, unique: letters, digits, '.', '_' and '-', at most 128
 * @param host the machine's name, for people
 * @param slots ranks it may hold at once, at least 1
 * @param cores of the host, at least 1
 * @param sharedMemory where the agent makes its own directory; {@code /dev/shm} when empty, or the
 *     directory for temporary files on a system without one
 * @param rankCommand how a rank's process is started
 * @param warm processes to start before any job asks, in 0..slots; each loads what it needs and
 *     waits to be told which rank to become. Used up by the first ranks, and not replaced.
 * @param rankThreads computing threads of a rank, for the environment of warm processes; those
 *     started for a job follow the job
 * @param devices that ranks compute on, those first that are best joined to each other: a process
 *     is shown one of them, that which the fewest others have
 * @param noDevices why there are none, for people; empty when there are
 * @param address of this host's network interface, as other hosts reach it: a name or a literal
 * @param offer what of the host the cluster may count on
 * @param check what is looked for before ranks of a job are started
 */
public record AgentConfig(
    String agentId,
    String host,
    int slots,
    int cores,
    Optional<Path> sharedMemory,
    RankCommand rankCommand,
    int warm,
    OptionalInt rankThreads,
    List<HostDevice> devices,
    String noDevices,
    String address,
    Offer offer,
    HostCheck check) {
  /**
   * What of the host the ranks of all jobs may use together, beside slots. Nothing enforces it: the
   * scheduler counts.
   *
   * @param cores at least 0; 0 sets no limit
   * @param memory in bytes, at least 0; 0 sets no limit
   * @param ranksPerDevice ranks that may share a CUDA device, at least 1
   */
  public record Offer(int cores, long memory, int ranksPerDevice) {
    /** Whatever the one job asks for that this agent is there for. */
    public static final Offer UNLIMITED = new Offer(0, 0, Integer.MAX_VALUE);

    public Offer {
      if (cores < 0 || memory < 0 || ranksPerDevice < 1) {
        throw new IllegalArgumentException(
            "expected cores and memory of at least 0 and at least 1 rank for each device, found "
                + cores
                + ", "
                + memory
                + " and "
                + ranksPerDevice);
      }
    }
  }

  public AgentConfig {
    devices = List.copyOf(devices);
    Objects.requireNonNull(noDevices, "noDevices");
    Objects.requireNonNull(offer, "offer");
    Objects.requireNonNull(host, "host");
    Objects.requireNonNull(address, "address");
    Objects.requireNonNull(check, "check");
    Objects.requireNonNull(sharedMemory, "sharedMemory");
    Objects.requireNonNull(rankCommand, "rankCommand");
    Objects.requireNonNull(rankThreads, "rankThreads");
    if (!agentId.matches("[A-Za-z0-9._-]{1,128}")) {
      throw new IllegalArgumentException(
          "agent id is '" + agentId + "', expected 1 to 128 letters, digits, '.', '_' or '-'");
    }
    if (slots < 1 || cores < 1) {
      throw new IllegalArgumentException(
          "expected at least 1 slot and 1 core, found " + slots + " and " + cores);
    }
    if (warm < 0 || warm > slots) {
      throw new IllegalArgumentException(
          "expected 0 to " + slots + " warm processes, as many as slots, found " + warm);
    }
  }

  /** On loopback, with all that jobs need. */
  public AgentConfig(
      String agentId,
      String host,
      int slots,
      int cores,
      Optional<Path> sharedMemory,
      RankCommand rankCommand,
      int warm,
      OptionalInt rankThreads,
      List<HostDevice> devices,
      String noDevices) {
    this(
        agentId,
        host,
        slots,
        cores,
        sharedMemory,
        rankCommand,
        warm,
        rankThreads,
        devices,
        noDevices,
        "127.0.0.1",
        Offer.UNLIMITED,
        HostCheck.NONE);
  }

  /** On loopback, without devices beside the CPU. */
  public AgentConfig(
      String agentId,
      String host,
      int slots,
      int cores,
      Optional<Path> sharedMemory,
      RankCommand rankCommand,
      int warm,
      OptionalInt rankThreads) {
    this(
        agentId,
        host,
        slots,
        cores,
        sharedMemory,
        rankCommand,
        warm,
        rankThreads,
        List.of(),
        "this agent looks for none");
  }
}
