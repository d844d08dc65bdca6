package dev.trireme.data;

import dev.trireme.api.data.Batch;
import dev.trireme.api.data.BatchStream;
import dev.trireme.api.data.DataException;
import dev.trireme.data.BatchPlan.PlannedBatch;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.Optional;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Batches read ahead by a thread of the stream's own into a fixed number of slots: one in the
 * consumer's hands, the others ready or being filled. Two bounded queues pass the slots to and fro,
 * so that neither memory nor the lead can grow.
 */
final class PrefetchedBatchStream implements BatchStream {
  private static final Logger LOG = LoggerFactory.getLogger(PrefetchedBatchStream.class);

  /** Reading a batch takes micro- to milliseconds: a reader this late has met with a fault. */
  static final Duration DEADLINE = Duration.ofSeconds(60);

  private static final Duration CLOSE_DEADLINE = Duration.ofSeconds(10);

  private final BatchPlan plan;
  private final ItemSet set;
  private final FeatureTable table;
  private final Consumer<PrefetchedBatchStream> onClose;
  private final List<BatchSlot> slots = new ArrayList<>();
  private final BlockingQueue<BatchSlot> free;
  private final BlockingQueue<Optional<BatchSlot>> filled;
  private final Thread reader;
  private volatile boolean closed;
  private volatile Throwable failure;
  private BatchSlot inHand;
  private long handedOut;

  /**
   * Starts reading.
   *
   * @param name of the reading thread
   * @param prefetch batches read ahead, at least 1
   * @param onClose called once, when it is closed and its reader has ended
   * @throws DataException when there is no memory for the slots; nothing is left behind
   */
  PrefetchedBatchStream(
      String name,
      BatchPlan plan,
      ItemSet set,
      FeatureTable table,
      int prefetch,
      Consumer<PrefetchedBatchStream> onClose) {
    this.plan = plan;
    this.set = set;
    this.table = table;
    this.onClose = onClose;
    int count = (int) Math.min(prefetch + 1L, Math.max(1, plan.batches()));
    this.free = new ArrayBlockingQueue<>(count);
    // One place more than slots, for the empty entry that wakes the consumer at the end: an offer
    // of
    // such an entry fails only where there is one already.
    this.filled = new ArrayBlockingQueue<>(count + 1);
    allocate(count);
    free.addAll(slots);
    this.reader = new Thread(this::read, name);
    reader.setDaemon(true);
    reader.start();
  }

  private void allocate(int count) {
    try {
      for (int i = 0; i < count; i++) {
        slots.add(new BatchSlot(plan.largestBatch(), set.info()));
      }
    } catch (RuntimeException | Error e) {
      slots.forEach(BatchSlot::close);
      throw e;
    }
  }

  @Override
  public boolean hasNext() {
    return handedOut < plan.batches();
  }

  @Override
  public Batch next() {
    if (closed) {
      throw new IllegalStateException("this stream of batches is closed");
    }
    if (!hasNext()) {
      throw new NoSuchElementException("all " + plan.batches() + " batches have been handed out");
    }
    if (inHand != null) {
      free.add(inHand);
      inHand = null;
    }
    inHand = await().orElseThrow(this::ended);
    handedOut++;
    return inHand.batch();
  }

  private Optional<BatchSlot> await() {
    Optional<BatchSlot> slot;
    try {
      slot = filled.poll(DEADLINE.toNanos(), TimeUnit.NANOSECONDS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new DataException("interrupted while waiting for a batch from " + reader.getName(), e);
    }
    if (slot == null) {
      throw new DataException(
          "no batch came from "
              + reader.getName()
              + " within "
              + DEADLINE.toSeconds()
              + " s, although it is "
              + (reader.isAlive() ? "alive" : "dead")
              + "; is the host overloaded or out of memory?");
    }
    if (slot.isEmpty()) {
      // Stays there, so that whoever asks again hears the same.
      filled.offer(slot);
    }
    return slot;
  }

  private RuntimeException ended() {
    if (failure instanceof DataException e) {
      return new DataException(e.getMessage(), e);
    }
    if (failure != null) {
      return new DataException(reader.getName() + " failed: " + failure, failure);
    }
    return new IllegalStateException("this stream of batches was closed while waiting for one");
  }

  private void read() {
    try {
      boolean more = true;
      while (more && !closed) {
        more = readOne();
      }
    } catch (InterruptedException e) {
      // Only close() interrupts this thread.
    } catch (Throwable e) {
      failure = e;
      filled.offer(Optional.empty());
    }
  }

  /**
   * Reads the next batch and forgets it, for the order of items that it is part of may be large.
   *
   * @return whether there was one
   */
  private boolean readOne() throws InterruptedException {
    Optional<PlannedBatch> planned = plan.next();
    if (planned.isEmpty()) {
      return false;
    }
    BatchSlot slot = free.take();
    slot.fill(planned.get(), set, table, () -> closed);
    filled.add(Optional.of(slot));
    return true;
  }

  @Override
  public void close() {
    synchronized (this) {
      if (closed) {
        return;
      }
      closed = true;
    }
    filled.offer(Optional.empty());
    reader.interrupt();
    if (awaitReader()) {
      slots.forEach(BatchSlot::close);
      onClose.accept(this);
    } else {
      LOG.warn(
          "{} did not end within {} s; the memory it uses is not freed",
          reader.getName(),
          CLOSE_DEADLINE.toSeconds());
    }
  }

  private boolean awaitReader() {
    long deadline = System.nanoTime() + CLOSE_DEADLINE.toNanos();
    boolean interrupted = false;
    while (reader.isAlive() && System.nanoTime() < deadline) {
      try {
        reader.join(CLOSE_DEADLINE.toMillis());
      } catch (InterruptedException e) {
        // Freeing memory that is still being written to would be worse than a short delay.
        interrupted = true;
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
    return !reader.isAlive();
  }
}
