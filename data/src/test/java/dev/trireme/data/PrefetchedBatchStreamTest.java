package dev.trireme.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.trireme.api.data.Batch;
import dev.trireme.api.data.BatchStream;
import dev.trireme.api.data.Cursor;
import dev.trireme.api.data.DataException;
import dev.trireme.api.data.DatasetInfo;
import dev.trireme.api.data.Share;
import dev.trireme.api.tensor.DType;
import dev.trireme.api.tensor.Shape;
import java.util.HashSet;
import java.util.NoSuchElementException;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class PrefetchedBatchStreamTest {
  private static final int ITEMS = 10;
  private static final String READER = "reader-under-test";

  private final AtomicInteger closes = new AtomicInteger();

  @Test
  void shouldRunOverEpochsWithoutEnd() {
    try (BatchStream stream = training(new CountingSet(), 3, Cursor.START, 0, 1)) {
      Cursor at = Cursor.START;
      for (int step = 0; step < 40; step++) {
        assertThat(stream.hasNext()).isTrue();
        Batch batch = stream.next();
        assertThat(batch.from()).isEqualTo(at);
        assertThat(batch.lastOfEpoch()).isEqualTo(step % 4 == 3);
        assertThat(batch.size()).isEqualTo(step % 4 == 3 ? 1 : 3);
        at = batch.after();
      }
      assertThat(at).isEqualTo(new Cursor(10, 0));
    }
  }

  @Test
  void shouldGiveTheSameBatchesFromACursorOn() {
    try (BatchStream whole = training(new CountingSet(), 3, Cursor.START, 1, 2);
        BatchStream resumed = training(new CountingSet(), 3, new Cursor(1, 6), 1, 2)) {
      Batch expected = whole.next();
      while (!expected.from().equals(new Cursor(1, 6))) {
        expected = whole.next();
      }
      for (int step = 0; step < 9; step++) {
        Batch found = resumed.next();
        assertThat(found.from()).isEqualTo(expected.from());
        assertThat(Batches.labels(found)).isEqualTo(Batches.labels(expected));
        assertThat(Batches.features(found)).isEqualTo(Batches.features(expected));
        expected = whole.next();
      }
    }
  }

  @Test
  void shouldHandOutEmptyPartOfShortBatch() {
    try (BatchStream stream = training(new CountingSet(), 9, Cursor.START, 0, 2)) {
      stream.next();
      Batch shortOne = stream.next();
      assertThat(shortOne.globalSize()).isEqualTo(1);
      assertThat(shortOne.size()).isZero();
      assertThat(shortOne.featureShape()).isEqualTo(Shape.of(0, 2));
      assertThat(shortOne.features().count()).isZero();
      assertThat(shortOne.labels().count()).isZero();
    }
  }

  @Test
  void shouldReadNoFurtherAheadThanAsked() throws InterruptedException {
    CountingSet set = new CountingSet();
    try (BatchStream stream = training(set, 1, Cursor.START, 0, 1)) {
      // Prefetch is 2 and one slot is the consumer's, so that three items are read, then no more.
      set.awaitReads(3);
      awaitState(reader(), Thread.State.WAITING);
      assertThat(set.reads.get()).isEqualTo(3);
      stream.next();
      stream.next();
      set.awaitReads(4);
      awaitState(reader(), Thread.State.WAITING);
      assertThat(set.reads.get()).isEqualTo(4);
    }
  }

  @Test
  void shouldReuseItsMemory() {
    Set<Long> addresses = new HashSet<>();
    try (BatchStream stream = training(new CountingSet(), 3, Cursor.START, 0, 1)) {
      for (int step = 0; step < 50; step++) {
        addresses.add(stream.next().features().address());
      }
    }
    assertThat(addresses).hasSize(3);
  }

  @Test
  void shouldEndTheReaderWhenClosedWhileItWaitsForRoom() throws InterruptedException {
    CountingSet set = new CountingSet();
    BatchStream stream = training(set, 1, Cursor.START, 0, 1);
    set.awaitReads(3);
    Thread reader = reader();
    awaitState(reader, Thread.State.WAITING);
    stream.close();
    stream.close();
    assertThat(reader.isAlive()).isFalse();
    assertThat(closes).hasValue(1);
  }

  @Test
  void shouldEndTheReaderInTheMiddleOfABatch() throws InterruptedException {
    CountingSet set = new CountingSet();
    set.hold = new CountDownLatch(1);
    BatchStream stream = training(set, 8, Cursor.START, 0, 1);
    set.awaitReads(1);
    Thread reader = reader();
    CompletableFuture<Void> closing = CompletableFuture.runAsync(stream::close);
    awaitInterrupt(reader);
    set.hold.countDown();
    closing.join();
    assertThat(reader.isAlive()).isFalse();
    assertThat(set.reads).hasValue(1);
  }

  @Test
  void shouldWakeTheConsumerWhenClosed()
      throws InterruptedException, ExecutionException, TimeoutException {
    CountingSet set = new CountingSet();
    set.hold = new CountDownLatch(1);
    BatchStream stream = training(set, 8, Cursor.START, 0, 1);
    CompletableFuture<Throwable> outcome = new CompletableFuture<>();
    Thread consumer =
        new Thread(
            () -> {
              try {
                stream.next();
                outcome.complete(null);
              } catch (RuntimeException e) {
                outcome.complete(e);
              }
            },
            "consumer-under-test");
    consumer.start();
    awaitState(consumer, Thread.State.TIMED_WAITING);
    CompletableFuture<Void> closing = CompletableFuture.runAsync(stream::close);
    assertThat(outcome.get(20, TimeUnit.SECONDS))
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("closed");
    set.hold.countDown();
    closing.join();
  }

  @Test
  void shouldSurfaceErrorsOfTheReaderAfterTheGoodBatches() {
    CountingSet set = new CountingSet();
    set.failAt = 2;
    set.failure = new DataException("block 17 cannot be read");
    try (BatchStream stream = training(set, 1, Cursor.START, 0, 1)) {
      stream.next();
      stream.next();
      for (int again = 0; again < 3; again++) {
        assertThatThrownBy(stream::next)
            .isInstanceOf(DataException.class)
            .hasMessage("block 17 cannot be read");
      }
    }
    assertThat(closes).hasValue(1);
  }

  @Test
  void shouldSurfaceUnexpectedErrorsWithTheReadersName() {
    CountingSet set = new CountingSet();
    set.failAt = 0;
    set.failure = new OutOfMemoryError("no heap");
    try (BatchStream stream = training(set, 1, Cursor.START, 0, 1)) {
      assertThatThrownBy(stream::next)
          .isInstanceOf(DataException.class)
          .hasMessageContainingAll(READER, "OutOfMemoryError", "no heap")
          .hasCause(set.failure);
    }
  }

  @Test
  void shouldKeepTheInterruptOfItsConsumer() {
    CountingSet set = new CountingSet();
    set.hold = new CountDownLatch(1);
    try (BatchStream stream = training(set, 1, Cursor.START, 0, 1)) {
      Thread.currentThread().interrupt();
      assertThatThrownBy(stream::next)
          .isInstanceOf(DataException.class)
          .hasMessageContaining("interrupted");
      assertThat(Thread.interrupted()).isTrue();
      set.hold.countDown();
    }
  }

  @Test
  void shouldEndAfterTheLastBatchOfAnEvaluation() {
    CountingSet set = new CountingSet();
    try (BatchStream stream = stream(new BatchPlan.Evaluation(set.info(), 4, 1, 2), set)) {
      assertThat(stream.next().size()).isEqualTo(4);
      assertThat(stream.hasNext()).isTrue();
      Batch last = stream.next();
      assertThat(last.size()).isEqualTo(1);
      assertThat(last.from()).isEqualTo(new Cursor(0, 9));
      assertThat(last.lastOfEpoch()).isFalse();
      assertThat(stream.hasNext()).isFalse();
      assertThatThrownBy(stream::next)
          .isInstanceOf(NoSuchElementException.class)
          .hasMessageContaining("all 2 batches");
    }
  }

  @Test
  void shouldHaveNoBatchWhereARankHasNoItems() {
    CountingSet set = new CountingSet();
    try (BatchStream stream = stream(new BatchPlan.Evaluation(set.info(), 4, 0, 64), set)) {
      assertThat(stream.hasNext()).isFalse();
      assertThatThrownBy(stream::next).isInstanceOf(NoSuchElementException.class);
    }
  }

  private BatchStream training(
      CountingSet set, int batchSize, Cursor cursor, int rank, int worldSize) {
    DistributedSampler sampler = new DistributedSampler(ITEMS, batchSize, 1);
    return stream(new BatchPlan.Training(sampler, cursor, Share.equal(rank, worldSize)), set);
  }

  private BatchStream stream(BatchPlan plan, CountingSet set) {
    return new PrefetchedBatchStream(
        READER,
        plan,
        set,
        new FeatureTable(Optional.empty()),
        2,
        closed -> closes.incrementAndGet());
  }

  private static Thread reader() {
    return Thread.getAllStackTraces().keySet().stream()
        .filter(thread -> thread.getName().equals(READER))
        .findAny()
        .orElseThrow();
  }

  private static void awaitState(Thread thread, Thread.State state) {
    while (thread.getState() != state) {
      Thread.yield();
    }
  }

  private static void awaitInterrupt(Thread thread) {
    while (!thread.isInterrupted()) {
      Thread.yield();
    }
  }

  /** Two pixels an item, both the item's number; the label is the number too. */
  private static final class CountingSet implements PixelSet {
    private final AtomicInteger reads = new AtomicInteger();
    private volatile CountDownLatch hold = new CountDownLatch(0);
    private volatile int failAt = -1;
    private volatile Throwable failure;

    @Override
    public DatasetInfo info() {
      return new DatasetInfo(ITEMS, Shape.of(2), DType.FLOAT32, ITEMS);
    }

    @Override
    public int read(int item, byte[] pixels) {
      int number = reads.getAndIncrement();
      if (number == failAt && failure instanceof Error e) {
        throw e;
      }
      if (number == failAt && failure instanceof RuntimeException e) {
        throw e;
      }
      awaitUninterruptibly(hold);
      pixels[0] = (byte) item;
      pixels[1] = (byte) item;
      return item;
    }

    private void awaitReads(int count) {
      while (reads.get() < count) {
        Thread.yield();
      }
    }

    /** As native reads are: deaf to interrupts, but they keep them. */
    private static void awaitUninterruptibly(CountDownLatch latch) {
      while (latch.getCount() > 0) {
        Thread.yield();
      }
    }

    @Override
    public void close() {}
  }
}
