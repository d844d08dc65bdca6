package dev.trireme.allreduce.nccl;

import static org.assertj.core.api.Assertions.assertThat;

import dev.trireme.api.collective.CollectiveException;
import dev.trireme.api.collective.ReduceOp;
import dev.trireme.api.collective.Work;
import dev.trireme.api.tensor.DType;
import dev.trireme.api.tensor.TensorBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * How soon whoever waits for an operation that hangs is back after an abort. A promise of the
 * group's, not a figure of speed: kept in the median, since a crowded machine may keep any one
 * thread off its cores for longer.
 */
@Timeout(120)
class NcclAbortTimeTest {
  private static final int ROUNDS = 15;

  @AfterEach
  void mend() {
    Standins.load();
  }

  @ParameterizedTest(name = "{0} ranks")
  @ValueSource(ints = {2, 4})
  void shouldWakeWhoWaitsWithin100MillisOfAnAbort(int worldSize) throws Exception {
    List<Long> times = new ArrayList<>();
    for (int round = 0; round < ROUNDS; round++) {
      try (NcclGroups ranks = NcclGroups.create(worldSize)) {
        times.addAll(abort(ranks, worldSize, round % 2 == 0));
      }
    }
    AbortTimes.shouldBeAsPromised(worldSize + " ranks as threads", times);
  }

  /** Of each rank, from the call that aborts it to the waiter's return. */
  private static List<Long> abort(NcclGroups ranks, int worldSize, boolean onDevice)
      throws Exception {
    StringBuilder faults = new StringBuilder();
    for (int rank = 0; rank < worldSize; rank++) {
      faults.append("hang ").append(rank).append(" 0\n");
    }
    Standins.faults(faults.toString());
    List<Thread> waiters = new ArrayList<>();
    List<CompletableFuture<Long>> ends = new ArrayList<>();
    for (int rank = 0; rank < worldSize; rank++) {
      NcclProcessGroup group = ranks.group(rank);
      TensorBuffer buffer =
          onDevice
              ? NcclGroups.onDevice(group, DType.FLOAT32, 1000)
              : group.allocate(DType.FLOAT32, 1000);
      Work work = group.allReduce(buffer, ReduceOp.SUM);
      CompletableFuture<Long> end = new CompletableFuture<>();
      ends.add(end);
      Thread waiter = new Thread(() -> end.complete(whenItFails(work)), "waiter-" + rank);
      waiters.add(waiter);
      waiter.start();
    }
    long limit = System.nanoTime() + TimeUnit.SECONDS.toNanos(20);
    while (!waiters.stream().allMatch(each -> each.getState() == Thread.State.TIMED_WAITING)) {
      assertThat(System.nanoTime()).as("all wait").isLessThan(limit);
      Thread.onSpinWait();
    }
    List<Long> times = new ArrayList<>();
    for (int rank = 0; rank < worldSize; rank++) {
      long start = System.nanoTime();
      ranks.group(rank).abort("a round");
      times.add(ends.get(rank).get(20, TimeUnit.SECONDS) - start);
    }
    return times;
  }

  private static long whenItFails(Work work) {
    try {
      work.await();
      throw new AssertionError("it hangs, and has ended well");
    } catch (CollectiveException e) {
      return System.nanoTime();
    }
  }
}
