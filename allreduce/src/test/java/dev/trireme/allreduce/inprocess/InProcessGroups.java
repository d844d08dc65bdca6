package dev.trireme.allreduce.inprocess;

import dev.trireme.allreduce.group.AlgorithmTable;
import dev.trireme.allreduce.group.AllReduceAlgorithm;
import dev.trireme.allreduce.group.SharedGroup;
import dev.trireme.allreduce.plan.Hosts;
import dev.trireme.allreduce.transport.SignalKind;
import dev.trireme.api.collective.ProcessGroup;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/**
 * The process groups of all ranks of a formation in one JVM. Each rank's operations must be started
 * from a thread of its own, as {@link #onEveryRank} does.
 */
public final class InProcessGroups implements RankGroups {
  /** The deadline of every operation unless another is asked for. */
  public static final Duration TIMEOUT = Duration.ofSeconds(30);

  /** What a rank does in a test. */
  @FunctionalInterface
  public interface RankTask<T> {
    T run(ProcessGroup group) throws Exception;
  }

  private final InProcessHub hub;
  private final Duration timeout;
  private final ExecutorService threads;
  private final List<ProcessGroup> groups;
  private boolean leaked;

  private InProcessGroups(
      Hosts hosts, long generation, Duration timeout, AlgorithmTable algorithms) {
    int worldSize = hosts.worldSize();
    this.hub = new InProcessHub(hosts);
    this.timeout = timeout;
    this.threads =
        Executors.newFixedThreadPool(worldSize, task -> new Thread(task, "in-process-rank"));
    List<Callable<ProcessGroup>> joins = new ArrayList<>();
    for (int rank = 0; rank < worldSize; rank++) {
      int mine = rank;
      joins.add(() -> SharedGroup.over(hub.transport(mine), generation, timeout, algorithms));
    }
    this.groups = all(joins);
  }

  /** A formation of {@code worldSize} ranks in generation 1. */
  public static InProcessGroups create(int worldSize) {
    return create(worldSize, TIMEOUT, Optional.empty());
  }

  /** The same with another deadline, and one algorithm for all all-reduces that it can do. */
  public static InProcessGroups create(
      int worldSize, Duration timeout, Optional<AllReduceAlgorithm> algorithm) {
    return create(Hosts.one(worldSize), timeout, algorithm);
  }

  /** The same, with ranks spread over hosts: those of different ones share no memory. */
  public static InProcessGroups create(
      Hosts hosts, Duration timeout, Optional<AllReduceAlgorithm> algorithm) {
    return new InProcessGroups(hosts, 1, timeout, AlgorithmTable.forced(algorithm));
  }

  /** The same with a table. */
  public static InProcessGroups create(Hosts hosts, AlgorithmTable algorithms) {
    return new InProcessGroups(hosts, 1, TIMEOUT, algorithms);
  }

  /** The same with a table of algorithms. */
  public static InProcessGroups create(int worldSize, AlgorithmTable algorithms) {
    return new InProcessGroups(Hosts.one(worldSize), 1, TIMEOUT, algorithms);
  }

  @Override
  public ProcessGroup group(int rank) {
    return groups.get(rank);
  }

  /** All groups in order of rank. */
  public List<ProcessGroup> groups() {
    return groups;
  }

  /** Lets every other rank see that the process of {@code rank} is gone. */
  public void lose(int rank) {
    hub.lose(rank);
  }

  /** Whether {@code rank} finds no signal for it, whatever is sent; they stay for later. */
  public void deafen(int rank, boolean whether) {
    hub.deafen(rank, whether);
  }

  /** Has no room for the next {@code times} signals of a kind, whoever sends them. */
  public void refuse(SignalKind kind, int times) {
    hub.refuse(kind, times);
  }

  @Override
  public <T> List<T> onEveryRank(RankTask<T> task) {
    List<Callable<T>> calls = new ArrayList<>();
    for (ProcessGroup group : groups) {
      calls.add(() -> task.run(group));
    }
    return all(calls);
  }

  private <T> List<T> all(List<Callable<T>> calls) {
    List<Future<T>> futures = new ArrayList<>();
    calls.forEach(call -> futures.add(threads.submit(call)));
    List<T> results = new ArrayList<>();
    Optional<Throwable> first = Optional.empty();
    long end = System.nanoTime() + 2 * timeout.toNanos() + TimeUnit.SECONDS.toNanos(10);
    // All of them, also after a failure: closing a group frees memory that a rank may be at.
    for (Future<T> future : futures) {
      try {
        results.add(future.get(end - System.nanoTime(), TimeUnit.NANOSECONDS));
      } catch (ExecutionException e) {
        first = first.or(() -> Optional.of(e.getCause()));
      } catch (TimeoutException | InterruptedException e) {
        leaked = true;
        throw new AssertionError(
            "a rank did not come back; what its thread may still be at is left as it is", e);
      }
    }
    first.ifPresent(InProcessGroups::fail);
    return results;
  }

  private static void fail(Throwable why) {
    if (why instanceof RuntimeException cause) {
      throw cause;
    }
    throw new AssertionError(why);
  }

  @Override
  public void close() {
    if (!leaked) {
      groups.forEach(ProcessGroup::close);
    }
    threads.shutdownNow();
  }
}
