package dev.trireme.coordinator.control;

import dev.trireme.coordinator.ClusterProbe;
import dev.trireme.coordinator.CoordinatorException;
import dev.trireme.coordinator.life.Time;
import dev.trireme.protocol.AgentToCoordinator.ProbeDone;
import dev.trireme.protocol.AgentToCoordinator.ProbeOpened;
import dev.trireme.protocol.CoordinatorToAgent;
import dev.trireme.protocol.CoordinatorToAgent.OpenProbe;
import dev.trireme.protocol.CoordinatorToAgent.RunProbe;
import dev.trireme.protocol.Probe;
import dev.trireme.protocol.Stamp;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.function.BiConsumer;
import java.util.function.LongSupplier;

/**
 * Has all hosts probe the ways to each other: each opens a port and says where; once all have, or a
 * few seconds later, each measures the ways to the others, beginning with the one after it, so that
 * each is measured by one at a time. Who does not answer in time is told of.
 *
 * <p>Threading: the coordinator's thread.
 */
final class Probing {
  private static final Duration OPENING = Duration.ofSeconds(Probe.OPENING_SECONDS);
  private static final Duration RUNNING = Duration.ofSeconds(Probe.RUNNING_SECONDS);
  private static final Duration EACH = Duration.ofSeconds(Probe.EACH_SECONDS);

  private static final class Round {
    final long number;
    final Map<String, String> hosts;
    final Map<String, ProbeOpened> opened = new TreeMap<>();
    final Map<String, ProbeDone> done = new TreeMap<>();
    final CompletableFuture<ClusterProbe> answer = new CompletableFuture<>();
    boolean running;
    long end;

    Round(long number, Map<String, String> hosts) {
      this.number = number;
      this.hosts = new TreeMap<>(hosts);
    }
  }

  private final Time time;
  private final LongSupplier secrets;
  private final BiConsumer<String, CoordinatorToAgent> out;
  private final LongSupplier term;
  private Optional<Round> round = Optional.empty();
  private long last;

  /**
   * @param secrets yields unguessable numbers
   * @param out sends a command to an agent
   * @param term that commands are given under
   */
  Probing(
      Time time,
      LongSupplier secrets,
      BiConsumer<String, CoordinatorToAgent> out,
      LongSupplier term) {
    this.time = time;
    this.secrets = secrets;
    this.out = out;
    this.term = term;
  }

  /**
   * Starts a probe, or gives the one that is under way.
   *
   * @param hosts names by agent
   */
  CompletableFuture<ClusterProbe> start(Map<String, String> hosts) {
    if (round.isPresent()) {
      return round.get().answer;
    }
    if (hosts.isEmpty() || hosts.size() > Probe.MAX_HOSTS) {
      throw new CoordinatorException(
          "can probe 1 to " + Probe.MAX_HOSTS + " hosts, found " + hosts.size());
    }
    Round begun = new Round(++last, hosts);
    round = Optional.of(begun);
    begun.end = time.nanos() + OPENING.toNanos();
    long secret = secrets.getAsLong();
    begun.hosts.keySet().forEach(a -> out.accept(a, new OpenProbe(stamp(), last, secret)));
    return begun.answer;
  }

  private Stamp stamp() {
    return new Stamp(term.getAsLong(), 0);
  }

  void onOpened(ProbeOpened message) {
    round
        .filter(r -> r.number == message.probe() && !r.running)
        .ifPresent(
            r -> {
              r.opened.put(message.agentId(), message);
              if (r.opened.size() == r.hosts.size()) {
                run(r);
              }
            });
  }

  private void run(Round r) {
    r.running = true;
    List<Probe.Target> targets =
        r.opened.values().stream()
            .filter(o -> o.failure().isEmpty())
            .map(o -> new Probe.Target(o.agentId(), o.address()))
            .toList();
    for (int i = 0; i < targets.size(); i++) {
      List<Probe.Target> others = new ArrayList<>(targets.subList(i + 1, targets.size()));
      others.addAll(targets.subList(0, i));
      out.accept(targets.get(i).agentId(), new RunProbe(stamp(), r.number, others));
    }
    r.end = time.nanos() + RUNNING.plus(EACH.multipliedBy(targets.size())).toNanos();
    endIfDone(r);
  }

  void onDone(ProbeDone message) {
    round
        .filter(r -> r.number == message.probe() && r.running)
        .ifPresent(
            r -> {
              r.done.put(message.agentId(), message);
              endIfDone(r);
            });
  }

  private void endIfDone(Round r) {
    long expected = r.opened.values().stream().filter(o -> o.failure().isEmpty()).count();
    if (r.done.size() >= expected) {
      finish(r);
    }
  }

  private void finish(Round r) {
    List<ClusterProbe.Host> all = new ArrayList<>();
    r.hosts.forEach(
        (agentId, name) -> {
          Optional<ProbeOpened> opened = Optional.ofNullable(r.opened.get(agentId));
          Optional<ProbeDone> done = Optional.ofNullable(r.done.get(agentId));
          String failure =
              opened
                  .map(o -> done.isPresent() ? "" : "has not told what it measured in time")
                  .orElse("has not answered in time");
          all.add(
              new ClusterProbe.Host(
                  agentId,
                  name,
                  opened.map(ProbeOpened::host),
                  done.map(ProbeDone::ways).orElse(List.of()),
                  opened.map(ProbeOpened::failure).filter(f -> !f.isEmpty()).orElse(failure)));
        });
    round = Optional.empty();
    r.answer.complete(new ClusterProbe(all));
  }

  /** How long until {@link #onTime} is to be called; empty when nothing is waited for. */
  Optional<Duration> nextDeadline() {
    return round.map(r -> Duration.ofNanos(Math.max(0, r.end - time.nanos())));
  }

  /** Acts on the wait that is over. */
  void onTime() {
    round
        .filter(r -> r.end - time.nanos() <= 0)
        .ifPresent(
            r -> {
              if (r.running) {
                finish(r);
              } else {
                run(r);
              }
            });
  }
}
