package dev.trireme.coordinator.control;

import dev.trireme.api.data.Cursor;
import dev.trireme.api.train.Progress;
import dev.trireme.protocol.AgentToCoordinator;
import dev.trireme.protocol.AgentToCoordinator.FromRank;
import dev.trireme.protocol.AgentToCoordinator.RankExit;
import dev.trireme.protocol.AgentToCoordinator.RankExited;
import dev.trireme.protocol.AgentToCoordinator.RankStarted;
import dev.trireme.protocol.AgentToCoordinator.RegisterAgent;
import dev.trireme.protocol.AgentToCoordinator.SparesReady;
import dev.trireme.protocol.AgentToRank.AbortGeneration;
import dev.trireme.protocol.AgentToRank.Release;
import dev.trireme.protocol.AgentToRank.StopAfterStep;
import dev.trireme.protocol.CoordinatorToAgent;
import dev.trireme.protocol.CoordinatorToAgent.EndRanks;
import dev.trireme.protocol.CoordinatorToAgent.PrepareRanks;
import dev.trireme.protocol.CoordinatorToAgent.StartRanks;
import dev.trireme.protocol.CoordinatorToAgent.TellRanks;
import dev.trireme.protocol.RankReport;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;

/**
 * Agents with ranks that are made up and train nothing: they start, are ready, take some steps, and
 * finish, or stop, park and end as they are told. Notices when more ranks are on an agent than it
 * has slots, and when a job trains in two formations at once.
 */
final class Fleet {
  /** A rank's process. */
  static final class Proc {
    final long pid;
    final String agent;
    final String job;
    long generation;
    int rank;
    int worldSize;
    int stepsLeft;
    boolean ready;
    boolean stop;
    boolean out;

    Proc(long pid, String agent, String job) {
      this.pid = pid;
      this.agent = agent;
      this.job = job;
    }
  }

  private final Random random;
  private final Map<String, Integer> slots = new TreeMap<>();
  private final Set<String> away = new HashSet<>();
  private final Map<Long, Proc> processes = new TreeMap<>();
  private final Deque<AgentToCoordinator> said = new ArrayDeque<>();
  private final Map<String, Long> newest = new HashMap<>();
  private final Set<String> over = new HashSet<>();
  private long pids = 1000;
  private long highestTerm;

  Fleet(Random random, Map<String, Integer> slots) {
    this.random = random;
    this.slots.putAll(slots);
  }

  List<String> agents() {
    return List.copyOf(slots.keySet());
  }

  boolean isAway(String agent) {
    return away.contains(agent);
  }

  /** It has ended, as everybody was told: none of its ranks must start any more. */
  void isOver(String job) {
    over.add(job);
  }

  int processes() {
    return processes.size();
  }

  RegisterAgent registration(String agent) {
    away.remove(agent);
    return new RegisterAgent(agent, "host-" + agent, slots.get(agent), 0, highestTerm, 0);
  }

  /** The machine is gone, with all that it ran and had to say. */
  void kill(String agent) {
    away.add(agent);
    processes.values().removeIf(p -> p.agent.equals(agent));
    said.removeIf(m -> m.agentId().equals(agent));
  }

  /** Something that an agent says. */
  Optional<AgentToCoordinator> next() {
    return Optional.ofNullable(said.poll());
  }

  /** An agent hears something. */
  void obey(String agent, CoordinatorToAgent command) {
    highestTerm = Math.max(highestTerm, command.stamp().term());
    if (away.contains(agent)) {
      return;
    }
    if (command instanceof StartRanks start) {
      start(agent, start);
    } else if (command instanceof EndRanks end) {
      on(agent, end.jobId()).stream()
          .filter(p -> end.ranks().isEmpty() || end.ranks().contains(p.rank))
          .forEach(p -> exit(p, 143, true));
    } else if (command instanceof PrepareRanks prepare) {
      said.add(new SparesReady(agent, prepare.jobId(), prepare.count()));
    } else if (command instanceof TellRanks tell) {
      for (Proc p : on(agent, tell.jobId())) {
        tell(p, tell);
      }
    }
  }

  private void tell(Proc p, TellRanks tell) {
    if (tell.command() instanceof StopAfterStep) {
      p.stop = true;
    } else if (tell.command() instanceof Release && p.out) {
      exit(p, 0, true);
    } else if (tell.command() instanceof AbortGeneration && !p.out) {
      p.out = true;
      report(p, new RankReport.Parked(1, p.ready, "aborted", -1));
    }
  }

  private void start(String agent, StartRanks start) {
    if (over.contains(start.jobId())) {
      throw new AssertionError(start.jobId() + " had ended and is to run again");
    }
    Map<Integer, Proc> seats = new HashMap<>();
    for (Proc p : on(agent, start.jobId())) {
      var seat = start.survivors().stream().filter(s -> s.pid() == p.pid).findAny();
      if (seat.isPresent()) {
        seats.put(seat.get().rank(), p);
      } else {
        exit(p, 137, true);
      }
    }
    newest.put(start.jobId(), start.stamp().generation());
    for (int rank : start.ranks()) {
      Proc p = seats.getOrDefault(rank, new Proc(pids++, agent, start.jobId()));
      p.generation = start.stamp().generation();
      p.rank = rank;
      p.worldSize = start.worldSize();
      p.stepsLeft = 3;
      p.ready = false;
      p.stop = false;
      p.out = false;
      processes.put(p.pid, p);
      said.add(new RankStarted(agent, p.job, p.generation, rank, p.pid));
    }
    long there = processes.values().stream().filter(p -> p.agent.equals(agent)).count();
    if (there > slots.get(agent)) {
      throw new AssertionError(there + " ranks on " + agent + ", of " + slots.get(agent));
    }
  }

  /** Some rank does the next thing that it has to do. */
  void step() {
    List<Proc> all = new ArrayList<>(processes.values());
    if (all.isEmpty()) {
      return;
    }
    Proc p = all.get(random.nextInt(all.size()));
    List<Proc> peers =
        all.stream().filter(q -> q.job.equals(p.job) && q.generation == p.generation).toList();
    if (p.out) {
      return;
    }
    if (!p.ready) {
      p.ready = true;
      report(p, new RankReport.Ready(Progress.START, "", 20, 10, 2, 1000));
    } else if (peers.size() == p.worldSize && peers.stream().allMatch(q -> q.ready && !q.out)) {
      train(p, peers);
    }
  }

  private void train(Proc p, List<Proc> peers) {
    if (p.generation != newest.get(p.job)) {
      throw new AssertionError(p.job + " trains in generation " + p.generation + " beside a newer");
    }
    boolean stop = peers.stream().anyMatch(q -> q.stop);
    boolean done = --p.stepsLeft <= 0;
    report(p, new RankReport.Committed(3 - p.stepsLeft, Cursor.START, 100, 1, 1, 1, 0, 0, 0));
    if (stop || done) {
      for (Proc q : peers) {
        q.out = true;
        report(q, finished(!done));
      }
    }
  }

  private static RankReport finished(boolean stopped) {
    return new RankReport.Finished(
        new Progress(5, new Cursor(0, 500)), 0, stopped, Map.of(), "aa", Double.NaN);
  }

  /** Some rank is killed. */
  void killSomeRank() {
    List<Proc> all = new ArrayList<>(processes.values());
    if (!all.isEmpty()) {
      exit(all.get(random.nextInt(all.size())), 137, false);
    }
  }

  private void exit(Proc p, int code, boolean expected) {
    processes.remove(p.pid);
    RankExit exit = new RankExit(p.pid, code, expected, "exit code " + code, List.of());
    said.add(new RankExited(p.agent, p.job, p.generation, p.rank, exit));
  }

  private void report(Proc p, RankReport report) {
    said.add(new FromRank(p.agent, p.job, p.generation, p.rank, report));
  }

  private List<Proc> on(String agent, String job) {
    return processes.values().stream()
        .filter(p -> p.agent.equals(agent) && p.job.equals(job))
        .toList();
  }
}
