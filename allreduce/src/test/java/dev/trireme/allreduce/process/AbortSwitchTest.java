package dev.trireme.allreduce.process;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import dev.trireme.allreduce.AbortSwitch;
import dev.trireme.allreduce.AeronProcessGroup;
import dev.trireme.allreduce.GroupConfig;
import dev.trireme.api.collective.CollectiveException;
import dev.trireme.api.collective.CollectiveException.Cause;
import dev.trireme.api.collective.ProcessGroup;
import dev.trireme.api.tensor.DType;
import java.time.Duration;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Ends that come from another thread while there is no group yet, or while it takes memory. */
@Timeout(60)
class AbortSwitchTest {
  private static final int ABORTS = 100;
  private static final Duration LONG = Duration.ofSeconds(50);

  private static CompletableFuture<CollectiveException> joining(
      GroupConfig config, AbortSwitch abort, Consumer<ProcessGroup> task) {
    return inThread(
        () ->
            catchThrowableOfType(
                CollectiveException.class,
                () -> {
                  try (ProcessGroup group =
                      AeronProcessGroup.join(config, Optional.empty(), abort)) {
                    task.accept(group);
                  }
                }));
  }

  private static <T> CompletableFuture<T> inThread(Supplier<T> task) {
    CompletableFuture<T> end = new CompletableFuture<>();
    Thread thread = new Thread(() -> end.complete(task.get()), "joining-rank");
    thread.setDaemon(true);
    thread.start();
    return end;
  }

  private static void shouldBeAborted(CompletableFuture<CollectiveException> end) throws Exception {
    CollectiveException e = end.get(10, TimeUnit.SECONDS);
    assertThat(e).isNotNull().hasMessageContaining("a newer generation");
    assertThat(e.reason()).isEqualTo(Cause.ABORTED);
  }

  @Test
  void shouldEndTheMeetingAndTellWhoHasCome() throws Exception {
    try (Host host = new Host()) {
      AbortSwitch abort = new AbortSwitch();
      CompletableFuture<CollectiveException> first =
          joining(host.config(0, 3, 1, LONG), abort, group -> {});
      CompletableFuture<CollectiveException> second =
          joining(host.config(1, 3, 1, LONG), new AbortSwitch(), group -> {});
      long limit = System.nanoTime() + TimeUnit.SECONDS.toNanos(20);
      // Each of the two has heard the other.
      while (host.streamsRead() < 2 && System.nanoTime() < limit) {
        Thread.onSpinWait();
      }
      abort.abort("a newer generation");
      shouldBeAborted(first);
      // The other waits for rank 2 as well, and need not any more.
      assertThat(second.get(10, TimeUnit.SECONDS)).isNotNull();
    }
  }

  /**
   * The switch interrupts who joins, and what an interrupt finds is anything from a lock to a file
   * that is being mapped.
   */
  @Test
  void shouldEndJoiningInAnAbortWhereverItIs() throws Exception {
    try (Host host = new Host()) {
      int worldSize = 24;
      GroupConfig config = host.config(0, worldSize, 1, LONG);
      for (int round = 0; round < ABORTS; round++) {
        AbortSwitch abort = new AbortSwitch();
        Set<String> before = Set.copyOf(host.logBuffers());
        CompletableFuture<Optional<Throwable>> end =
            inThread(
                () ->
                    Optional.ofNullable(
                        catchThrowable(
                            () -> AeronProcessGroup.join(config, Optional.empty(), abort))));
        awaitStreams(host, before, round % worldSize);
        abort.abort("a newer generation");
        assertThat(end.get(10, TimeUnit.SECONDS).orElseThrow())
            .as("the end of round %s", round)
            .isInstanceOfSatisfying(
                CollectiveException.class, e -> assertThat(e.reason()).isEqualTo(Cause.ABORTED));
      }
    }
  }

  /** Blocks until so many streams are there that were not before. */
  private static void awaitStreams(Host host, Set<String> before, int count) {
    long limit = System.nanoTime() + TimeUnit.SECONDS.toNanos(20);
    while (host.logBuffers().stream().filter(name -> !before.contains(name)).count() < count) {
      assertThat(System.nanoTime()).as("the time for %s streams", count).isLessThan(limit);
      Thread.onSpinWait();
    }
  }

  @Test
  void shouldEndTheWaitForAMediaDriver() throws Exception {
    try (Host host = new Host()) {
      host.closeDriver();
      AbortSwitch abort = new AbortSwitch();
      CompletableFuture<CollectiveException> first =
          joining(host.config(0, 2, 1, LONG), abort, group -> {});
      abort.abort("a newer generation");
      shouldBeAborted(first);
    }
  }

  @Test
  void shouldEndAnAllocationThatPeersDoNotFollow() throws Exception {
    try (Host host = new Host()) {
      AbortSwitch abort = new AbortSwitch();
      CompletableFuture<Void> joined = new CompletableFuture<>();
      CompletableFuture<CollectiveException> first =
          joining(
              host.config(0, 2, 1, LONG),
              abort,
              group -> {
                joined.complete(null);
                group.allocate(DType.UINT8, 256 << 20);
              });
      CompletableFuture<CollectiveException> second =
          joining(host.config(1, 2, 1, LONG), new AbortSwitch(), g -> awaitEnd(first));
      joined.get(20, TimeUnit.SECONDS);
      abort.abort("a newer generation");
      CollectiveException e = first.get(10, TimeUnit.SECONDS);
      assertThat(e).isNotNull().hasMessageContaining("a newer generation");
      second.get(10, TimeUnit.SECONDS);
      assertThat(host.sharedFiles()).isEmpty();
    }
  }

  private static void awaitEnd(CompletableFuture<CollectiveException> end) {
    end.orTimeout(20, TimeUnit.SECONDS).join();
  }
}
