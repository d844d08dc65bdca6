package dev.trireme.allreduce.nccl;

import dev.trireme.allreduce.cuda.Cuda;
import dev.trireme.allreduce.cuda.CudaEvent;
import dev.trireme.allreduce.cuda.CudaMemory;
import dev.trireme.allreduce.group.FlightRecorder;
import dev.trireme.api.collective.CollectiveException;
import dev.trireme.api.collective.CollectiveException.Cause;
import dev.trireme.api.tensor.DeviceMemory;
import java.time.Duration;
import java.util.Optional;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;
import org.bytedeco.cuda.global.nccl;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Runs the operations of one rank in the order in which they were started, on a thread of its own,
 * the only one that calls NCCL (besides the one that aborts it).
 *
 * <p>Each operation waits, on the group's stream, for what the compute stream had to do when it was
 * started, and for the operations before it; so it overlaps with what is computed afterwards. It is
 * done when the mark behind it has been reached.
 *
 * <p><b>Why nothing hangs.</b> NCCL is told not to block. Whoever waits does so outside the
 * library, with the deadline. A failure or an abort first ends all operations for their waiters,
 * then a thread made for it aborts the communicator: that takes up to about a second, during which
 * kernels may still write to the operations' buffers on the device; {@link #close} waits for it.
 */
final class NcclRunner {
  /** Operations that may be in flight at once. */
  static final int MAX_IN_FLIGHT = 1024;

  private static final long ASYNC_CHECK_NANOS = TimeUnit.MILLISECONDS.toNanos(1);
  private static final long IDLE_CHECK_NANOS = TimeUnit.MILLISECONDS.toNanos(100);
  private static final long CLOSE_NANOS = TimeUnit.SECONDS.toNanos(2);
  private static final long END_MILLIS = 10_000;

  /** A nap takes longer than most operations; with few cores a peer may need this one. */
  private static final int YIELDS = Runtime.getRuntime().availableProcessors() > 2 ? 5_000 : 200;

  private static final Logger LOG = LoggerFactory.getLogger(NcclRunner.class);

  private final NcclConfig config;
  private final NcclStart beginning;
  private final Keeping keeping;
  private final NcclCommunicator comm = new NcclCommunicator();
  private final FlightRecorder recorder = new FlightRecorder(System.nanoTime());
  private final Queue<NcclOperation> inbox = new ConcurrentLinkedQueue<>();
  private final Queue<NcclOperation> pending = new ConcurrentLinkedQueue<>();
  private final AtomicInteger awaiting = new AtomicInteger();
  private final AtomicReference<CollectiveException> failure = new AtomicReference<>();

  /** Open once it is clear whether the ranks have met. */
  private final CountDownLatch decided = new CountDownLatch(1);

  /** Open once nothing is left of what a failure ends. */
  private final CountDownLatch tornDown = new CountDownLatch(1);

  private final Object startLock = new Object();
  private final Thread thread;
  private final NcclPipeline pipeline;
  private final Leftovers leftovers = new Leftovers();
  private final AtomicBoolean released = new AtomicBoolean();

  /** The communicator has been aborted, and holds nothing any more. */
  private volatile boolean torn;

  private volatile RuntimeException joinFailure;
  private volatile String label = "";
  private volatile Duration patience = Duration.ZERO;
  private volatile boolean joined;
  private volatile boolean ncclFailed;
  private volatile boolean closing;
  private volatile boolean dozing;
  private long started;
  // Below: the thread.
  private long checkedNanos;
  private int idleTurns;

  NcclRunner(NcclConfig config, CudaMemory memory, NcclStart beginning) {
    this.config = config;
    this.beginning = beginning;
    this.keeping = new Keeping(config.keep().toNanos(), config.timeout().toNanos());
    this.pipeline = new NcclPipeline(config, memory, comm, recorder);
    this.thread = new Thread(this::run, "trireme-nccl-rank-" + config.rank());
    thread.setDaemon(true);
  }

  /**
   * Meets the peers. When it throws, what there was of the group is being torn down.
   *
   * @throws NcclUnavailableException when NCCL refuses, whatever the peers do
   * @throws CollectiveException when they do not come in time, or it was aborted
   */
  void join() {
    if (failure.get() == null) {
      thread.start();
    }
    try {
      Duration within = beginning.within(config.timeout());
      if (!decided.await(within.toNanos(), TimeUnit.NANOSECONDS)) {
        fail(Verdicts.alone(config, within));
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      fail(Verdicts.of(config, Cause.ABORTED, "was interrupted while it met the other ranks"));
    }
    if (joinFailure != null) {
      throw joinFailure;
    }
    if (failure.get() != null) {
      throw failure.get();
    }
  }

  /** Starts an operation; waits for nothing. */
  NcclOperation start(NcclCall call) {
    synchronized (startLock) {
      requireUsable();
      if (pending.size() >= MAX_IN_FLIGHT) {
        throw new IllegalStateException(
            MAX_IN_FLIGHT + " operations are in flight, which is the limit; await some of them");
      }
      Cuda.use(config.device());
      CudaEvent ready = pipeline.event();
      ready.recordCompute();
      NcclOperation operation = new NcclOperation(this, call, ++started, label, ready);
      recorder.enqueued(operation.number(), call.what(), label, call.bytes(), System.nanoTime());
      pending.add(operation);
      inbox.add(operation);
      // Who failed the group meanwhile may not have seen it.
      CollectiveException broken = failure.get();
      if (broken != null) {
        operation.fail(broken);
      }
      if (dozing) {
        LockSupport.unpark(thread);
      }
      return operation;
    }
  }

  void label(String what) {
    label = what;
  }

  void patience(Duration least) {
    patience = least;
  }

  FlightRecorder recorder() {
    return recorder;
  }

  void awaiting(int more) {
    awaiting.addAndGet(more);
    if (more > 0 && dozing) {
      LockSupport.unpark(thread);
    }
  }

  /**
   * @throws CollectiveException when the group has failed, was aborted or closed
   */
  void requireUsable() {
    CollectiveException first = failure.get();
    if (first != null) {
      // What this rank's own device did is why its rank ends, whichever operation finds it.
      boolean own = first.reason() == Cause.OWN_FAULT;
      throw new CollectiveException(
          own ? Cause.OWN_FAULT : Cause.UNUSABLE,
          first.suspectRank(),
          "the process group of generation "
              + config.generation()
              + " cannot be used any more since: "
              + first.getMessage());
    }
    if (closing) {
      throw new CollectiveException(
          Cause.UNUSABLE,
          -1,
          "the process group of generation " + config.generation() + " has been closed");
    }
  }

  /** Memory for the group's users, to free which holds nobody up; see {@link Leftovers}. */
  DeviceMemory memory(DeviceMemory of) {
    return leftovers.inFrontOf(of, this::isIdle);
  }

  /** Whether nothing of this group is on the device. */
  private boolean isIdle() {
    // In this order: a failure comes before the operations that it ends are gone.
    return pending.isEmpty() && failure.get() == null;
  }

  /** Called by an operation that has ended. */
  void ended(NcclOperation operation, boolean well) {
    recorder.ended(operation.number(), well, System.nanoTime());
    pending.remove(operation);
  }

  /** Ends everything in flight; returns at once. Nothing is left to end once it has been closed. */
  void abort(String why) {
    if (closing && !thread.isAlive()) {
      return;
    }
    fail(
        Optional.ofNullable(pending.peek())
            .map(head -> Verdicts.of(config, head, Cause.ABORTED, "aborted: " + why))
            .orElseGet(() -> Verdicts.of(config, Cause.ABORTED, "was aborted: " + why)));
  }

  /** Fails the group if its oldest operation has been in flight for longer than it may. */
  void checkDeadline(long now) {
    NcclOperation head = pending.peek();
    Duration deadline = patience.compareTo(config.timeout()) > 0 ? patience : config.timeout();
    if (head != null && head.headNanos(now) > deadline.toNanos()) {
      fail(
          Verdicts.of(
              config,
              head,
              Cause.DEADLINE,
              "its deadline of "
                  + deadline.toMillis()
                  + " ms has passed; NCCL does not tell which rank has not come: it is one whose"
                  + " log has no operation "
                  + head.number()));
    }
  }

  /** Wakes all who wait, then has NCCL torn down by a thread of its own. */
  private void fail(CollectiveException why) {
    if (!failure.compareAndSet(null, why)) {
      return;
    }
    pending.forEach(operation -> operation.fail(why));
    decided.countDown();
    if (why.reason() != Cause.UNUSABLE && joined) {
      LOG.warn("{}\nthe last operations:\n{}", why.getMessage(), recorder.table());
    }
    Thread ending = new Thread(this::tearDown, "trireme-nccl-abort-rank-" + config.rank());
    ending.setDaemon(true);
    ending.start();
    LockSupport.unpark(thread);
  }

  private void tearDown() {
    try {
      Cuda.use(config.device());
      if (isWhole()) {
        keeping.await();
      }
      keeping.end();
      beginning.end();
      comm.abort();
      torn = true;
      joinQuietly(thread);
      release();
    } finally {
      tornDown.countDown();
    }
  }

  /**
   * Claims the communicator of a group that was aborted, so that others can be made of it; once.
   *
   * @return false where it is gone or was never kept, or NCCL itself has failed
   */
  boolean claim() {
    return !closing && isWhole() && Nccl.canShrink() && keeping.claim();
  }

  /** Whether it was ended from outside, with nothing wrong between the ranks that are left. */
  private boolean isWhole() {
    CollectiveException why = failure.get();
    return joined
        && why != null
        && why.reason() != Cause.PEER_LOST
        && why.reason() != Cause.OWN_FAULT
        && !ncclFailed;
  }

  /** What a claim is for. */
  NcclCommunicator communicator() {
    return comm;
  }

  /** Returns once a failed group's thread calls nothing of NCCL any more, or after some seconds. */
  void awaitThread() {
    joinQuietly(thread);
  }

  /** Has a failed group's communicator end after all, and waits for that, for about a second. */
  void letGo() {
    keeping.end();
    try {
      if (!tornDown.await(END_MILLIS, TimeUnit.MILLISECONDS)) {
        LOG.warn("NCCL does not let go of what rank {} has left", config.rank());
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  /**
   * Ends the thread and frees what it holds; waits for neither peers nor operations.
   *
   * @return false where NCCL has not let go after some seconds, and may still use the group's
   *     memory
   */
  boolean close() {
    synchronized (startLock) {
      closing = true;
    }
    if (!pending.isEmpty()) {
      fail(new CollectiveException(Cause.UNUSABLE, -1, "the process group was closed"));
    }
    keeping.end();
    LockSupport.unpark(thread);
    joinQuietly(thread);
    if (failure.get() != null) {
      letGo();
    }
    boolean ended = !thread.isAlive() && (failure.get() == null || tornDown.getCount() == 0);
    if (!ended) {
      LOG.warn("NCCL does not let go of thread {}; its memory is left to it", thread.getName());
    }
    return ended;
  }

  private static void joinQuietly(Thread ending) {
    try {
      ending.join(END_MILLIS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private void run() {
    try {
      Cuda.use(config.device());
      pipeline.open();
      meet();
      while (failure.get() == null && !(closing && pending.isEmpty())) {
        pause(turn());
      }
      if (failure.get() == null) {
        comm.close(CLOSE_NANOS);
        release();
      }
    } catch (NcclCommunicator.Gone e) {
      // Nothing where this one was aborted: that came first.
      fail(Verdicts.of(config, Cause.PEER_LOST, "has lost what it was to be made of"));
      LOG.debug("rank {} leaves a group that was aborted", config.rank());
    } catch (NcclFailure e) {
      broken(e);
    } catch (RuntimeException | Error e) {
      // NCCL's own errors come as NcclFailure: this is the device's, or a lack of its memory.
      CollectiveException verdict =
          Verdicts.ownFault(config, joined, "cannot go on: " + e.getMessage());
      verdict.initCause(e);
      fail(verdict);
    } finally {
      if (torn) {
        // Who ended the communicator may have waited for this thread in vain.
        release();
      }
    }
  }

  private void meet() {
    try {
      beginning.open(comm);
      while (failure.get() == null && !comm.settled()) {
        LockSupport.parkNanos(TimeUnit.MICROSECONDS.toNanos(100));
      }
      beginning.end();
      joined = failure.get() == null;
      decided.countDown();
    } catch (NcclFailure e) {
      if (e.code() != nccl.ncclRemoteError && beginning.refusalIsFinal()) {
        // Who cannot use NCCL says so before anybody waits for it.
        joinFailure =
            Nccl.unavailable(
                Verdicts.who(config) + " cannot join the other ranks", e.code(), e.lastError());
      }
      throw e;
    }
  }

  private void broken(NcclFailure e) {
    ncclFailed = true;
    if (!pipeline.isDeviceWell()) {
      fail(Verdicts.ownFault(config, joined, "has a device that fails: " + e.getMessage()));
      return;
    }
    NcclOperation head = pending.peek();
    Cause cause = Cause.PEER_LOST;
    fail(
        head == null
            ? Verdicts.of(config, cause, "cannot go on: " + e.getMessage())
            : Verdicts.of(config, head, cause, e.getMessage()));
  }

  private boolean turn() {
    boolean moved = false;
    for (NcclOperation next = inbox.peek();
        next != null && !pipeline.owesInputOf(next.call());
        next = inbox.peek()) {
      inbox.remove();
      pipeline.issue(next, this::settle);
      moved = true;
      moved |= pipeline.finishSome();
    }
    moved |= pipeline.finishSome();
    long now = System.nanoTime();
    if (now - checkedNanos > (pipeline.isEmpty() ? IDLE_CHECK_NANOS : ASYNC_CHECK_NANOS)) {
      checkedNanos = now;
      comm.settled();
      checkDeadline(now);
    }
    return moved;
  }

  /**
   * A call that makes a connection is in progress until the peers make theirs; who waits for what
   * was done before must not wait for that.
   */
  private void settle() {
    for (int turns = 0; failure.get() == null && !comm.settled(); turns++) {
      pipeline.finishSome();
      checkDeadline(System.nanoTime());
      if (turns < 50) {
        Thread.onSpinWait();
      } else {
        LockSupport.parkNanos(TimeUnit.MICROSECONDS.toNanos(20));
      }
    }
  }

  /** Whoever computes has the better use for the core, unless somebody waits. */
  private void pause(boolean moved) {
    if (moved) {
      idleTurns = 0;
      return;
    }
    idleTurns++;
    if (pipeline.isEmpty()) {
      dozing = true;
      if (inbox.isEmpty() && failure.get() == null && !closing) {
        LockSupport.parkNanos(IDLE_CHECK_NANOS);
      }
      dozing = false;
    } else if (awaiting.get() > 0 && idleTurns < YIELDS) {
      Thread.yield();
    } else {
      LockSupport.parkNanos(TimeUnit.MICROSECONDS.toNanos(awaiting.get() > 0 ? 20 : 100));
    }
  }

  /** Frees what the thread has made, once; the thread itself, or who has seen it end. */
  private void release() {
    boolean mayFree = !thread.isAlive() || Thread.currentThread() == thread;
    if (mayFree && released.compareAndSet(false, true)) {
      pipeline.close(inbox);
      leftovers.end();
    }
  }
}
