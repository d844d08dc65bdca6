package dev.trireme.coordinator.life;

import static org.assertj.core.api.Assertions.assertThat;

import dev.trireme.api.data.Cursor;
import dev.trireme.api.job.FailurePolicySpec;
import dev.trireme.api.train.Progress;
import dev.trireme.coordinator.CoordinatorConfig.Timing;
import dev.trireme.coordinator.JobEvent;
import dev.trireme.coordinator.Jobs;
import dev.trireme.coordinator.schedule.AgentRoom;
import dev.trireme.coordinator.schedule.Reformation;
import dev.trireme.coordinator.schedule.Scheduler;
import dev.trireme.coordinator.schedule.Scheduler.AgentSlots;
import dev.trireme.coordinator.schedule.SchedulingDecision;
import dev.trireme.coordinator.schedule.SchedulingDecision.Form;
import dev.trireme.coordinator.schedule.WaitingJob;
import dev.trireme.protocol.AgentToCoordinator.FromRank;
import dev.trireme.protocol.AgentToCoordinator.RankExit;
import dev.trireme.protocol.AgentToRank.AbortGeneration;
import dev.trireme.protocol.AgentToRank.Release;
import dev.trireme.protocol.AgentToRank.StopAfterStep;
import dev.trireme.protocol.CoordinatorToAgent;
import dev.trireme.protocol.CoordinatorToAgent.EndRanks;
import dev.trireme.protocol.CoordinatorToAgent.PrepareRanks;
import dev.trireme.protocol.CoordinatorToAgent.StartRanks;
import dev.trireme.protocol.CoordinatorToAgent.TellRanks;
import dev.trireme.protocol.JobState;
import dev.trireme.protocol.RankReport;
import dev.trireme.protocol.Stamp;
import dev.trireme.protocol.StateSource;
import dev.trireme.protocol.Stored.JobRecord;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;

/**
 * Agents and ranks that are made up, around one true {@link JobRun}: a seed decides who dies,
 * freezes, leaves and joins when, and how late, how often and in which order each message arrives.
 * Whatever happens, it holds the run to its promises.
 */
final class World implements JobEffects {
  private static final long STEPS = 12;

  /** What a message may be late by. */
  private static final Duration SOON = Duration.ofSeconds(5);

  /** A rank's process. */
  private static final class Proc {
    final long pid;
    final String agent;
    long generation;
    int rank;
    int worldSize;
    StateSource source;
    boolean training;
    boolean out;
    boolean frozen;
    boolean stop;
    boolean sound;
    long applied;

    Proc(long pid, String agent) {
      this.pid = pid;
      this.agent = agent;
    }
  }

  private final Random random;
  private final FakeTime time = new FakeTime();
  private final Map<String, Integer> agents = new TreeMap<>();
  private final Map<String, Stamp> obeyed = new HashMap<>();
  private final Map<Long, Proc> processes = new TreeMap<>();
  private final List<Runnable> messages = new ArrayList<>();
  private final Set<Long> formations = new HashSet<>();
  private final JobRun run;
  private long generation;
  private long pids = 100;
  private long committed;
  private long checkpoint;
  private boolean stateLost;
  private boolean quiet;
  private String lastReason = "";

  World(long seed) {
    random = new Random(seed);
    int min = 1 + random.nextInt(3);
    int max = min + random.nextInt(3);
    FailurePolicySpec policy =
        new FailurePolicySpec(
            random.nextInt(40), 600, random.nextInt(20), random.nextInt(3), 5, random.nextInt(3));
    JobRecord record = Jobs.record("job-1", 1, 1, JobState.QUEUED, Jobs.spec(min, max, policy));
    run = new JobRun(record, Timing.DEFAULT, time, this);
    agents.put("a", 1 + random.nextInt(5));
    run.accept();
  }

  /** Lives through a random history and then in peace until nothing moves any more. */
  void live() {
    int events = 20 + random.nextInt(120);
    for (int i = 0; i < events && !run.state().isFinal(); i++) {
      mishap();
      move();
    }
    quiet = true;
    processes.values().forEach(p -> p.frozen = false);
    for (int i = 0; i < 3000 && !run.state().isFinal() && !isStill(); i++) {
      move();
    }
    if (!run.state().isFinal()) {
      boolean waits = run.state() == JobState.QUEUED || run.state() == JobState.RECOVERING;
      assertThat(waits && lastReason.startsWith("needs "))
          .as("ended, or waits with a reason: %s, %s", run.state(), lastReason)
          .isTrue();
    }
  }

  private boolean isStill() {
    return messages.isEmpty()
        && run.nextDeadline().isEmpty()
        && processes.values().stream().allMatch(p -> p.out);
  }

  private void mishap() {
    switch (random.nextInt(12)) {
      case 0 -> any().ifPresent(p -> die(p, 137));
      case 1 -> any().ifPresent(p -> p.frozen = true);
      case 2 -> any().ifPresent(p -> p.frozen = false);
      case 3 -> agents.putIfAbsent(random.nextBoolean() ? "a" : "b", 1 + random.nextInt(5));
      case 4 -> {
        if (random.nextInt(4) == 0) {
          loseAgent(random.nextBoolean() ? "a" : "b");
        }
      }
      case 5 -> {
        var workers = run.record().job().parallel().workers();
        run.scale(workers.min() + random.nextInt(workers.max() - workers.min() + 1));
      }
      default -> {
        // Most of the time nothing happens.
      }
    }
  }

  private void loseAgent(String agent) {
    if (agents.remove(agent) != null) {
      obeyed.remove(agent);
      processes.values().removeIf(p -> p.agent.equals(agent));
      noteLoss();
      run.onAgentLost(agent, agent);
    }
  }

  private Optional<Proc> any() {
    List<Proc> all = List.copyOf(processes.values());
    return all.isEmpty() ? Optional.empty() : Optional.of(all.get(random.nextInt(all.size())));
  }

  private void die(Proc p, int code) {
    processes.remove(p.pid);
    noteLoss();
    long gen = p.generation;
    int rank = p.rank;
    RankExit exit = new RankExit(p.pid, code, code == 0, "exit code " + code, List.of());
    say(() -> run.onExited(gen, rank, exit));
  }

  /** Whether somebody still holds what is committed. */
  private void noteLoss() {
    stateLost |= processes.values().stream().noneMatch(p -> p.sound && p.applied >= committed);
  }

  private void move() {
    if (!messages.isEmpty() && random.nextInt(4) > 0) {
      // Any of the next few: some are late, some overtake others.
      messages.remove(random.nextInt(Math.min(messages.size(), 4))).run();
    } else if (random.nextInt(3) > 0) {
      step();
    } else {
      // Messages are late, but not by as long as it takes to give a rank up for not having come.
      Optional<Duration> next = run.nextDeadline();
      while (next.filter(wait -> wait.compareTo(SOON) > 0).isPresent() && !messages.isEmpty()) {
        messages.remove(0).run();
      }
      next.ifPresent(time::pass);
      run.onTime();
    }
    schedule();
    check();
  }

  private void say(Runnable message) {
    messages.add(message);
    if (!quiet && random.nextInt(8) == 0) {
      messages.add(message);
    }
  }

  /** As the coordinator's control does it. */
  private void schedule() {
    List<AgentSlots> free = new ArrayList<>();
    agents.forEach(
        (id, slots) -> free.add(new AgentSlots(id, id, Math.max(0, slots - run.slotsHeldOn(id)))));
    Optional<SchedulingDecision> decision = Optional.empty();
    if (run.wantsFormation()) {
      decision = Optional.of(Reformation.decide(run.situation(free)));
    } else if (run.state() == JobState.QUEUED) {
      var job = new WaitingJob("job-1", run.record().job().parallel().workers());
      List<AgentRoom> rooms =
          free.stream()
              .map(a -> new AgentRoom(a.agentId(), a.host(), a.total(), a.free()))
              .toList();
      decision =
          Scheduler.decide(new Scheduler.Situation(List.of(job), List.of(), rooms, 0))
              .decisions()
              .stream()
              .findFirst();
    }
    decision.ifPresent(
        d -> {
          if (d instanceof Form form) {
            Map<String, String> hosts = new HashMap<>();
            agents.keySet().forEach(a -> hosts.put(a, a));
            run.form(form, hosts, ++generation, generation);
          } else {
            run.waitBecause(d.reason());
          }
        });
  }

  /** One rank gets on with what it does. */
  private void step() {
    any().filter(p -> !p.frozen && !p.out).ifPresent(this::step);
  }

  private void step(Proc p) {
    List<Proc> peers = new ArrayList<>();
    for (Proc each : processes.values()) {
      if (each.generation == p.generation) {
        peers.add(each);
      }
    }
    boolean broken =
        peers.size() < p.worldSize && formations.contains(p.generation)
            || peers.stream().anyMatch(q -> q.frozen || q.out && !p.stop);
    if (broken) {
      park(p, random.nextBoolean() ? -1 : random.nextInt(p.worldSize));
    } else if (!p.training) {
      start(p, peers);
    } else if (peers.stream().allMatch(q -> q.training)) {
      train(peers);
    }
  }

  private void start(Proc p, List<Proc> peers) {
    long from = checkpoint;
    if (p.source.kind() == StateSource.Kind.RANK) {
      Proc root = peers.stream().filter(q -> q.rank == p.source.rank()).findAny().orElseThrow();
      assertThat(root.sound).as("the source of state is sound").isTrue();
      from = root.applied;
    } else if (p.source.kind() == StateSource.Kind.JOB) {
      from = 0;
    }
    assertThat(stateLost || from >= committed)
        .as("step %d goes on, %d is committed and not lost", from, committed)
        .isTrue();
    if (stateLost && p.source.kind() != StateSource.Kind.RANK) {
      committed = from;
    }
    p.applied = from;
    p.sound = true;
    p.training = true;
    if (peers.stream().allMatch(q -> q.training)) {
      stateLost = false;
    }
    Progress progress = new Progress(from, Cursor.START);
    report(p, new RankReport.Ready(progress, "", STEPS, 10, 2, 1));
  }

  /** All apply one more step, or are torn apart in the middle of it. */
  private void train(List<Proc> peers) {
    committed = Math.max(committed, peers.stream().mapToLong(q -> q.applied).min().orElse(0));
    checkpoint = random.nextInt(4) == 0 ? committed : checkpoint;
    boolean stop = peers.stream().anyMatch(q -> q.stop);
    boolean done = peers.get(0).applied >= STEPS;
    for (Proc q : peers) {
      if (done || stop) {
        q.out = true;
        report(
            q,
            new RankReport.Finished(
                new Progress(q.applied, Cursor.START), 1, !done, Map.of(), "h" + q.applied, 1));
      } else {
        q.applied++;
        if (q.rank == 0) {
          report(q, new RankReport.Committed(q.applied - 1, Cursor.START, 1, 1, 1, 1, 0, 0, 0));
        }
        if (!quiet && random.nextInt(40) == 0) {
          die(q, 137);
          return;
        }
      }
    }
  }

  private void park(Proc p, int suspect) {
    p.out = true;
    p.training = false;
    report(p, new RankReport.Parked(p.applied, p.sound, "waited for " + suspect, suspect));
  }

  private void report(Proc p, RankReport report) {
    FromRank message = new FromRank(p.agent, "job-1", p.generation, p.rank, report);
    say(() -> run.onReport(message));
  }

  /** No rank is there twice, and a process is one rank. */
  private void check() {
    Set<Long> seats = new HashSet<>();
    for (Proc p : processes.values()) {
      if (!seats.add(p.generation << 8 | p.rank)) {
        throw new AssertionError("two processes are rank " + p.rank + " of " + p.generation);
      }
    }
  }

  @Override
  public void tell(String agent, CoordinatorToAgent command) {
    say(
        () -> {
          Stamp last = obeyed.get(agent);
          boolean over = last != null && command.stamp().compareTo(last) < 0;
          if (agents.containsKey(agent) && !over) {
            obeyed.put(agent, command.stamp());
            obey(agent, command);
          }
        });
  }

  private void obey(String agent, CoordinatorToAgent command) {
    if (command instanceof StartRanks start) {
      startRanks(agent, start);
    } else if (command instanceof EndRanks end) {
      for (Proc p : on(agent)) {
        if (end.ranks().isEmpty() || end.ranks().contains(p.rank)) {
          die(p, 137);
        }
      }
    } else if (command instanceof PrepareRanks prepare) {
      say(() -> run.onSpares(agent, prepare.count()));
    } else if (command instanceof TellRanks tell) {
      for (Proc p : on(agent)) {
        if (tell.command() instanceof StopAfterStep) {
          p.stop = true;
        } else if (tell.command() instanceof Release && p.out) {
          die(p, 0);
        } else if (tell.command() instanceof AbortGeneration && !p.out && !p.frozen) {
          park(p, -1);
        }
      }
    }
  }

  private void startRanks(String agent, StartRanks start) {
    long gen = start.stamp().generation();
    if (!formations.add(gen)) {
      return; // Sent twice.
    }
    Map<Integer, Proc> seats = new HashMap<>();
    for (Proc p : on(agent)) {
      var seat = start.survivors().stream().filter(s -> s.pid() == p.pid).findAny();
      if (seat.isPresent()) {
        seats.put(seat.get().rank(), p);
      } else {
        die(p, 137);
      }
    }
    for (int rank : start.ranks()) {
      if (!seats.containsKey(rank) && start.survivors().stream().anyMatch(s -> s.rank() == rank)) {
        RankExit gone = new RankExit(-1, -1, false, "gone before", List.of());
        say(() -> run.onExited(gen, rank, gone));
        continue;
      }
      Proc p = seats.getOrDefault(rank, new Proc(pids++, agent));
      p.generation = gen;
      p.rank = rank;
      p.worldSize = start.worldSize();
      p.source = start.source();
      p.training = false;
      p.out = false;
      p.stop = false;
      processes.put(p.pid, p);
      say(() -> run.onStarted(gen, rank, p.pid));
    }
  }

  private List<Proc> on(String agent) {
    return processes.values().stream().filter(p -> p.agent.equals(agent)).toList();
  }

  @Override
  public long term() {
    return 1;
  }

  @Override
  public void store(JobRecord record) {
    assertThat(record.generations())
        .extracting(g -> g.generation())
        .isSorted()
        .doesNotHaveDuplicates();
    lastReason = record.reason();
  }

  @Override
  public void publish(JobEvent event) {
    if (event instanceof JobEvent.StateChanged changed) {
      assertThat(changed.reason()).isNotBlank();
      lastReason = changed.reason();
    }
  }

  JobState state() {
    return run.state();
  }
}
