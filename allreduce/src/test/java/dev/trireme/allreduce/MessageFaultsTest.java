package dev.trireme.allreduce;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import dev.trireme.allreduce.inprocess.InProcessGroups;
import dev.trireme.allreduce.transport.SignalKind;
import dev.trireme.api.collective.CollectiveException;
import dev.trireme.api.collective.CollectiveException.Cause;
import dev.trireme.api.collective.ProcessGroup;
import dev.trireme.api.collective.Work;
import dev.trireme.api.tensor.DType;
import dev.trireme.api.tensor.NativeMemory;
import dev.trireme.api.tensor.TensorBuffer;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Messages whose sender gives up or leaves, or for which there is no room just now. */
@Timeout(60)
class MessageFaultsTest {
  /** Much longer than it takes to notice anything, much shorter than a deadline. */
  private static final Duration SOON = Duration.ofSeconds(10);

  private static List<TensorBuffer> buffers(InProcessGroups ranks, long count) {
    return ranks.onEveryRank(group -> group.allocate(DType.INT64, count));
  }

  private static void fill(TensorBuffer buffer, long value) {
    for (long i = 0; i < buffer.count(); i++) {
      NativeMemory.view(buffer.address() + 8 * i, 8).putLong(0, value);
    }
  }

  /** The end of what is awaited, or null when it ended well. */
  private static CollectiveException end(Work work) {
    return catchThrowableOfType(CollectiveException.class, () -> work.await(SOON));
  }

  @ParameterizedTest(name = "{0} elements")
  @ValueSource(longs = {1, 5_000, 500_000})
  void shouldNotReceiveWhatTheSenderHasWrittenAfterItGaveUp(long count) {
    try (InProcessGroups ranks = InProcessGroups.create(2)) {
      List<TensorBuffer> buffers = buffers(ranks, count);
      fill(buffers.get(0), 1);
      // That it offers and that it gives up are then heard at once.
      ranks.deafen(1, true);
      Work sent = ranks.group(0).send(buffers.get(0), 1, 0);
      ranks.group(0).abort("a test");
      assertThat(end(sent)).isNotNull();
      fill(buffers.get(0), 2);
      Work received = ranks.group(1).receive(buffers.get(1), 0, 0);
      ranks.deafen(1, false);
      CollectiveException e = end(received);
      assertThat(e)
          .as("received was %s", NativeMemory.view(buffers.get(1).address(), 8).getLong(0))
          .isNotNull()
          .hasMessageContaining("rank 0 gave the group up")
          .hasMessageContaining("a test");
      assertThat(e.reason()).isEqualTo(Cause.ABORTED);
    }
  }

  @Test
  void shouldNotReceiveWhatTheSenderHasWrittenAfterItClosedTheGroup() {
    try (InProcessGroups ranks = InProcessGroups.create(2)) {
      List<TensorBuffer> buffers = buffers(ranks, 5_000);
      ranks.deafen(1, true);
      Work sent = ranks.group(0).send(buffers.get(0), 1, 0);
      ranks.group(0).close();
      assertThat(end(sent)).isNotNull();
      Work received = ranks.group(1).receive(buffers.get(1), 0, 0);
      ranks.deafen(1, false);
      CollectiveException e = end(received);
      assertThat(e).isNotNull().hasMessageContaining("rank 0 gave the group up");
      assertThat(e.reason()).isEqualTo(Cause.PEER_LOST);
      assertThat(e.suspectRank()).isZero();
    }
  }

  /** All is found in one go: that the first was fetched, the offer of the second, and the end. */
  @Test
  void shouldEndWhatWasDoneBeforeAnotherMessageFails() {
    try (InProcessGroups ranks = InProcessGroups.create(2)) {
      List<TensorBuffer> there = buffers(ranks, 5_000);
      List<TensorBuffer> back = buffers(ranks, 5_000);
      ranks.deafen(0, true);
      Work sent = ranks.group(0).send(there.get(0), 1, 0);
      assertThat(ranks.group(1).receive(there.get(1), 0, 0).await(SOON)).isTrue();
      Work given = ranks.group(1).send(back.get(1), 0, 1);
      ranks.group(1).abort("a test");
      assertThat(end(given)).isNotNull();
      Work received = ranks.group(0).receive(back.get(0), 1, 1);
      ranks.deafen(0, false);
      assertThat(end(received)).isNotNull().hasMessageContaining("rank 1 gave the group up");
      assertThat(sent.await(SOON)).as("the end of what was fetched before").isTrue();
    }
  }

  @Test
  void shouldBringMessagesAfterAnotherRankHasLeft() {
    try (InProcessGroups ranks = InProcessGroups.create(3)) {
      List<TensorBuffer> buffers = buffers(ranks, 5_000);
      ranks.group(0).close();
      fill(buffers.get(1), 7);
      Work sent = ranks.group(1).send(buffers.get(1), 2, 0);
      assertThat(ranks.group(2).receive(buffers.get(2), 1, 0).await(SOON)).isTrue();
      assertThat(sent.await(SOON)).isTrue();
      assertThat(TestBuffers.read(buffers.get(2))).containsOnly(7);
    }
  }

  @Test
  void shouldKeepTheOrderOfMessagesWhenThereIsNoRoomToAskForOne() {
    try (NativeMemory.Block foreign = NativeMemory.allocate(4 * 8, 8);
        InProcessGroups ranks = InProcessGroups.create(2)) {
      // Memory that is not the group's, so that the receiver must ask for the bytes.
      TensorBuffer from = foreign.buffer(DType.INT64, 4).slice(0, 2);
      TensorBuffer to = foreign.buffer(DType.INT64, 4).slice(2, 2);
      fill(from.slice(0, 1), 1);
      fill(from.slice(1, 1), 2);
      fill(to, 0);
      ranks.deafen(1, true);
      ranks.refuse(SignalKind.WANT, 1);
      List<Work> works =
          List.of(
              ranks.group(0).send(from.slice(0, 1), 1, 5),
              ranks.group(0).send(from.slice(1, 1), 1, 5),
              ranks.group(1).receive(to.slice(0, 1), 0, 5),
              ranks.group(1).receive(to.slice(1, 1), 0, 5));
      ranks.deafen(1, false);
      assertThat(works).allMatch(work -> work.await(SOON));
      assertThat(TestBuffers.read(to)).containsExactly(1, 2);
    }
  }

  @Test
  void shouldTellThatItLeavesAlsoWhenThereWasNoRoomAtFirst() {
    try (InProcessGroups ranks = InProcessGroups.create(2)) {
      TensorBuffer buffer = buffers(ranks, 1).get(1);
      Work never = ranks.group(1).receive(buffer, 0, 0);
      ranks.refuse(SignalKind.LEFT, 3);
      ranks.group(0).close();
      shouldMiss(never, 0, "receive from rank 0");
    }
  }

  @Test
  void shouldMissWhoLeftThoughAnotherIsAwaitedForLonger() {
    try (InProcessGroups ranks = InProcessGroups.create(3)) {
      TensorBuffer buffer = buffers(ranks, 2).get(0);
      ProcessGroup group = ranks.group(0);
      Work older = group.receive(buffer.slice(0, 1), 1, 0);
      Work younger = group.receive(buffer.slice(1, 1), 2, 0);
      ranks.group(2).close();
      shouldMiss(younger, 2, "receive from rank 2");
      assertThat(end(older)).isNotNull();
    }
  }

  @Test
  void shouldMissWhoLeftThoughACollectiveAwaitsAnother() {
    try (InProcessGroups ranks = InProcessGroups.create(3)) {
      TensorBuffer buffer = buffers(ranks, 1).get(0);
      ProcessGroup group = ranks.group(0);
      ranks.group(2).barrier();
      Work older = group.barrier();
      Work younger = group.receive(buffer, 2, 0);
      ranks.group(2).close();
      shouldMiss(younger, 2, "receive from rank 2");
      assertThat(end(older)).isNotNull();
    }
  }

  private static void shouldMiss(Work work, int rank, String what) {
    CollectiveException e = end(work);
    assertThat(e)
        .as("the end of what was awaited for %s", SOON)
        .isNotNull()
        .hasMessageContaining("it has left the group")
        .hasMessageContaining(what);
    assertThat(e.reason()).isEqualTo(Cause.PEER_LOST);
    assertThat(e.suspectRank()).isEqualTo(rank);
  }
}
