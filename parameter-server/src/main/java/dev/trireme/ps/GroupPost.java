package dev.trireme.ps;

import dev.trireme.api.collective.CollectiveException;
import dev.trireme.api.collective.ProcessGroup;
import dev.trireme.api.collective.Work;
import dev.trireme.api.tensor.NativeMemory;
import dev.trireme.api.tensor.TensorBuffer;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;

/**
 * Messages over a process group's {@code send} and {@code receive}: a head of fixed size under one
 * tag, then its payload under another. From each peer one head is always expected; the next only
 * when the message before it has been handled, so that what a peer says is handled in its order.
 *
 * <p>Bounds: {@value #SENDING} messages are under way at once, the rest of them wait here; their
 * number is bounded by the protocol, which answers a shard before it is asked about it again.
 *
 * <p>Threading: one thread, the one that also starts the group's other operations. The group's own
 * thread only notes what is done.
 */
final class GroupPost implements Post {
  private static final int HEAD = 1;
  private static final int PAYLOAD = 2;
  private static final int SENDING = 256;

  /** What is under way mostly comes within this time, while nobody else needs this core much. */
  private static final Duration BRISK = Duration.ofNanos(20_000);

  /** For so long this thread drives the group, with the shortest naps that there are. */
  private static final long LIGHT_NANOS = TimeUnit.MICROSECONDS.toNanos(200);

  private static final Duration GLANCE = Duration.ofNanos(2_000);
  private static final long SHORTEST_NAP_NANOS = 1;

  /** Then, for so long, it looks every now and then, for the group's own thread looks seldom. */
  private static final long STEADY_NANOS = TimeUnit.MILLISECONDS.toNanos(50);

  private static final long STEADY_NAP_NANOS = TimeUnit.MICROSECONDS.toNanos(100);

  /** Beyond that whatever is done wakes it; this is for the deadline. */
  private static final long NAP_NANOS = TimeUnit.MILLISECONDS.toNanos(20);

  private record Waiting(int to, Frame frame, Optional<TensorBuffer> payload, Runnable sent) {}

  private record Done(Runnable next, Optional<CollectiveException> failure) {}

  private final ProcessGroup group;
  private final int shards;
  private final int workers;
  private final long largest;
  private final TensorBuffer heads;
  private final ArrayDeque<Integer> freeHeads = new ArrayDeque<>();
  private final ArrayDeque<Waiting> backlog = new ArrayDeque<>();
  private final Queue<Done> done = new ConcurrentLinkedQueue<>();
  private final List<Work> expected = new ArrayList<>();
  private final Thread owner = Thread.currentThread();
  private Optional<Receiver> receiver = Optional.empty();
  private int talking;
  private long bytes;

  /**
   * @param heads of {@link #headBytes}, best where peers of this host read them in place: others
   *     are asked for, which is one more way there and back for each message
   * @param shards how many there are, {@code workers} how many there are, {@code largest} bytes of
   *     a payload: what is beyond them is refused
   */
  GroupPost(ProcessGroup group, TensorBuffer heads, int shards, int workers, long largest) {
    this.group = group;
    this.shards = shards;
    this.workers = workers;
    this.largest = largest;
    int slots = group.worldSize() + SENDING;
    this.heads = heads;
    for (int slot = group.worldSize(); slot < slots; slot++) {
      freeHeads.add(slot);
    }
    for (int peer = 0; peer < group.worldSize(); peer++) {
      expected.add(Work.completed());
    }
  }

  /** Room for the heads that are under way. */
  static long headBytes(int worldSize) {
    return (long) Frame.BYTES * (worldSize + SENDING);
  }

  /** Hears these ranks from now on. */
  void listen(List<Integer> peers, Receiver to) {
    receiver = Optional.of(to);
    talking = peers.size();
    peers.forEach(this::expect);
  }

  private TensorBuffer head(int slot) {
    return heads.slice((long) Frame.BYTES * slot, Frame.BYTES);
  }

  private ByteBuffer view(int slot) {
    return NativeMemory.view(heads.address() + (long) Frame.BYTES * slot, Frame.BYTES);
  }

  private void expect(int peer) {
    Work work = group.receive(head(peer), peer, HEAD);
    expected.set(peer, work);
    then(work, () -> arrived(peer));
  }

  private void then(Work work, Runnable next) {
    work.whenDone(
        failure -> {
          done.add(new Done(next, failure));
          LockSupport.unpark(owner);
        });
  }

  private void arrived(int peer) {
    Frame frame = Frame.read(view(peer), peer, shards, workers, largest);
    bytes += Frame.BYTES + frame.bytes();
    Receiver to = receiver.orElseThrow();
    if (frame.bytes() == 0) {
      finish(peer, frame, to);
    } else {
      Work work = group.receive(to.target(peer, frame).bytes(), peer, PAYLOAD);
      expected.set(peer, work);
      then(work, () -> finish(peer, frame, to));
    }
  }

  private void finish(int peer, Frame frame, Receiver to) {
    to.handle(peer, frame);
    if (frame.kind() == Frame.Kind.BYE) {
      expected.set(peer, Work.completed());
      talking--;
    } else {
      expect(peer);
    }
  }

  @Override
  public void send(int to, Frame frame, Optional<TensorBuffer> payload, Runnable sent) {
    backlog.add(new Waiting(to, frame, payload, sent));
    flush();
  }

  private void flush() {
    while (!backlog.isEmpty() && !freeHeads.isEmpty()) {
      Waiting next = backlog.remove();
      int slot = freeHeads.remove();
      next.frame().write(view(slot));
      bytes += Frame.BYTES + next.frame().bytes();
      then(group.send(head(slot), next.to(), HEAD), () -> freeHeads.add(slot));
      next.payload()
          .filter(p -> p.count() > 0)
          .ifPresentOrElse(
              p -> then(group.send(p.bytes(), next.to(), PAYLOAD), next.sent()), next.sent());
    }
  }

  /** Bytes sent and received so far, heads included. */
  long bytes() {
    return bytes;
  }

  /** Whether all that was sent is out, and everybody listened to has said that no more comes. */
  boolean isOver() {
    return talking == 0 && backlog.isEmpty() && freeHeads.size() == SENDING;
  }

  /**
   * Handles what has arrived.
   *
   * @return whether there was anything
   * @throws CollectiveException when the group has failed
   */
  boolean poll() {
    boolean any = false;
    for (Done next = done.poll(); next != null; next = done.poll()) {
      if (next.failure().isPresent()) {
        throw next.failure().get();
      }
      next.next().run();
      any = true;
    }
    flush();
    return any;
  }

  /**
   * Handles what arrives until a condition holds.
   *
   * @param atMost how long
   * @return whether it holds
   * @throws CollectiveException when the group has failed
   */
  boolean await(BooleanSupplier condition, Duration atMost) {
    long start = System.nanoTime();
    long idleSince = start;
    while (!condition.getAsBoolean()) {
      if (poll()) {
        idleSince = System.nanoTime();
        continue;
      }
      long now = System.nanoTime();
      if (now - start > atMost.toNanos()) {
        return false;
      }
      if (Thread.interrupted()) {
        Thread.currentThread().interrupt();
        throw new CollectiveException(
            CollectiveException.Cause.ABORTED, -1, "interrupted while waiting for servers");
      }
      rest(now - idleSince);
    }
    return true;
  }

  /**
   * A peer is usually soon: at first this thread drives the group itself, later it leaves it. In
   * between it looks and naps in turn, the longer the less it looks like soon, for workers and
   * servers of a host are often more than its cores: who waits then holds up whoever it waits for,
   * and a server that looks often while workers compute takes from them what it waits with.
   */
  private void rest(long idleNanos) {
    Work open = open();
    if (!open.isDone() && idleNanos < LIGHT_NANOS) {
      boolean brisk = idleNanos < BRISK.toNanos();
      open.await(brisk ? BRISK : GLANCE);
      if (!brisk && done.isEmpty()) {
        LockSupport.parkNanos(SHORTEST_NAP_NANOS);
      }
    } else if (!open.isDone() && idleNanos < STEADY_NANOS) {
      open.await(GLANCE);
      if (done.isEmpty()) {
        LockSupport.parkNanos(STEADY_NAP_NANOS);
      }
    } else if (done.isEmpty()) {
      LockSupport.parkNanos(NAP_NANOS);
    }
  }

  /** A message that has not come; a completed work where there is none. */
  private Work open() {
    for (Work work : expected) {
      if (!work.isDone()) {
        return work;
      }
    }
    return Work.completed();
  }
}
