package dev.trireme.allreduce.nccl;

import dev.trireme.api.collective.CollectiveException;
import dev.trireme.api.collective.CollectiveException.Cause;
import dev.trireme.api.collective.ProcessGroup;
import dev.trireme.api.collective.Work;
import dev.trireme.api.tensor.Device;
import dev.trireme.api.tensor.DeviceMemory;
import dev.trireme.api.tensor.TensorBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.function.Function;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Messages between two ranks over a group of the hosts' memories, for buffers anywhere. */
final class StagedMessages {
  private static final Logger LOG = LoggerFactory.getLogger(StagedMessages.class);

  /** A copy that takes longer never ends. */
  private static final Duration COPY = Duration.ofMinutes(1);

  private StagedMessages() {}

  /** A buffer on a device is copied to the host first, which waits for the compute stream. */
  static Work send(ProcessGroup over, DeviceMemory memory, TensorBuffer buffer, int to, int tag) {
    if (buffer.device().equals(Device.CPU)) {
      return over.send(buffer, to, tag);
    }
    return withPiece(
        memory,
        buffer,
        piece -> {
          memory.copy(buffer, piece.buffer());
          Work sent = over.send(piece.buffer(), to, tag);
          sent.whenDone(end -> piece.close());
          return sent;
        });
  }

  /** A message for a device is copied there when it has come. */
  static Work receive(
      ProcessGroup over, DeviceMemory memory, TensorBuffer buffer, int from, int tag) {
    if (buffer.device().equals(Device.CPU)) {
      return over.receive(buffer, from, tag);
    }
    String what =
        "generation "
            + over.generation()
            + ": the message from rank "
            + from
            + " with tag "
            + tag
            + " has come, but not to "
            + buffer.device()
            + ": ";
    return withPiece(
        memory,
        buffer,
        piece -> {
          Received received = new Received(over.receive(piece.buffer(), from, tag), what);
          received.inner.whenDone(
              end -> received.end(end.or(() -> copied(over, memory, piece, buffer, what)), piece));
          return received;
        });
  }

  /** Memory of the host for what is on a device, which the work frees once it has begun. */
  private static Work withPiece(
      DeviceMemory memory, TensorBuffer buffer, Function<DeviceMemory.Piece, Work> begin) {
    DeviceMemory.Piece piece = memory.allocate(Device.CPU, buffer.dtype(), buffer.count());
    try {
      return begin.apply(piece);
    } catch (RuntimeException | Error e) {
      piece.close();
      throw e;
    }
  }

  /** Why it could not be; the group then ends, as with any operation that fails. */
  private static Optional<CollectiveException> copied(
      ProcessGroup over,
      DeviceMemory memory,
      DeviceMemory.Piece from,
      TensorBuffer to,
      String what) {
    try {
      memory.copy(from.buffer(), to);
      return Optional.empty();
    } catch (RuntimeException e) {
      CollectiveException why =
          new CollectiveException(Cause.UNUSABLE, over.rank(), what + e.getMessage());
      why.initCause(e);
      over.abort(why.getMessage());
      return Optional.of(why);
    }
  }

  /** Done once the copy on the device is. */
  private static final class Received implements Work {
    private final Work inner;
    private final String what;
    private final CountDownLatch ended = new CountDownLatch(1);
    private final List<Consumer<Optional<CollectiveException>>> callbacks = new ArrayList<>();
    private volatile Optional<CollectiveException> failure = Optional.empty();

    /**
     * @param what begins the sentence that says why a message that has come is not there
     */
    Received(Work inner, String what) {
      this.inner = inner;
      this.what = what;
    }

    private void end(Optional<CollectiveException> why, DeviceMemory.Piece piece) {
      piece.close();
      List<Consumer<Optional<CollectiveException>>> called;
      synchronized (callbacks) {
        failure = why;
        ended.countDown();
        called = List.copyOf(callbacks);
      }
      called.forEach(callback -> tell(callback, why));
    }

    private void tell(
        Consumer<Optional<CollectiveException>> callback, Optional<CollectiveException> why) {
      try {
        callback.accept(why);
      } catch (RuntimeException e) {
        LOG.warn("the callback of a message failed", e);
      }
    }

    @Override
    public void whenDone(Consumer<Optional<CollectiveException>> callback) {
      synchronized (callbacks) {
        if (!isDone()) {
          callbacks.add(callback);
          return;
        }
      }
      tell(callback, failure);
    }

    @Override
    public boolean isDone() {
      return ended.getCount() == 0;
    }

    @Override
    public void await() {
      inner.await();
      if (!awaitCopy(COPY.toNanos())) {
        throw new CollectiveException(
            Cause.DEADLINE, -1, what + "its copy has not ended within " + COPY.toSeconds() + " s");
      }
    }

    @Override
    public boolean await(Duration atMost) {
      long start = System.nanoTime();
      return inner.await(atMost) && awaitCopy(atMost.toNanos() - (System.nanoTime() - start));
    }

    private boolean awaitCopy(long nanos) {
      long start = System.nanoTime();
      boolean interrupted = false;
      try {
        while (true) {
          try {
            if (!ended.await(nanos - (System.nanoTime() - start), TimeUnit.NANOSECONDS)) {
              return false;
            }
            break;
          } catch (InterruptedException e) {
            interrupted = true;
          }
        }
      } finally {
        if (interrupted) {
          Thread.currentThread().interrupt();
        }
      }
      if (failure.isPresent()) {
        CollectiveException first = failure.get();
        CollectiveException mine =
            new CollectiveException(first.reason(), first.suspectRank(), first.getMessage());
        mine.initCause(first.getCause());
        throw mine;
      }
      return true;
    }
  }
}
