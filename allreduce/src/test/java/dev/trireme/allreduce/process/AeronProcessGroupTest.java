package dev.trireme.allreduce.process;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import dev.trireme.allreduce.AeronProcessGroup;
import dev.trireme.allreduce.GroupConfig;
import dev.trireme.api.collective.CollectiveException;
import dev.trireme.api.collective.CollectiveException.Cause;
import dev.trireme.api.collective.ProcessGroup;
import dev.trireme.api.collective.ReduceOp;
import dev.trireme.api.collective.Work;
import dev.trireme.api.tensor.DType;
import dev.trireme.api.tensor.NativeMemory;
import dev.trireme.api.tensor.TensorBuffer;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Function;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Aeron and shared files, with ranks as threads of the test's JVM. */
class AeronProcessGroupTest {
  private static final Duration LONG = Duration.ofSeconds(30);
  private static final Duration SHORT = Duration.ofMillis(1500);

  /** Generations in a row; {@code -Dtrireme.rounds=200} for the long run. */
  private static final int ROUNDS = Integer.getInteger("trireme.rounds", 20);

  private Host host;

  @BeforeEach
  void openHost() {
    host = new Host();
  }

  @AfterEach
  void closeHost() {
    host.close();
  }

  private <T> CompletableFuture<T> member(GroupConfig config, Function<ProcessGroup, T> task) {
    CompletableFuture<T> result = new CompletableFuture<>();
    Thread thread =
        new Thread(
            () -> {
              try {
                result.complete(joined(config, task));
              } catch (RuntimeException e) {
                result.completeExceptionally(e);
              }
            },
            "rank-" + config.rank());
    thread.setDaemon(true);
    thread.start();
    return result;
  }

  private static <T> T joined(GroupConfig config, Function<ProcessGroup, T> task) {
    try (ProcessGroup group = AeronProcessGroup.join(config)) {
      return task.apply(group);
    }
  }

  private static <T> T get(CompletableFuture<T> future) {
    try {
      return future.get(60, TimeUnit.SECONDS);
    } catch (ExecutionException e) {
      throw (RuntimeException) e.getCause();
    } catch (InterruptedException | TimeoutException e) {
      throw new AssertionError(e);
    }
  }

  private static float sum(ProcessGroup group, float mine) {
    try (NativeMemory.Block block = NativeMemory.allocate(4, 4)) {
      TensorBuffer buffer = block.buffer(DType.FLOAT32, 1);
      NativeMemory.view(buffer.address(), 4).putFloat(0, mine);
      group.allReduce(buffer, ReduceOp.SUM).await();
      return NativeMemory.view(buffer.address(), 4).getFloat(0);
    }
  }

  @Test
  void shouldNeedNeitherDriverNorDirectoryForASingleRank() {
    GroupConfig config =
        new GroupConfig(0, 1, 1, Path.of("/nowhere"), Path.of("/nowhere"), 0, 0, 1, LONG);
    try (ProcessGroup group = AeronProcessGroup.join(config)) {
      assertThat(sum(group, 3)).isEqualTo(3);
    }
  }

  @Test
  void shouldSayWhichRanksDidNotShowUp() {
    CompletableFuture<Float> first = member(host.config(0, 4, 1, SHORT), g -> sum(g, 1));
    CompletableFuture<Float> third = member(host.config(2, 4, 1, SHORT), g -> sum(g, 1));
    for (CompletableFuture<Float> rank : List.of(first, third)) {
      CollectiveException e = catchThrowableOfType(CollectiveException.class, () -> get(rank));
      assertThat(e.reason()).isEqualTo(Cause.DEADLINE);
      assertThat(e.suspectRank()).isEqualTo(1);
      assertThat(e).hasMessageContaining("rank 1 (never heard of)");
      assertThat(e).hasMessageContaining("rank 3 (never heard of)");
      assertThat(e.getMessage()).doesNotContain("rank 0 (", "rank 2 (");
    }
    assertThat(host.sharedFiles()).isEmpty();
  }

  @Test
  void shouldSayThatThereIsNoMediaDriver() {
    host.closeDriver();
    assertThatThrownBy(() -> get(member(host.config(0, 2, 1, SHORT), g -> sum(g, 1))))
        .isInstanceOf(CollectiveException.class)
        .hasMessageContaining("cannot reach the media driver at");
  }

  @Test
  void shouldDropFramesOfAnotherFormationOnTheSameStreams() {
    // Both formations write to and read from the same four streams at the same time.
    List<CompletableFuture<Float>> sums = new ArrayList<>();
    for (int rank = 0; rank < 2; rank++) {
      for (long formation = 1; formation <= 2; formation++) {
        float mine = 100 * formation + rank;
        GroupConfig config = inDirectoryOf(formation, host.config(rank, 2, formation, LONG));
        sums.add(
            member(
                config,
                group -> {
                  float last = 0;
                  for (int i = 0; i < 200; i++) {
                    last = sum(group, mine);
                  }
                  return last;
                }));
      }
    }
    assertThat(sums.stream().map(AeronProcessGroupTest::get))
        .containsExactly(201f, 401f, 201f, 401f);
  }

  /** Formations have directories of their own; here generations tell their files apart. */
  private static GroupConfig inDirectoryOf(long formation, GroupConfig config) {
    return new GroupConfig(
        config.rank(),
        config.worldSize(),
        formation,
        config.aeronDirectory(),
        config.sharedDirectory(),
        config.streamBase(),
        config.streamCount(),
        formation,
        config.timeout());
  }

  @Test
  @Timeout(value = 30, unit = TimeUnit.MINUTES)
  void shouldFormAgainRightAfterAnAbort() {
    for (long generation = 1; generation <= ROUNDS; generation++) {
      List<CompletableFuture<String>> ends = new ArrayList<>();
      List<CompletableFuture<Float>> others = new ArrayList<>();
      for (int rank = 0; rank < 2; rank++) {
        GroupConfig config = inDirectoryOf(generation, host.config(rank, 2, generation, LONG));
        ends.add(member(config, AeronProcessGroupTest::reduceUntilAborted));
        // Another group of this host, on the same streams, all the while.
        long other = 1_000_000 + generation;
        float mine = 100 + rank;
        others.add(
            member(
                inDirectoryOf(other, host.config(rank, 2, other, LONG)),
                group -> sums(group, mine)));
      }
      assertThat(others.stream().map(AeronProcessGroupTest::get)).containsOnly(201f);
      for (CompletableFuture<String> end : ends) {
        assertThat(get(end)).contains("generation " + generation);
      }
    }
    assertThat(host.sharedFiles()).isEmpty();
  }

  private static float sums(ProcessGroup group, float mine) {
    for (int i = 0; i < 30; i++) {
      assertThat(sum(group, mine)).isEqualTo(201f);
    }
    return sum(group, mine);
  }

  private static String reduceUntilAborted(ProcessGroup group) {
    group.barrier().await();
    return catchThrowableOfType(
            CollectiveException.class,
            () -> {
              for (int i = 0; ; i++) {
                assertThat(sum(group, group.rank() + 1)).isEqualTo(3);
                if (i == 10 && group.rank() == 0) {
                  group.abort("a test");
                }
              }
            })
        .getMessage();
  }

  @Test
  void shouldFailWhenTheMediaDriverDies() {
    CompletableFuture<Void> over = new CompletableFuture<>();
    CompletableFuture<Void> joined = new CompletableFuture<>();
    CompletableFuture<String> waiting =
        member(
            host.config(0, 2, 1, LONG),
            group -> {
              joined.complete(null);
              return catchThrowableOfType(CollectiveException.class, () -> group.barrier().await())
                  .getMessage();
            });
    member(
        host.config(1, 2, 1, LONG),
        group -> {
          get(over);
          return null;
        });
    get(joined);
    host.closeDriver();
    assertThat(get(waiting)).contains("rank 0", "barrier", "media driver");
    over.complete(null);
  }

  @Test
  void shouldRefuseMemoryForWhichThereIsNoRoomOnEveryRank() {
    List<CompletableFuture<Throwable>> ends = new ArrayList<>();
    for (int rank = 0; rank < 2; rank++) {
      ends.add(
          member(
              host.config(rank, 2, 1, LONG),
              group -> {
                long count = group.rank() == 0 ? 1L << 40 : 16;
                return catchThrowableOfType(
                    RuntimeException.class, () -> group.allocate(DType.UINT8, count));
              }));
    }
    assertThat(get(ends.get(0)))
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining(String.valueOf(1L << 40));
    assertThat(get(ends.get(1)))
        .isInstanceOf(CollectiveException.class)
        .hasMessageContaining("rank 0 gave the group up");
    assertThat(host.sharedFiles()).isEmpty();
  }

  @Test
  void shouldRefuseASharedDirectoryThatDoesNotExist() {
    List<CompletableFuture<Float>> ends = new ArrayList<>();
    for (int rank = 0; rank < 2; rank++) {
      GroupConfig good = host.config(rank, 2, 1, LONG);
      GroupConfig bad =
          new GroupConfig(
              rank, 2, 1, good.aeronDirectory(), Path.of("/nowhere/at-all"), 1000, 4, 1, LONG);
      ends.add(member(bad, g -> sum(g, 1)));
    }
    assertThatThrownBy(() -> get(ends.get(0))).hasMessageContaining("/nowhere/at-all");
  }

  @Test
  void shouldTellPeersWhenARankCloses() {
    CompletableFuture<Integer> leaver = member(host.config(0, 2, 1, LONG), ProcessGroup::rank);
    CompletableFuture<CollectiveException> other =
        member(
            host.config(1, 2, 1, LONG),
            group -> {
              Work work = group.barrier();
              return catchThrowableOfType(CollectiveException.class, work::await);
            });
    get(leaver);
    assertThat(get(other).reason()).isEqualTo(Cause.PEER_LOST);
    assertThat(get(other).suspectRank()).isZero();
    assertThat(get(other)).hasMessageContaining("has left the group");
  }
}
