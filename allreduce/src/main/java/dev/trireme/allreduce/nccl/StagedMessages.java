package dev.trireme.allreduce.nccl;

import dev.trireme.api.collective.CollectiveException;
import dev.trireme.api.collective.ProcessGroup;
import dev.trireme.api.collective.Work;
import dev.trireme.api.tensor.Device;
import dev.trireme.api.tensor.DeviceMemory;
import dev.trireme.api.tensor.TensorBuffer;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;

/** Messages between two ranks over a group of the hosts' memories, for buffers anywhere. */
final class StagedMessages {
  private StagedMessages() {}

  /** A buffer on a device is copied to the host first, which waits for the compute stream. */
  static Work send(ProcessGroup over, DeviceMemory memory, TensorBuffer buffer, int to, int tag) {
    if (buffer.device().equals(Device.CPU)) {
      return over.send(buffer, to, tag);
    }
    DeviceMemory.Piece piece = memory.allocate(Device.CPU, buffer.dtype(), buffer.count());
    memory.copy(buffer, piece.buffer());
    Work sent = over.send(piece.buffer(), to, tag);
    sent.whenDone(end -> piece.close());
    return sent;
  }

  /** A message for a device is copied there when it has come. */
  static Work receive(
      ProcessGroup over, DeviceMemory memory, TensorBuffer buffer, int from, int tag) {
    if (buffer.device().equals(Device.CPU)) {
      return over.receive(buffer, from, tag);
    }
    DeviceMemory.Piece piece = memory.allocate(Device.CPU, buffer.dtype(), buffer.count());
    return new Received(over.receive(piece.buffer(), from, tag), memory, piece, buffer);
  }

  /** Done once the copy on the device is. */
  private static final class Received implements Work {
    private final Work inner;
    private final CountDownLatch copied = new CountDownLatch(1);

    Received(Work inner, DeviceMemory memory, DeviceMemory.Piece piece, TensorBuffer buffer) {
      this.inner = inner;
      inner.whenDone(
          end -> {
            try {
              if (end.isEmpty()) {
                memory.copy(piece.buffer(), buffer);
              }
              piece.close();
            } finally {
              copied.countDown();
            }
          });
    }

    @Override
    public boolean isDone() {
      return copied.getCount() == 0;
    }

    @Override
    public void await() {
      inner.await();
      await(Duration.ofMinutes(1));
    }

    @Override
    public boolean await(Duration atMost) {
      long start = System.nanoTime();
      if (!inner.await(atMost)) {
        return false;
      }
      boolean interrupted = false;
      try {
        while (true) {
          long rest = Math.max(0, atMost.toNanos() - (System.nanoTime() - start));
          try {
            return copied.await(rest, TimeUnit.NANOSECONDS);
          } catch (InterruptedException e) {
            interrupted = true;
          }
        }
      } finally {
        if (interrupted) {
          Thread.currentThread().interrupt();
        }
      }
    }

    @Override
    public void whenDone(Consumer<Optional<CollectiveException>> callback) {
      // Callbacks run in the order in which they were given: the copy comes first.
      inner.whenDone(callback);
    }
  }
}
