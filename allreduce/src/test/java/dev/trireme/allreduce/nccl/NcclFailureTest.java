package dev.trireme.allreduce.nccl;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import dev.trireme.allreduce.AbortSwitch;
import dev.trireme.allreduce.cuda.CudaMemory;
import dev.trireme.allreduce.group.RecordedOperation;
import dev.trireme.api.collective.CollectiveException;
import dev.trireme.api.collective.CollectiveException.Cause;
import dev.trireme.api.collective.ProcessGroup;
import dev.trireme.api.collective.ReduceOp;
import dev.trireme.api.collective.Work;
import dev.trireme.api.tensor.DType;
import dev.trireme.api.tensor.Device;
import dev.trireme.api.tensor.TensorBuffer;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What users see when NCCL, a peer or a device does not do its part; on the stand-ins. */
@Timeout(60)
class NcclFailureTest {
  /** An abort is seen within 100 ms; the rest is what a crowded machine may take. */
  private static final Duration SOON = Duration.ofSeconds(2);

  @AfterEach
  void mend() {
    Standins.load();
  }

  private static TensorBuffer buffer(ProcessGroup group) {
    return group.allocate(NcclGroups.device(group), DType.FLOAT32, 1000);
  }

  @Test
  void shouldWakeWhoWaitsSoonAfterAnAbortAndBeUnusableThen() {
    try (NcclGroups ranks = NcclGroups.create(2)) {
      Standins.faults("hang 0 0\nhang 1 0\n");
      ProcessGroup group = ranks.group(0);
      group.label("bucket 2 of 5");
      Work first = group.allReduce(buffer(group), ReduceOp.SUM);
      Work second = group.barrier();
      CompletableFuture<Optional<CollectiveException>> told = new CompletableFuture<>();
      second.whenDone(told::complete);
      assertThat(first.await(Duration.ofMillis(50))).isFalse();
      long start = System.nanoTime();
      group.abort("enough");
      CollectiveException e = catchThrowableOfType(CollectiveException.class, first::await);
      assertThat(Duration.ofNanos(System.nanoTime() - start)).isLessThan(SOON);
      assertThat(e.reason()).isEqualTo(Cause.ABORTED);
      assertThat(e)
          .hasMessageContainingAll(
              "generation 7",
              "rank 0 (cuda:0)",
              "operation 1, all-reduce (sum) of 1000 FLOAT32 for bucket 2 of 5",
              "0 of 4000 bytes",
              "aborted: enough");
      assertThat(told.join()).isPresent();
      assertThatThrownBy(group::barrier)
          .isInstanceOf(CollectiveException.class)
          .hasMessageContainingAll("cannot be used any more since", "enough")
          .extracting(each -> ((CollectiveException) each).reason())
          .isEqualTo(Cause.UNUSABLE);
      assertThatThrownBy(() -> group.allocate(DType.FLOAT32, 1))
          .hasMessageContaining("cannot be used any more since");
      List<RecordedOperation> recorded = ranks.group(0).recentOperations();
      assertThat(recorded)
          .extracting(RecordedOperation::state)
          .containsOnly(RecordedOperation.State.FAILED);
      assertThat(recorded.get(0).label()).isEqualTo("bucket 2 of 5");
    }
  }

  @Test
  void shouldSayThatTheDeadlineOfTheOldestOperationHasPassed() {
    try (NcclGroups ranks = NcclGroups.create(2, Duration.ofMillis(500))) {
      ProcessGroup group = ranks.group(1);
      Work alone = group.allReduce(buffer(group), ReduceOp.SUM);
      CollectiveException e = catchThrowableOfType(CollectiveException.class, alone::await);
      assertThat(e.reason()).isEqualTo(Cause.DEADLINE);
      assertThat(e).hasMessageContainingAll("deadline of 500 ms", "no operation 1");
    }
  }

  @Test
  void shouldFailWithNcclsWordsWhenItReportsAnErrorLater() {
    try (NcclGroups ranks = NcclGroups.create(2)) {
      Standins.faults("error 0 1\n");
      ProcessGroup group = ranks.group(0);
      Work work = group.allReduce(buffer(group), ReduceOp.SUM);
      CollectiveException e = catchThrowableOfType(CollectiveException.class, work::await);
      assertThat(e.reason()).isEqualTo(Cause.PEER_LOST);
      assertThat(e)
          .hasMessageContainingAll(
              "remote process exited",
              "its last error text in this process is \"stand-in: socket closed by remote peer\"",
              "NCCL_SOCKET_IFNAME");
    }
  }

  /** Of another code than theirs, they are what is left of something before. */
  @Test
  void shouldTakeNoAdviceFromWordsThatMayBeOld() {
    Standins.load();
    Nccl.load();
    String old = "Duplicate GPU detected : rank 0 and rank 1 both on CUDA device 60";
    assertThat(Nccl.describe(5, old)).contains("give each rank a device of its own");
    assertThat(Nccl.describe(6, old))
        .contains(old, "NCCL_DEBUG=WARN makes it say more")
        .doesNotContain("give each rank");
    assertThat(Nccl.describe(6, "Mismatched NCCL version")).doesNotContain("the same version");
  }

  @Test
  void shouldEndWhatIsInFlightWhenClosed() {
    try (NcclGroups ranks = NcclGroups.create(2)) {
      ProcessGroup group = ranks.group(0);
      Work work = group.barrier();
      group.close();
      assertThatThrownBy(work::await).hasMessageContaining("was closed");
      assertThatThrownBy(group::barrier).isInstanceOf(CollectiveException.class);
    }
  }

  /** The stand-in ends the process where a communicator that is gone is used. */
  @Test
  void shouldTouchNothingThatIsGoneWheneverItIsAborted() {
    SplittableRandom random = new SplittableRandom(7);
    for (int round = 0; round < 30; round++) {
      try (NcclGroups ranks = NcclGroups.create(2)) {
        long afterMicros = random.nextLong(10_000);
        boolean abort = random.nextBoolean();
        ranks.onEveryRank(
            group -> {
              TensorBuffer buffer = buffer(group);
              TensorBuffer host = group.allocate(DType.INT64, 20_011);
              long start = System.nanoTime();
              assertThatThrownBy(
                      () -> {
                        while (true) {
                          group.allReduce(buffer, ReduceOp.SUM);
                          group.allReduce(host, ReduceOp.MAX).await();
                          if (group.rank() == 0 && System.nanoTime() - start > 1000 * afterMicros) {
                            end(group, abort);
                            // As the agents would say, who see that its peer has gone.
                            ranks.group(1).abort("its peer has left");
                          }
                        }
                      })
                  .isInstanceOf(CollectiveException.class);
              end(group, abort);
              return null;
            });
      }
    }
  }

  private static void end(ProcessGroup group, boolean abort) {
    if (abort) {
      group.abort("a moment by chance");
    } else {
      group.close();
    }
  }

  @ParameterizedTest(name = "NCCL {0}: {1}")
  @CsvSource({
    "22809, Duplicate GPU detected",
    "23004, Multiple ranks detected using the same GPU on this node",
    "23007, Multiple Ranks are using the same GPU/Partition",
  })
  void shouldRefuseTwoRanksOnOneDevice(int version, String words) {
    Standins.load();
    Standins.faults("version " + version + " 0\n");
    NcclUniqueId id = NcclUniqueId.create();
    List<CompletableFuture<NcclUnavailableException>> refusals =
        List.of(refused(0, id), refused(1, id));
    for (CompletableFuture<NcclUnavailableException> refusal : refusals) {
      NcclUnavailableException e = refusal.join();
      assertThat(e.reason()).isEqualTo(NcclUnavailableException.Reason.SHARED_DEVICE);
      assertThat(e).hasMessageContainingAll("(cuda:3)", words, "CUDA_VISIBLE_DEVICES");
    }
  }

  private static CompletableFuture<NcclUnavailableException> refused(int rank, NcclUniqueId id) {
    return CompletableFuture.supplyAsync(
        () ->
            catchThrowableOfType(
                NcclUnavailableException.class,
                () -> NcclProcessGroup.join(NcclGroups.config(rank, 2, 3, id, NcclGroups.TIMEOUT))),
        // Each waits for the other, and the common pool may have one thread for both.
        task -> new Thread(task, "refused-rank-" + rank).start());
  }

  @Test
  void shouldSayWhichVersionsDoNotGoTogether() {
    Standins.load();
    Standins.faults("foreign 0 0\n");
    NcclConfig config = NcclGroups.config(0, 1, 0, NcclUniqueId.create(), NcclGroups.TIMEOUT);
    assertThatThrownBy(() -> NcclProcessGroup.join(config))
        .isInstanceOf(NcclUnavailableException.class)
        .hasMessageContainingAll(
            "rank 0 (cuda:0)",
            "mismatched NCCL version",
            "all ranks need the same version of NCCL; this one has 2.28.9");
  }

  @Test
  void shouldGiveUpRanksThatDoNotCome() {
    Standins.load();
    NcclConfig config = NcclGroups.config(0, 2, 0, NcclUniqueId.create(), Duration.ofMillis(300));
    assertThatThrownBy(() -> NcclProcessGroup.join(config))
        .isInstanceOf(CollectiveException.class)
        .hasMessageContainingAll("not all 2 ranks have come", "300 ms");
  }

  @Test
  void shouldLeaveTheMeetingWhenAborted() throws Exception {
    Standins.load();
    AbortSwitch abort = new AbortSwitch();
    NcclConfig config = NcclGroups.config(0, 2, 0, NcclUniqueId.create(), NcclGroups.TIMEOUT);
    CompletableFuture<Throwable> ended =
        CompletableFuture.supplyAsync(
            () ->
                catchThrowableOfType(
                    CollectiveException.class,
                    () -> NcclProcessGroup.join(config, abort, Optional.empty())));
    assertThatThrownBy(() -> ended.get(100, TimeUnit.MILLISECONDS))
        .isInstanceOf(java.util.concurrent.TimeoutException.class);
    abort.abort("the agent says so");
    assertThat(ended.get(SOON.toMillis(), TimeUnit.MILLISECONDS))
        .hasMessageContaining("the agent says so");
  }

  @Test
  void shouldRefuseADeviceThatIsNotThere() {
    Standins.load();
    assertThatThrownBy(
            () ->
                NcclProcessGroup.join(
                    NcclGroups.config(0, 1, 99, NcclUniqueId.create(), NcclGroups.TIMEOUT)))
        .isInstanceOf(NcclUnavailableException.class)
        .hasMessageContaining("cuda:99")
        .hasStackTraceContaining("invalid device ordinal");
  }

  @Test
  void shouldRefuseBuffersOfOtherDevicesAndMessagesWithoutACompanion() {
    Standins.load();
    try (ProcessGroup group =
        NcclProcessGroup.join(
            NcclGroups.config(0, 1, 0, NcclUniqueId.create(), NcclGroups.TIMEOUT))) {
      TensorBuffer elsewhere =
          new TensorBuffer(4096, DType.FLOAT32, 1, new Device(Device.Kind.CUDA, 1));
      assertThatThrownBy(() -> group.allReduce(elsewhere, ReduceOp.SUM))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("cuda:0");
      assertThatThrownBy(() -> group.broadcast(buffer(group), 1))
          .isInstanceOf(IllegalArgumentException.class);
      assertThatThrownBy(() -> group.send(buffer(group), 0, 1))
          .isInstanceOf(IllegalArgumentException.class);
    }
    try (NcclGroups ranks = NcclGroups.create(2)) {
      assertThat(ranks.group(0).reaches(Device.CPU)).isTrue();
    }
  }

  @Test
  void shouldSayHowMuchMemoryWasAskedForAndIsFree() {
    Standins.load();
    Device device = new Device(Device.Kind.CUDA, 7);
    assertThatThrownBy(() -> new CudaMemory(device).allocate(device, DType.FLOAT32, 1L << 40))
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContainingAll(
            "cuda:7", "4398046511104 bytes", "out of memory", "8589934592 of 8589934592 bytes");
  }
}
