package dev.trireme.worker.agent;

import static org.assertj.core.api.Assertions.assertThat;

import dev.trireme.protocol.AgentToCoordinator;
import dev.trireme.protocol.AgentToCoordinator.FromRank;
import dev.trireme.protocol.AgentToCoordinator.RankExit;
import dev.trireme.protocol.AgentToCoordinator.RankExited;
import dev.trireme.protocol.AgentToCoordinator.RankStarted;
import dev.trireme.protocol.AgentToCoordinator.RegisterAgent;
import dev.trireme.protocol.AgentToRank;
import dev.trireme.protocol.CoordinatorToAgent;
import dev.trireme.protocol.RankReport;
import dev.trireme.protocol.Stamp;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.function.Predicate;
import java.util.function.Supplier;

/** A coordinator in the test's own hands. */
final class TestCoordinator implements CoordinatorLink {
  static final Stamp STAMP = new Stamp(1, 1);
  static final String JOB = "job-1";
  private static final Duration DEADLINE = Duration.ofSeconds(20);

  private final LinkedBlockingQueue<AgentToCoordinator> heard = new LinkedBlockingQueue<>();
  private final List<AgentToCoordinator> unread = new ArrayList<>();
  private volatile Supplier<RegisterAgent> registration;
  private volatile Consumer<CoordinatorToAgent> agent;

  @Override
  public void start(Supplier<RegisterAgent> registration, Consumer<CoordinatorToAgent> commands) {
    this.registration = registration;
    this.agent = commands;
  }

  @Override
  public void send(AgentToCoordinator message) {
    heard.add(message);
  }

  @Override
  public void close() {}

  RegisterAgent registration() {
    return registration.get();
  }

  void command(CoordinatorToAgent command) {
    agent.accept(command);
  }

  void startRanks(Path runDirectory, int... ranks) {
    command(startCommand(STAMP, runDirectory, ranks));
  }

  static CoordinatorToAgent.StartRanks startCommand(Stamp stamp, Path runDirectory, int... ranks) {
    List<Integer> list = new ArrayList<>();
    for (int rank : ranks) {
      list.add(rank);
    }
    return new CoordinatorToAgent.StartRanks(
        stamp,
        JOB,
        TestJobs.job(Optional.empty()),
        "name: test",
        runDirectory.toString(),
        ranks.length,
        list,
        42);
  }

  void tell(AgentToRank command) {
    command(new CoordinatorToAgent.TellRanks(STAMP, JOB, List.of(), command));
  }

  void stop() {
    tell(new AgentToRank.StopAfterStep(STAMP, "test"));
  }

  RankStarted awaitStarted(int rank) {
    return await(RankStarted.class, m -> m.rank() == rank);
  }

  RankExit awaitExit(int rank) {
    return await(RankExited.class, m -> m.rank() == rank).exit();
  }

  <T extends RankReport> T awaitReport(int rank, Class<T> type) {
    return type.cast(
        await(FromRank.class, m -> m.rank() == rank && type.isInstance(m.report())).report());
  }

  /** The first message like this; others stay for later. */
  <T extends AgentToCoordinator> T await(Class<T> type, Predicate<T> wanted) {
    long end = System.nanoTime() + DEADLINE.toNanos();
    List<AgentToCoordinator> seen = unread;
    for (int i = 0; ; i++) {
      if (i == seen.size()) {
        seen.add(next(end, type, seen));
      }
      if (type.isInstance(seen.get(i)) && wanted.test(type.cast(seen.get(i)))) {
        return type.cast(seen.remove(i));
      }
    }
  }

  private AgentToCoordinator next(long end, Class<?> type, List<AgentToCoordinator> seen) {
    try {
      AgentToCoordinator message = heard.poll(end - System.nanoTime(), TimeUnit.NANOSECONDS);
      assertThat(message).as("a %s; heard so far: %s", type.getSimpleName(), seen).isNotNull();
      return message;
    } catch (InterruptedException e) {
      throw new AssertionError("interrupted", e);
    }
  }
}
