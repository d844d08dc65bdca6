package dev.trireme.protocol;

import java.util.List;

/** What an agent tells the coordinator. */
public sealed interface AgentToCoordinator extends Message {
  /** The agent that speaks. */
  String agentId();

  /**
   * Sent on joining, and again until answered.
   *
   * @param host the machine's name, for people
   * @param slots ranks this agent can hold at once, at least 1
   * @param cores that its ranks may use together; 0 where that is no limit
   * @param highestTerm the highest term it has obeyed, 0 if none
   * @param highestGeneration the highest generation it knows, over all jobs; 0 if none
   * @param devices that its ranks can compute on, at most {@value HostDevice#MAX}
   * @param noDevices why there are none, for people; empty when there are
   * @param address at which ranks of other hosts reach its ranks
   * @param memory that its ranks may use together, in bytes; 0 where that is no limit
   * @param ranksPerDevice ranks that may share one of its devices, at least 1
   * @param incarnation tells this run of the agent from those before it under the same name; empty
   *     from one that numbers nothing
   * @param sentNanos when, by a clock of its own
   */
  record RegisterAgent(
      String agentId,
      String host,
      int slots,
      int cores,
      long highestTerm,
      long highestGeneration,
      List<HostDevice> devices,
      String noDevices,
      String address,
      long memory,
      int ranksPerDevice,
      String incarnation,
      long sentNanos)
      implements AgentToCoordinator {
    public RegisterAgent {
      devices = List.copyOf(devices);
      if (devices.size() > HostDevice.MAX) {
        throw new IllegalArgumentException(
            "an agent announces at most " + HostDevice.MAX + " devices, found " + devices.size());
      }
    }

    /** From an agent that numbers nothing it says. */
    public RegisterAgent(
        String agentId,
        String host,
        int slots,
        int cores,
        long highestTerm,
        long highestGeneration,
        List<HostDevice> devices,
        String noDevices,
        String address,
        long memory,
        int ranksPerDevice) {
      this(
          agentId,
          host,
          slots,
          cores,
          highestTerm,
          highestGeneration,
          devices,
          noDevices,
          address,
          memory,
          ranksPerDevice,
          "",
          0);
    }

    /** The same in this run of the agent, at this time. */
    public RegisterAgent sent(String run, long nanos) {
      return new RegisterAgent(
          agentId,
          host,
          slots,
          cores,
          highestTerm,
          highestGeneration,
          devices,
          noDevices,
          address,
          memory,
          ranksPerDevice,
          run,
          nanos);
    }

    /** On loopback, a host without devices beside its CPU. */
    public RegisterAgent(
        String agentId,
        String host,
        int slots,
        int cores,
        long highestTerm,
        long highestGeneration) {
      this(
          agentId,
          host,
          slots,
          cores,
          highestTerm,
          highestGeneration,
          List.of(),
          "the agent looked for none",
          "127.0.0.1",
          0,
          1);
    }
  }

  /**
   * Something an agent says, numbered, so that a coordinator takes it in once and in order, and the
   * next one can be told what the one before may not have recorded. Said again until it is {@link
   * CoordinatorToAgent.Heard}.
   *
   * @param incarnation of the agent
   * @param before the number of what it said last to this coordinator, 0 for the first
   * @param number goes up with everything the agent says in this incarnation, at least 1
   */
  record Said(
      String agentId, String incarnation, long before, long number, AgentToCoordinator message)
      implements AgentToCoordinator {
    public Said {
      if (message instanceof Said || message instanceof RegisterAgent) {
        throw new IllegalArgumentException(
            "a " + message.getClass().getSimpleName() + " is not numbered");
      }
    }
  }

  /**
   * The ranks that an agent has now. Said to each coordinator once it has been told again what is
   * still true of them; a rank that is not among them is not there any more.
   */
  record Inventory(String agentId, List<RankThere> ranks) implements AgentToCoordinator {
    public Inventory {
      ranks = List.copyOf(ranks);
    }
  }

  /** A rank whose process lives. */
  record RankThere(String jobId, long generation, int rank) {}

  /**
   * The agent's lease has run out: it has asked its ranks of this generation to stop together after
   * a step, and to keep their state.
   */
  record LeaseOver(String agentId, String jobId, long generation) implements AgentToCoordinator {}

  /** The agent has ended its ranks and leaves. */
  record Leaving(String agentId) implements AgentToCoordinator {}

  /**
   * A rank's process has been started.
   *
   * @param pid of the process
   */
  record RankStarted(String agentId, String jobId, long generation, int rank, long pid)
      implements AgentToCoordinator {}

  /** What a rank said, passed on. */
  record FromRank(String agentId, String jobId, long generation, int rank, RankReport report)
      implements AgentToCoordinator {}

  /**
   * Idle processes are ready to become ranks.
   *
   * @param count of them
   */
  record SparesReady(String agentId, String jobId, int count) implements AgentToCoordinator {}

  /**
   * This host listens for probes, or cannot.
   *
   * @param probe as it was ordered
   * @param address and port where it listens; empty when it cannot
   * @param host what this host has
   * @param failure why it cannot, for people; empty when it can
   */
  record ProbeOpened(String agentId, long probe, String address, Probe.Host host, String failure)
      implements AgentToCoordinator {}

  /** What this host has found on the ways to the others. */
  record ProbeDone(String agentId, long probe, List<Probe.Way> ways) implements AgentToCoordinator {
    public ProbeDone {
      ways = List.copyOf(ways);
    }
  }

  /**
   * This host lacks what a job needs: none of its ranks was started here, nor will be.
   *
   * @param generation of the order that is refused
   * @param why what is missing, for people; at most {@value #MAX_WHY} characters
   */
  record RanksRefused(String agentId, String jobId, long generation, String why)
      implements AgentToCoordinator {
    /** Longest reason. */
    public static final int MAX_WHY = 2000;

    public RanksRefused {
      if (why.length() > MAX_WHY) {
        why = why.substring(0, MAX_WHY);
      }
    }
  }

  /**
   * What came of a {@link CoordinatorToAgent.HarmRank}; said before a process is killed or stopped,
   * and after everything else was done.
   *
   * @param order which one
   * @param pid of the rank's process; -1 when there is none
   * @param how what was done, for people; empty when nothing was
   * @param refusal why nothing was done; empty when it was
   */
  record HarmAnswered(
      String agentId, String jobId, long order, long pid, String how, String refusal)
      implements AgentToCoordinator {}

  /**
   * A rank's process is gone.
   *
   * @param exit how it went
   */
  record RankExited(String agentId, String jobId, long generation, int rank, RankExit exit)
      implements AgentToCoordinator {}

  /**
   * How a process went.
   *
   * @param pid it had
   * @param code exit code; 128 + signal when a signal ended it
   * @param expected whether it was told to end, or had reported that it was finished
   * @param description for people, as {@code killed by SIGKILL} or {@code exit code 3}
   * @param lastLines of its log, at most 20, each at most 500 characters
   */
  record RankExit(
      long pid, int code, boolean expected, String description, List<String> lastLines) {
    public RankExit {
      lastLines = List.copyOf(lastLines);
    }
  }
}
