package dev.trireme.allreduce.nccl;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import dev.trireme.allreduce.AbortSwitch;
import dev.trireme.allreduce.TestBuffers;
import dev.trireme.allreduce.cuda.Cuda;
import dev.trireme.allreduce.cuda.CudaMemory;
import dev.trireme.allreduce.exchange.BucketedExchange;
import dev.trireme.allreduce.inprocess.InProcessGroups;
import dev.trireme.api.collective.CollectiveException;
import dev.trireme.api.collective.CollectiveException.Cause;
import dev.trireme.api.collective.ProcessGroup;
import dev.trireme.api.collective.ReduceOp;
import dev.trireme.api.collective.Work;
import dev.trireme.api.engine.Parameter;
import dev.trireme.api.job.CompressionSpec;
import dev.trireme.api.tensor.DType;
import dev.trireme.api.tensor.Device;
import dev.trireme.api.tensor.DeviceMemory;
import dev.trireme.api.tensor.NamedTensor;
import dev.trireme.api.tensor.Shape;
import dev.trireme.api.tensor.TensorBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.bytedeco.cuda.global.cudart;
import org.bytedeco.javacpp.SizeTPointer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Ranks that are left of a formation and go on with what they have; on the stand-ins, which end the
 * process where a communicator that is gone is used, or one is aborted while another is being made
 * out of it.
 */
@Timeout(60)
class NcclShrinkTest {
  private static final Duration KEEP = Duration.ofSeconds(30);
  private static final Duration SOON = Duration.ofSeconds(5);
  private static final int[] LEFT = {0, 2};

  /** Of those that are left. */
  private InProcessGroups companions;

  private Duration patience = NcclGroups.TIMEOUT;

  @BeforeEach
  void meet() {
    companions = InProcessGroups.create(2);
  }

  @AfterEach
  void mend() {
    companions.close();
    Standins.load();
  }

  private static TensorBuffer buffer(ProcessGroup group, int device) {
    Device on = new Device(Device.Kind.CUDA, device);
    TensorBuffer buffer = group.allocate(on, DType.FLOAT32, 1000);
    new CudaMemory(on).synchronize(on);
    return buffer;
  }

  /** Rank 1 is gone: the others are in an all-reduce without it, and are told. */
  private static List<Optional<NcclClaim>> loseRankOne(NcclGroups ranks) {
    List<Work> works = new ArrayList<>();
    for (int rank : LEFT) {
      works.add(ranks.group(rank).allReduce(buffer(ranks.group(rank), rank), ReduceOp.SUM));
    }
    List<Optional<NcclClaim>> claims = new ArrayList<>();
    for (int i = 0; i < LEFT.length; i++) {
      assertThat(works.get(i).await(Duration.ofMillis(20))).isFalse();
      ranks.group(LEFT[i]).abort("rank 1 has exited");
      CollectiveException e = catchThrowableOfType(CollectiveException.class, works.get(i)::await);
      assertThat(e.reason()).isEqualTo(Cause.ABORTED);
      claims.add(ranks.group(LEFT[i]).claim());
    }
    return claims;
  }

  private CompletableFuture<Optional<NcclProcessGroup>> rejoin(
      NcclGroups ranks, int newRank, AbortSwitch abort) {
    int device = LEFT[newRank];
    NcclConfig config =
        new NcclConfig(
            newRank,
            2,
            8,
            new Device(Device.Kind.CUDA, device),
            new NcclUniqueId(new byte[NcclUniqueId.BYTES]),
            patience);
    return CompletableFuture.supplyAsync(
        () ->
            NcclProcessGroup.joinWithout(
                ranks.group(device), List.of(1), config, abort, companions.group(newRank)),
        task -> new Thread(task, "left-rank-" + newRank).start());
  }

  private static void assertSumsRight(List<NcclProcessGroup> groups) throws Exception {
    List<CompletableFuture<Void>> all = new ArrayList<>();
    for (NcclProcessGroup group : groups) {
      all.add(
          CompletableFuture.runAsync(
              () -> {
                TensorBuffer buffer = buffer(group, LEFT[group.rank()]);
                TensorBuffer host = group.allocate(DType.INT64, 20_011);
                TestBuffers.fill(buffer, group.rank());
                TestBuffers.fill(host, group.rank());
                group.allReduce(buffer, ReduceOp.SUM).await();
                group.allReduce(host, ReduceOp.MAX).await();
                assertThat(TestBuffers.read(buffer))
                    .isEqualTo(TestBuffers.expected(2, 1000, DType.FLOAT32, ReduceOp.SUM));
                assertThat(TestBuffers.read(host))
                    .isEqualTo(TestBuffers.expected(2, 20_011, DType.INT64, ReduceOp.MAX));
                group.barrier().await();
              },
              task -> new Thread(task, "sums-rank-" + group.rank()).start()));
    }
    for (CompletableFuture<Void> each : all) {
      each.get(20, TimeUnit.SECONDS);
    }
  }

  /** Both of those left, at the same time. */
  private List<Optional<NcclProcessGroup>> rejoinBoth(NcclGroups ranks) throws Exception {
    List<CompletableFuture<Optional<NcclProcessGroup>>> both =
        List.of(rejoin(ranks, 0, new AbortSwitch()), rejoin(ranks, 1, new AbortSwitch()));
    List<Optional<NcclProcessGroup>> groups = new ArrayList<>();
    for (CompletableFuture<Optional<NcclProcessGroup>> each : both) {
      groups.add(each.get(30, TimeUnit.SECONDS));
    }
    return groups;
  }

  /** What an exchange with BatchNorm's statistics and a checkpointer have of a device's memory. */
  private static List<AutoCloseable> training(
      NcclProcessGroup group, DeviceMemory.Piece statistic) {
    Device device = statistic.buffer().device();
    DeviceMemory memory = group.memory(new CudaMemory(device));
    NamedTensor mean = new NamedTensor("mean", Shape.of(3), statistic.buffer());
    BucketedExchange exchange =
        new BucketedExchange(
            group,
            List.of(new Parameter(0, new NamedTensor("weight", Shape.of(3), statistic.buffer()))),
            List.of(mean),
            1,
            1,
            new CompressionSpec.None(),
            memory);
    return List.of(
        exchange,
        memory.allocate(Device.CPU, DType.UINT8, 1 << 20),
        memory.allocate(device, DType.UINT8, 1 << 20));
  }

  private static long freeBytes(int device) {
    Cuda.use(new Device(Device.Kind.CUDA, device));
    try (SizeTPointer free = new SizeTPointer(1);
        SizeTPointer total = new SizeTPointer(1)) {
      assertThat(cudart.cudaMemGetInfo(free, total)).isZero();
      return free.get();
    }
  }

  private void assertThatThoseLeftGoOn(NcclGroups ranks) throws Exception {
    List<NcclProcessGroup> groups = rejoinBoth(ranks).stream().map(Optional::orElseThrow).toList();
    assertThat(groups).extracting(NcclProcessGroup::rank).containsExactly(0, 1);
    assertThat(groups).allMatch(each -> each.worldSize() == 2 && each.generation() == 8);
    assertSumsRight(groups);
    groups.forEach(NcclProcessGroup::close);
  }

  @Test
  void shouldGoOnWithoutADeadPeerAndSumRightlyFromTheFirstOperationOn() throws Exception {
    try (NcclGroups ranks = NcclGroups.createKeeping(3, KEEP)) {
      List<Optional<NcclClaim>> claims = loseRankOne(ranks);
      assertThat(NcclClaim.left(claims)).hasValue(List.of(1));
      assertThat(ranks.group(0).claim()).as("a claim is granted once").isEmpty();
      assertThatThoseLeftGoOn(ranks);
    }
  }

  /** The stand-in frees nothing before, and the real library may not, also of the host's memory. */
  @Test
  void shouldLeaveAtOnceThoughCudaFreesNothingWhileAnOperationIsStuck() throws Exception {
    Standins.load();
    long before = freeBytes(0);
    try (NcclGroups ranks = NcclGroups.createKeeping(3, KEEP)) {
      List<DeviceMemory.Piece> statistics = new ArrayList<>();
      List<AutoCloseable> memory = new ArrayList<>();
      for (int rank : LEFT) {
        Device device = new Device(Device.Kind.CUDA, rank);
        statistics.add(new CudaMemory(device).allocate(device, DType.FLOAT32, 3));
        memory.addAll(training(ranks.group(rank), statistics.get(statistics.size() - 1)));
      }
      loseRankOne(ranks);
      for (AutoCloseable each : memory) {
        CompletableFuture<Void> closing =
            CompletableFuture.runAsync(
                () -> assertThatCode(each::close).doesNotThrowAnyException(),
                task -> new Thread(task, "leaves").start());
        assertThat(closing).as("the end of %s", each).succeedsWithin(SOON);
      }
      assertThatThoseLeftGoOn(ranks);
      statistics.forEach(DeviceMemory.Piece::close);
    }
    assertThat(freeBytes(0)).as("it is freed in the end").isEqualTo(before);
  }

  /** Staging of more than is kept: it is the group's own thread that would wait. */
  @Test
  void shouldGoOnAlsoWhereMuchOfTheHostWasReducedBefore() throws Exception {
    try (NcclGroups ranks = NcclGroups.createKeeping(3, KEEP)) {
      List<Work> large = new ArrayList<>();
      for (int rank = 0; rank < 3; rank++) {
        NcclProcessGroup group = ranks.group(rank);
        large.add(group.allReduce(group.allocate(DType.UINT8, 65L << 20), ReduceOp.MAX));
        if (rank != 1) {
          group.allReduce(buffer(group, rank), ReduceOp.SUM);
        }
      }
      large.forEach(Work::await);
      loseRankOne(ranks);
      long start = System.nanoTime();
      assertThatThoseLeftGoOn(ranks);
      assertThat(Duration.ofNanos(System.nanoTime() - start)).isLessThan(SOON);
    }
  }

  /** Longer than a call of NCCL's may take before it is aborted while it runs. */
  @Test
  void shouldGoOnAlsoWhereTheDeviceIsSlowToLetGoOfWhatWasInFlight() throws Exception {
    try (NcclGroups ranks = NcclGroups.createKeeping(3, KEEP)) {
      loseRankOne(ranks);
      Standins.faults("slowshrink 0 1100\nlateshrink 2 200\n");
      assertThatThoseLeftGoOn(ranks);
    }
  }

  @Test
  void shouldClaimNothingWhereTheLibraryIsOlderThanShrinking() {
    try (NcclGroups ranks = NcclGroups.createKeeping(3, KEEP)) {
      Standins.faults("version 22609 0\n");
      assertThat(loseRankOne(ranks)).containsOnly(Optional.empty());
    }
  }

  @Test
  void shouldClaimNothingUnlessItIsToBeKeptAndTheGroupHasFailed() {
    try (NcclGroups ranks = NcclGroups.createKeeping(3, KEEP)) {
      assertThat(ranks.group(0).claim()).as("it works").isEmpty();
      ranks.group(0).close();
      assertThat(ranks.group(0).claim()).as("it was closed").isEmpty();
    }
    try (NcclGroups ranks = NcclGroups.create(3)) {
      assertThat(loseRankOne(ranks)).containsOnly(Optional.empty());
    }
  }

  @Test
  void shouldClaimNothingOfACommunicatorInError() {
    try (NcclGroups ranks = NcclGroups.createKeeping(2, KEEP)) {
      Standins.faults("error 0 1\n");
      Work work = ranks.group(0).allReduce(buffer(ranks.group(0), 0), ReduceOp.SUM);
      CollectiveException e = catchThrowableOfType(CollectiveException.class, work::await);
      assertThat(e.reason()).isEqualTo(Cause.PEER_LOST);
      assertThat(ranks.group(0).claim()).isEmpty();
    }
  }

  /** One is refused, the other waits for it in vain: neither has a group, and both know. */
  @Test
  void shouldHaveAllRanksMeetAnewWhereOneCannotGoOn() throws Exception {
    try (NcclGroups ranks = NcclGroups.createKeeping(3, KEEP)) {
      loseRankOne(ranks);
      Standins.faults("shrink 0 0\n");
      patience = Duration.ofSeconds(3);
      assertThat(rejoinBoth(ranks)).containsOnly(Optional.empty());
    }
    Standins.load();
    try (NcclGroups anew = NcclGroups.create(2)) {
      anew.onEveryRank(group -> group.barrier().await(SOON));
    }
  }

  /** Also while the library is inside the call, which must not be joined by the old one's end. */
  @Test
  void shouldLeaveTheMakingWhenAborted() throws Exception {
    for (String when : List.of("", "slowshrink 0 500\n", "lateshrink 0 500\n")) {
      try (NcclGroups ranks = NcclGroups.createKeeping(3, KEEP)) {
        loseRankOne(ranks);
        Standins.faults(when);
        AbortSwitch abort = new AbortSwitch();
        CompletableFuture<Optional<NcclProcessGroup>> alone = rejoin(ranks, 0, abort);
        if (!when.isEmpty()) {
          assertThatThrownBy(() -> alone.get(50, TimeUnit.MILLISECONDS))
              .isInstanceOf(TimeoutException.class);
        }
        abort.abort("another has died");
        assertThat(alone.handle((group, e) -> e.getCause()).get(20, TimeUnit.SECONDS))
            .hasMessageContaining("another has died");
      }
    }
  }

  @Test
  void shouldTouchNothingThatIsGoneWheneverTheMakingIsAborted() throws Exception {
    SplittableRandom random = new SplittableRandom(11);
    for (int round = 0; round < 10; round++) {
      try (NcclGroups ranks = NcclGroups.createKeeping(3, KEEP)) {
        loseRankOne(ranks);
        AbortSwitch abort = new AbortSwitch();
        var both = List.of(rejoin(ranks, 0, abort), rejoin(ranks, 1, abort));
        long until = System.nanoTime() + random.nextLong(6_000_000);
        while (System.nanoTime() - until < 0) {
          Thread.onSpinWait();
        }
        abort.abort("a moment by chance");
        companions.group(0).abort("a moment by chance");
        companions.group(1).abort("a moment by chance");
        for (var each : both) {
          each.exceptionally(e -> Optional.empty())
              .get(20, TimeUnit.SECONDS)
              .ifPresent(NcclProcessGroup::close);
        }
      } finally {
        companions.close();
        companions = InProcessGroups.create(2);
      }
    }
  }

  @Test
  void shouldLetGoOfWhatNobodyClaimsInTime() {
    Keeping unclaimed = new Keeping(1, TimeUnit.DAYS.toNanos(1));
    unclaimed.await();
    assertThat(unclaimed.claim()).isFalse();
    Keeping claimed = new Keeping(TimeUnit.DAYS.toNanos(1), 1);
    assertThat(claimed.claim()).isTrue();
    claimed.await();
    Keeping ended = new Keeping(TimeUnit.DAYS.toNanos(1), TimeUnit.DAYS.toNanos(1));
    ended.end();
    ended.await();
    assertThat(ended.claim()).isFalse();
  }
}
