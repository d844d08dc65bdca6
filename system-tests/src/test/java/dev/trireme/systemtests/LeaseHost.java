package dev.trireme.systemtests;

import dev.trireme.api.data.Cursor;
import dev.trireme.api.train.Progress;
import dev.trireme.protocol.AgentToCoordinator;
import dev.trireme.protocol.AgentToCoordinator.FromRank;
import dev.trireme.protocol.AgentToCoordinator.RankExit;
import dev.trireme.protocol.AgentToCoordinator.RankExited;
import dev.trireme.protocol.AgentToCoordinator.RankStarted;
import dev.trireme.protocol.AgentToCoordinator.RegisterAgent;
import dev.trireme.protocol.AgentToRank;
import dev.trireme.protocol.CoordinatorToAgent;
import dev.trireme.protocol.CoordinatorToAgent.AgentAccepted;
import dev.trireme.protocol.CoordinatorToAgent.EndRanks;
import dev.trireme.protocol.CoordinatorToAgent.Heard;
import dev.trireme.protocol.CoordinatorToAgent.StartRanks;
import dev.trireme.protocol.CoordinatorToAgent.TellRanks;
import dev.trireme.protocol.RankReport;
import dev.trireme.protocol.Stamp;
import dev.trireme.protocol.StateSource;
import dev.trireme.worker.agent.plane.Session;
import dev.trireme.worker.channel.StampGuard;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.function.BiPredicate;
import java.util.function.Consumer;
import java.util.function.LongSupplier;

/** A host of {@link LeaseWorld}: an agent's session and made-up ranks. */
final class LeaseHost {
  /** Hears of each step that ranks commit. */
  @FunctionalInterface
  interface Commits {
    void committed(String jobId, long generation, long step);
  }

  private static final AgentToRank ABORT =
      new AgentToRank.AbortGeneration(new Stamp(1, 0), "a collective has failed");

  private static final class Rank {
    final long pid;
    String jobId;
    long generation;
    int rank;
    int worldSize;
    StateSource source;
    boolean training;
    boolean out;
    boolean stop;
    long applied;

    Rank(long pid) {
      this.pid = pid;
    }
  }

  private final String name;
  private final LongSupplier clock;
  private final Commits commits;
  private final Map<String, Long> checkpoints = new HashMap<>();
  private final List<Rank> ranks = new ArrayList<>();
  private Session session;
  private StampGuard guard = new StampGuard();
  private int runs;
  private long pids;
  private Optional<Long> registeredAt = Optional.empty();

  LeaseHost(String name, LongSupplier clock, Commits commits) {
    this.name = name;
    this.clock = clock;
    this.commits = commits;
    this.session = new Session(name, "run-0");
  }

  String name() {
    return name;
  }

  /** The cluster has given it up: its ranks end, and it begins again. */
  void joinAnew() {
    ranks.clear();
    guard = new StampGuard();
    session = new Session(name, "run-" + ++runs);
    registeredAt = Optional.empty();
  }

  /** One of its ranks is killed. */
  void killOne() {
    if (!ranks.isEmpty()) {
      exit(ranks.get(0), 137, false);
    }
  }

  private void exit(Rank r, int code, boolean expected) {
    ranks.remove(r);
    RankExit exit = new RankExit(r.pid, code, expected, "exit code " + code, List.of());
    session.say(new RankExited(name, r.jobId, r.generation, r.rank, exit));
  }

  /** Time has passed. */
  void pass(Duration registers, Consumer<AgentToCoordinator> out) {
    long now = clock.getAsLong();
    session.onTime(now).forEach(this::obey);
    if (registeredAt.filter(at -> now - at < registers.toNanos()).isEmpty()) {
      registeredAt = Optional.of(now);
      RegisterAgent agent =
          new RegisterAgent(name, name, 2, 2, guard.highestTerm(), guard.highestGeneration());
      out.accept(session.registration(agent, now));
    }
    session.due(now).forEach(out);
  }

  void obey(CoordinatorToAgent command) {
    if (command instanceof AgentAccepted accepted) {
      if (guard.admit(accepted.stamp()).isEmpty()) {
        session.onAccepted(accepted, clock.getAsLong());
      }
    } else if (command instanceof Heard heard) {
      session.onHeard(heard, clock.getAsLong());
    } else if (command instanceof StartRanks start) {
      if (guard.admit(start.jobId(), start.stamp()).isEmpty()) {
        start(start);
      }
    } else if (command instanceof TellRanks tell) {
      if (guard.admit(tell.jobId(), tell.stamp()).isEmpty()) {
        of(tell.jobId(), tell.ranks()).forEach(r -> obey(r, tell.command()));
      }
    } else if (command instanceof EndRanks end && guard.admit(end.jobId(), end.stamp()).isEmpty()) {
      of(end.jobId(), end.ranks()).forEach(r -> exit(r, 137, true));
    }
  }

  private List<Rank> of(String jobId, List<Integer> numbers) {
    return ranks.stream()
        .filter(r -> r.jobId.equals(jobId))
        .filter(r -> numbers.isEmpty() || numbers.contains(r.rank))
        .toList();
  }

  private void obey(Rank r, AgentToRank command) {
    if (command instanceof AgentToRank.StopAfterStep) {
      r.stop = true;
    } else if (command instanceof AgentToRank.AbortGeneration && !r.out) {
      r.out = true;
      report(r, new RankReport.Parked(r.applied, r.training, "aborted", -1));
    } else if (command instanceof AgentToRank.Release) {
      exit(r, 0, true);
    }
  }

  private void start(StartRanks start) {
    long generation = start.stamp().generation();
    for (Rank old : of(start.jobId(), List.of())) {
      boolean survives = start.survivors().stream().anyMatch(s -> s.pid() == old.pid);
      if (old.generation < generation && !survives) {
        exit(old, 0, true);
      }
    }
    for (int number : start.ranks()) {
      if (of(start.jobId(), List.of(number)).stream().anyMatch(r -> r.generation == generation)) {
        continue;
      }
      Optional<Rank> survivor =
          start.survivors().stream()
              .filter(s -> s.rank() == number)
              .flatMap(s -> ranks.stream().filter(r -> r.pid == s.pid()))
              .findFirst();
      Rank r = survivor.orElseGet(() -> new Rank(name.charAt(0) * 1_000_000L + ++pids));
      if (survivor.isEmpty()) {
        ranks.add(r);
      }
      r.jobId = start.jobId();
      r.generation = generation;
      r.rank = number;
      r.worldSize = start.worldSize();
      r.source = start.source();
      r.training = false;
      r.out = false;
      r.stop = false;
      session.say(new RankStarted(name, r.jobId, generation, number, r.pid));
    }
  }

  private void report(Rank r, RankReport report) {
    session.say(new FromRank(name, r.jobId, r.generation, r.rank, report));
  }

  /** Formations whose ranks reach each other get on with what they do. */
  static void step(Collection<LeaseHost> hosts, Random random, BiPredicate<String, String> reach) {
    Map<String, List<Rank>> formations = new HashMap<>();
    Map<Rank, LeaseHost> owners = new HashMap<>();
    for (LeaseHost host : hosts) {
      for (Rank r : host.ranks) {
        owners.put(r, host);
        formations.computeIfAbsent(r.jobId + "/" + r.generation, k -> new ArrayList<>()).add(r);
      }
    }
    for (List<Rank> all : formations.values()) {
      List<LeaseHost> on = all.stream().map(owners::get).distinct().toList();
      boolean together =
          on.stream().allMatch(x -> on.stream().allMatch(y -> reach.test(x.name, y.name)));
      boolean whole = all.size() == all.get(0).worldSize && all.stream().noneMatch(r -> r.out);
      if (whole && together) {
        step(all, owners, hosts);
      } else if (random.nextInt(10) == 0) {
        // A collective that broke, or misses its deadline.
        all.stream().filter(r -> !r.out).forEach(r -> owners.get(r).obey(r, ABORT));
      }
    }
  }

  private static void step(
      List<Rank> all, Map<Rank, LeaseHost> owners, Collection<LeaseHost> hosts) {
    Rank first = all.get(0);
    if (all.stream().noneMatch(r -> r.training)) {
      long from =
          first.source.kind() == StateSource.Kind.RANK
              ? all.stream().filter(r -> r.rank == first.source.rank()).findAny().get().applied
              : hosts.stream()
                  .mapToLong(h -> h.checkpoints.getOrDefault(first.jobId, 0L))
                  .max()
                  .orElse(0);
      for (Rank r : all) {
        r.training = true;
        r.applied = from;
        owners.get(r).report(r, ready(from));
      }
      return;
    }
    boolean stop = all.stream().anyMatch(r -> r.stop);
    boolean done = first.applied >= LeaseWorld.STEPS;
    if (!done) {
      all.forEach(r -> r.applied++);
      owners.get(first).commits.committed(first.jobId, first.generation, first.applied);
      owners.get(first).checkpoints.put(first.jobId, first.applied);
    }
    for (Rank r : all) {
      LeaseHost host = owners.get(r);
      if (r.rank == 0) {
        host.report(r, new RankReport.Committed(r.applied, Cursor.START, 1, 1, 0.1, 1, 1, 0, 0));
      }
      if (stop || done) {
        r.out = true;
        host.report(
            r,
            new RankReport.Finished(
                new Progress(r.applied, Cursor.START), 0, stop && !done, Map.of(), "h", 1));
      }
    }
  }

  private static RankReport ready(long from) {
    return new RankReport.Ready(new Progress(from, Cursor.START), "", LeaseWorld.STEPS, 1000, 1, 1);
  }

  @Override
  public String toString() {
    StringBuilder text = new StringBuilder("\nhost " + name);
    ranks.forEach(
        r ->
            text.append(
                " [%s g%d rank %d step %d%s%s]"
                    .formatted(
                        r.jobId,
                        r.generation,
                        r.rank,
                        r.applied,
                        r.training ? " trains" : "",
                        r.out ? " out" : "")));
    return text.toString();
  }
}
