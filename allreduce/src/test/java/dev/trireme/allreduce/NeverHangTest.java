package dev.trireme.allreduce;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import dev.trireme.allreduce.group.RecordedOperation;
import dev.trireme.allreduce.group.SharedGroup;
import dev.trireme.allreduce.inprocess.InProcessGroups;
import dev.trireme.api.collective.CollectiveException;
import dev.trireme.api.collective.CollectiveException.Cause;
import dev.trireme.api.collective.ReduceOp;
import dev.trireme.api.collective.Work;
import dev.trireme.api.tensor.DType;
import dev.trireme.api.tensor.TensorBuffer;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** What a group says and remembers when it ends, and that it ends. */
@Timeout(60)
class NeverHangTest {
  @Test
  void shouldRememberTheLastOperationsAndHowFarTheyCame() {
    try (InProcessGroups ranks =
        InProcessGroups.create(2, Duration.ofMillis(400), Optional.empty())) {
      List<TensorBuffer> buffers = ranks.onEveryRank(g -> g.allocate(DType.FLOAT32, 5_000));
      ranks.onEveryRank(
          group -> {
            group.label("bucket 1 of 2");
            group.allReduce(buffers.get(group.rank()), ReduceOp.SUM).await();
            group.label("bucket 2 of 2");
            return null;
          });
      Work stuck = ranks.group(0).allReduce(buffers.get(0), ReduceOp.MAX);
      CollectiveException e = catchThrowableOfType(CollectiveException.class, stuck::await);
      assertThat(e).hasMessageContaining("all-reduce (max, owner) of 5000 FLOAT32");
      assertThat(e).hasMessageContaining("for bucket 2 of 2");
      // What it was last heard to do is a sign of life, or, on a machine too busy for one in these
      // 400 ms, the last stage that it reached.
      assertThat(e.getMessage()).containsAnyOf("it had started: 3", "of operation 3");
      List<RecordedOperation> recorded = ((SharedGroup) ranks.group(0)).recentOperations();
      assertThat(recorded).extracting(RecordedOperation::number).containsExactly(1L, 2L, 3L, 4L);
      RecordedOperation well = recorded.get(2);
      assertThat(well.state()).isEqualTo(RecordedOperation.State.DONE);
      assertThat(well.label()).isEqualTo("bucket 1 of 2");
      assertThat(well.bytesDone()).isBetween(1L, 20_000L);
      assertThat(well.ended()).isGreaterThanOrEqualTo(well.begun());
      RecordedOperation failed = recorded.get(3);
      assertThat(failed.state()).isEqualTo(RecordedOperation.State.FAILED);
      assertThat(failed.begun()).isNegative();
      assertThat(failed.bytes()).isEqualTo(20_000);
    }
  }

  @Test
  void shouldHandOutNoResultReadFromARankThatGaveUpMeanwhile() {
    try (InProcessGroups ranks = InProcessGroups.create(2)) {
      List<TensorBuffer> buffers = ranks.onEveryRank(g -> g.allocate(DType.FLOAT32, 5_000));
      // Rank 1 announces its buffer, then gives up and may use it for something else; that it has
      // started is all that rank 0 would need to be told by a broadcast's root.
      Work given = ranks.group(1).broadcast(buffers.get(1), 1);
      ranks.group(1).abort("a test");
      assertThat(catchThrowableOfType(CollectiveException.class, given::await)).isNotNull();
      CollectiveException e =
          catchThrowableOfType(
              CollectiveException.class, () -> ranks.group(0).broadcast(buffers.get(0), 1).await());
      assertThat(e).isNotNull().hasMessageContaining("gave the group up");
    }
  }

  @Test
  void shouldNotGatherFromARankThatGaveUpMeanwhile() {
    try (InProcessGroups ranks = InProcessGroups.create(2)) {
      List<TensorBuffer> parts = ranks.onEveryRank(g -> g.allocate(DType.FLOAT32, 5_000));
      List<TensorBuffer> whole = ranks.onEveryRank(g -> g.allocate(DType.FLOAT32, 10_000));
      Work given = ranks.group(1).gather(parts.get(1), whole.get(1), 0);
      ranks.group(1).abort("a test");
      assertThat(catchThrowableOfType(CollectiveException.class, given::await)).isNotNull();
      CollectiveException e =
          catchThrowableOfType(
              CollectiveException.class,
              () -> ranks.group(0).gather(parts.get(0), whole.get(0), 0).await());
      assertThat(e).isNotNull().hasMessageContaining("gave the group up");
    }
  }

  @Test
  void shouldEndAnAllReduceOfALargeBufferThatIsAborted() {
    try (InProcessGroups ranks = InProcessGroups.create(2)) {
      List<TensorBuffer> buffers = ranks.onEveryRank(g -> g.allocate(DType.FLOAT64, 8 << 20));
      AtomicLong abortedAt = new AtomicLong();
      Thread aborter =
          new Thread(
              () -> {
                awaitRunning((SharedGroup) ranks.group(0));
                abortedAt.set(System.nanoTime());
                ranks.group(0).abort("enough");
              });
      aborter.start();
      List<CollectiveException> ends =
          ranks.onEveryRank(
              group -> {
                CollectiveException end =
                    catchThrowableOfType(
                        CollectiveException.class,
                        () -> {
                          while (true) {
                            group.allReduce(buffers.get(group.rank()), ReduceOp.SUM).await();
                          }
                        });
                System.out.printf(
                    "rank %d left %.1f ms after the abort%n",
                    group.rank(), (System.nanoTime() - abortedAt.get()) / 1e6);
                return end;
              });
      assertThat(ends).allSatisfy(e -> assertThat(e).hasMessageContaining("enough"));
      assertThat(ends.get(0).reason()).isIn(Cause.ABORTED, Cause.UNUSABLE);
    }
  }

  private static void awaitRunning(SharedGroup group) {
    long limit = System.nanoTime() + TimeUnit.SECONDS.toNanos(20);
    while (System.nanoTime() < limit
        && group.recentOperations().stream()
            .noneMatch(
                each -> each.state() == RecordedOperation.State.RUNNING && each.bytesDone() > 0)) {
      Thread.onSpinWait();
    }
  }
}
