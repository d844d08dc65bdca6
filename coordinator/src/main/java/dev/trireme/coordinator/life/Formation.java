package dev.trireme.coordinator.life;

import dev.trireme.coordinator.JobEvent.RankProcess;
import dev.trireme.coordinator.Verdict;
import dev.trireme.coordinator.life.Blame.Blamed;
import dev.trireme.coordinator.schedule.Reformation.Survivor;
import dev.trireme.coordinator.schedule.SchedulingDecision.Placement;
import dev.trireme.coordinator.schedule.Share;
import dev.trireme.protocol.AgentToCoordinator.FromRank;
import dev.trireme.protocol.AgentToCoordinator.RankThere;
import dev.trireme.protocol.RankReport.Finished;
import dev.trireme.protocol.RankReport.Parked;
import dev.trireme.protocol.RankReport.Ready;
import dev.trireme.protocol.Stored.FormationRecord;
import dev.trireme.protocol.Stored.Place;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.Predicate;

/** What is known of the ranks of one generation. Owned by a {@link JobRun}. */
final class Formation {
  /** What is known of one rank. */
  static final class Rank {
    private final int number;
    private final String agentId;
    private final String host;
    private long pid = -1;
    private Optional<Ready> ready = Optional.empty();
    private Optional<Finished> finished = Optional.empty();
    private Optional<Parked> parked = Optional.empty();
    private Optional<Survivor> was = Optional.empty();
    private boolean waits;
    private boolean gone;
    private boolean cutOff;
    private boolean ended;

    private Rank(int number, String agentId, String host) {
      this.number = number;
      this.agentId = agentId;
      this.host = host;
    }

    int number() {
      return number;
    }

    long pid() {
      return pid;
    }

    void startedAs(long pid) {
      this.pid = pid;
    }

    void ready(Ready report) {
      ready = Optional.of(report);
    }

    Optional<Ready> ready() {
      return ready;
    }

    void finished(Finished report) {
      finished = Optional.of(report);
    }

    Optional<Finished> finished() {
      return finished;
    }

    void parked(Parked report) {
      parked = Optional.of(report);
    }

    /** Its host has not made it a rank of this formation: it waits where the one before left it. */
    private boolean stayed(String why) {
      gone |= was.isEmpty();
      was.ifPresent(
          old -> {
            waits = true;
            pid = old.pid();
            parked = Optional.of(new Parked(old.appliedStep(), old.sound(), why, -1));
          });
      return !gone;
    }

    /** Whether it lives and has left the formation's collectives. */
    boolean isOut() {
      return !gone && hasLeft();
    }

    /** Whether it has left the formation's collectives, whatever became of it then. */
    boolean hasLeft() {
      return parked.isPresent() || finished.isPresent();
    }

    String host() {
      return host;
    }

    String agentId() {
      return agentId;
    }

    /** Its agent is out of reach; what it does is not known. */
    boolean isCutOff() {
      return cutOff && !gone;
    }

    private Survivor survivor() {
      long applied =
          parked.map(Parked::appliedStep).orElseGet(() -> finished.orElseThrow().progress().step());
      // A server has no replica to give.
      boolean replica = finished.filter(f -> f.stateHash().isEmpty()).isEmpty();
      return new Survivor(number, agentId, pid, applied, parked.map(Parked::sound).orElse(replica));
    }

    /** It is not counted on any more, whether or not it has ended yet. */
    void gone() {
      gone = true;
    }

    /** Its process is known to have ended. */
    void ended() {
      gone = true;
      ended = true;
    }

    /** Whether it is known to take part in nothing any more. */
    boolean isStill() {
      return ended || isOut();
    }

    boolean isGone() {
      return gone;
    }
  }

  private final long generation;
  private final List<Placement> placements;
  private final Former former;
  private final Map<Integer, Rank> ranks = new TreeMap<>();

  /**
   * @param hosts by agent
   */
  Formation(long generation, List<Placement> placements, Map<String, String> hosts) {
    this(generation, placements, hosts, new Former(List.of()));
  }

  private Formation(
      long generation, List<Placement> placements, Map<String, String> hosts, Former former) {
    this.generation = generation;
    this.placements = placements;
    this.former = former;
    for (Placement placement : placements) {
      for (int rank : placement.ranks()) {
        String agent = placement.agentId();
        ranks.put(rank, new Rank(rank, agent, hosts.getOrDefault(agent, agent)));
      }
    }
  }

  /** As another coordinator ordered it. */
  static Formation of(FormationRecord record) {
    Map<String, String> hosts = new HashMap<>();
    record.places().forEach(p -> hosts.put(p.agentId(), p.host()));
    return new Formation(
        record.generation(),
        record.places().stream().map(p -> new Placement(p.agentId(), p.ranks())).toList(),
        hosts,
        new Former(record.survivors()));
  }

  /** Where its ranks are, as it is stored. */
  List<Place> places() {
    return placements.stream()
        .map(p -> new Place(p.agentId(), ranks.get(p.ranks().get(0)).host, p.ranks()))
        .toList();
  }

  /** The agents that have ranks of it. */
  List<String> agents() {
    return placements.stream().map(Placement::agentId).distinct().toList();
  }

  long generation() {
    return generation;
  }

  int worldSize() {
    return ranks.size();
  }

  List<Placement> placements() {
    return placements;
  }

  Optional<Rank> rank(int number) {
    return Optional.ofNullable(ranks.get(number));
  }

  boolean all(Predicate<Rank> condition) {
    return ranks.values().stream().allMatch(condition);
  }

  /** The numbers of the ranks for which this holds. */
  List<Integer> which(Predicate<Rank> condition) {
    return ranks.values().stream().filter(condition).map(r -> r.number).toList();
  }

  /**
   * Who of these keeps the others waiting, most likely: one whose process has not started, else one
   * of a host all of whose ranks are among them, else any; of several, the first.
   *
   * @param late some of its ranks, at least one
   */
  int likeliest(List<Integer> late) {
    Set<Integer> these = Set.copyOf(late);
    Set<String> others = new HashSet<>();
    which(r -> !these.contains(r.number)).forEach(n -> others.add(ranks.get(n).agentId));
    return late.stream()
        .filter(number -> ranks.get(number).pid < 0)
        .findFirst()
        .or(() -> late.stream().filter(n -> !others.contains(ranks.get(n).agentId)).findFirst())
        .orElse(late.get(0));
  }

  /** What each rank reported last; all must have finished. */
  List<Finished> allFinished() {
    return ranks.values().stream().map(r -> r.finished.orElseThrow()).toList();
  }

  /** Those that live and have left, as the next formation is decided from them. */
  List<Survivor> survivors() {
    return ranks.values().stream().filter(Rank::isOut).map(Rank::survivor).toList();
  }

  /** Ranks on this agent that still occupy a slot. */
  int slotsHeldOn(String agentId) {
    return (int) ranks.values().stream().filter(r -> r.agentId.equals(agentId) && !r.gone).count();
  }

  /** The slots that its ranks still occupy, those of the lowest rank first. */
  List<Share> shares() {
    Map<String, Integer> held = new LinkedHashMap<>();
    ranks.values().stream()
        .filter(r -> !r.gone)
        .forEach(r -> held.merge(r.agentId, 1, Integer::sum));
    return held.entrySet().stream().map(e -> new Share(e.getKey(), e.getValue())).toList();
  }

  /** The ranks of a lost agent are gone with it. */
  void loseAgent(String agentId) {
    ranks.values().stream().filter(r -> r.agentId.equals(agentId)).forEach(Rank::gone);
  }

  /**
   * Which of its ranks are to be survivors of the formation before.
   *
   * @param pids by rank
   */
  void continues(Formation before, Map<Integer, Long> pids) {
    List<Survivor> survivors = before.survivors();
    pids.forEach(
        (number, pid) -> {
          Rank rank = ranks.get(number);
          rank.was =
              survivors.stream()
                  .filter(s -> s.pid() == pid && s.agentId().equals(rank.agentId))
                  .findFirst();
        });
  }

  /** A process was a rank of an older formation, as its agent tells again. */
  void startedBefore(long before, int number, long pid) {
    if (before < generation) {
      former.started(before, number, pid);
    }
  }

  /**
   * What a rank of an older formation said, as its agent tells again: of how survivors left it only
   * the coordinator knew that has ordered this one.
   */
  void saidBefore(FromRank message) {
    former
        .process(message.generation(), message.rank())
        .ifPresent(
            pid -> {
              Rank old = new Rank(message.rank(), message.agentId(), hostOf(message.agentId()));
              old.startedAs(pid);
              if (message.report() instanceof Parked parked) {
                old.parked(parked);
              } else if (message.report() instanceof Finished finished) {
                old.finished(finished);
              }
              if (old.hasLeft()) {
                becomes(old.survivor());
              }
            });
  }

  private void becomes(Survivor survivor) {
    ranks.values().stream()
        .filter(r -> r.agentId.equals(survivor.agentId()))
        .filter(r -> former.named(r.number).filter(pid -> pid == survivor.pid()).isPresent())
        .forEach(r -> r.was = Optional.of(survivor));
  }

  /**
   * An agent has made no ranks of this formation. Survivors that it was to take over wait there
   * still; the other ranks were never there.
   *
   * @return whether any survivor waits there
   */
  boolean refusedBy(String agentId, String why) {
    return ranks.values().stream()
        .filter(r -> r.agentId.equals(agentId))
        .map(r -> r.stayed(why))
        .reduce(false, Boolean::logicalOr);
  }

  /** An agent has not had the order for its ranks: the survivors among them wait there still. */
  void neverOrdered(String agentId) {
    ranks.values().stream()
        .filter(r -> r.agentId.equals(agentId) && r.was.isPresent())
        .forEach(r -> r.stayed("its order never came"));
  }

  /** A rank that its host has not made one of this formation, by the process that it is. */
  Optional<Rank> stayed(long pid) {
    return ranks.values().stream().filter(r -> r.waits && r.pid == pid && pid >= 0).findFirst();
  }

  /** Whether survivors wait on an agent that has not made them ranks of this formation. */
  boolean waitsOn(String agentId) {
    return ranks.values().stream().anyMatch(r -> r.agentId.equals(agentId) && r.waits && !r.gone);
  }

  /** Which of its ranks a rank on an agent is, or waits there to become; empty when none. */
  Optional<Integer> numberOf(String agentId, RankThere there) {
    if (there.generation() == generation) {
      return Optional.of(there.rank());
    }
    Optional<Long> process = former.process(there.generation(), there.rank());
    return ranks.values().stream()
        .filter(r -> r.waits && r.agentId.equals(agentId))
        .filter(r -> process.filter(pid -> pid == r.pid).isPresent())
        .map(Rank::number)
        .findFirst();
  }

  /** The name of an agent's host. */
  String hostOf(String agentId) {
    return ranks.values().stream()
        .filter(r -> r.agentId.equals(agentId))
        .map(Rank::host)
        .findFirst()
        .orElse(agentId);
  }

  boolean isCutOff(String agentId) {
    return ranks.values().stream().anyMatch(r -> r.agentId.equals(agentId) && r.isCutOff());
  }

  /** It is known again what the ranks of this agent do. */
  void inReach(String agentId) {
    ranks.values().stream().filter(r -> r.agentId.equals(agentId)).forEach(r -> r.cutOff = false);
  }

  /** Nobody knows what the ranks of this agent do. */
  void cutOff(String agentId) {
    ranks.values().stream().filter(r -> r.agentId.equals(agentId)).forEach(r -> r.cutOff = true);
  }

  List<RankProcess> processes() {
    List<RankProcess> processes = new ArrayList<>();
    ranks.forEach((n, r) -> processes.add(new RankProcess(n, r.agentId, r.host, r.pid)));
    return processes;
  }

  /**
   * Puts a ruling into the words that people and files get.
   *
   * @param hasRun whether the job was ready once: what a rank lacks then is no fault of the spec
   */
  Verdict verdict(Blamed blamed, long lastCommittedStep, boolean hasRun) {
    Rank culprit = ranks.get(blamed.rank());
    String host = culprit == null ? "" : culprit.host;
    long pid = culprit == null ? -1 : culprit.pid;
    List<String> lastLines = List.of();
    boolean usage = false;
    if (blamed.by() instanceof Evidence.Exit exit) {
      pid = exit.exit().pid();
      lastLines = exit.exit().lastLines();
    } else if (blamed.by() instanceof Evidence.Complaint complaint) {
      usage = complaint.report().usage() && !hasRun;
    } else if (blamed.by() instanceof Evidence.HostLost lost) {
      host = lost.host();
    }
    return new Verdict(
        blamed.rank(), host, pid, blamed.cause(), generation, lastCommittedStep, lastLines, usage);
  }
}
