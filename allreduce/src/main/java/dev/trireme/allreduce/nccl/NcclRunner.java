package dev.trireme.allreduce.nccl;

import dev.trireme.allreduce.cuda.Cuda;
import dev.trireme.allreduce.cuda.CudaEvent;
import dev.trireme.allreduce.cuda.CudaMemory;
import dev.trireme.allreduce.cuda.CudaStream;
import dev.trireme.allreduce.group.FlightRecorder;
import dev.trireme.api.collective.CollectiveException;
import dev.trireme.api.collective.CollectiveException.Cause;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Optional;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
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

  /** How long what an aborted operation leaves behind may take to end. */
  private static final long DRAIN_NANOS = 2_000_000_000L;

  private final NcclConfig config;
  private final CudaMemory memory;
  private final NcclCommunicator comm = new NcclCommunicator();
  private final FlightRecorder recorder = new FlightRecorder(System.nanoTime());
  private final Queue<NcclOperation> inbox = new ConcurrentLinkedQueue<>();
  private final Queue<CudaEvent> events = new ConcurrentLinkedQueue<>();
  private final Queue<NcclOperation> pending = new ConcurrentLinkedQueue<>();
  private final AtomicInteger awaiting = new AtomicInteger();
  private final AtomicReference<CollectiveException> failure = new AtomicReference<>();

  /** Open once it is clear whether the ranks have met. */
  private final CountDownLatch decided = new CountDownLatch(1);

  private final Object startLock = new Object();
  private final Thread thread;
  private final Staging.Pool stagings;
  private volatile RuntimeException joinFailure;
  private volatile Optional<Thread> aborter = Optional.empty();
  private volatile String label = "";
  private volatile boolean joined;
  private volatile boolean closing;
  private volatile boolean dozing;
  private long started;
  // Below: the thread.
  private final Deque<NcclOperation> issued = new ArrayDeque<>();
  private CudaStream stream;
  private long checkedNanos;
  private int idleTurns;

  NcclRunner(NcclConfig config, CudaMemory memory) {
    this.config = config;
    this.memory = memory;
    this.stagings = new Staging.Pool(memory, config.device());
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
    thread.start();
    long start = System.nanoTime();
    boolean interrupted = false;
    boolean met = false;
    while (!met && joinFailure == null && failure.get() == null) {
      long rest = config.timeout().toNanos() - (System.nanoTime() - start);
      if (rest <= 0) {
        fail(
            Verdicts.of(
                config,
                Cause.DEADLINE,
                "gave up meeting the other ranks: the deadline of "
                    + config.timeout().toMillis()
                    + " ms has passed and not all "
                    + config.worldSize()
                    + " ranks have come, or their networks do not reach each other"
                    + " (NCCL_SOCKET_IFNAME, NCCL_DEBUG=INFO)"));
        break;
      }
      try {
        met = decided.await(rest, TimeUnit.NANOSECONDS) && joined;
      } catch (InterruptedException e) {
        interrupted = true;
        fail(Verdicts.of(config, Cause.ABORTED, "was interrupted while it met the other ranks"));
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
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
      CudaEvent ready = event();
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
      throw new CollectiveException(
          Cause.UNUSABLE,
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

  /** Called by an operation that has ended. */
  void ended(NcclOperation operation, boolean well) {
    recorder.ended(operation.number(), well, System.nanoTime());
    pending.remove(operation);
  }

  /** Ends everything in flight; returns at once. */
  void abort(String why) {
    fail(
        Optional.ofNullable(pending.peek())
            .map(head -> Verdicts.of(config, head, Cause.ABORTED, "aborted: " + why))
            .orElseGet(() -> Verdicts.of(config, Cause.ABORTED, "was aborted: " + why)));
  }

  /** Fails the group if its oldest operation has been in flight for longer than it may. */
  void checkDeadline(long now) {
    NcclOperation head = pending.peek();
    if (head != null && head.headNanos(now) > config.timeout().toNanos()) {
      fail(
          Verdicts.of(
              config,
              head,
              Cause.DEADLINE,
              "its deadline of "
                  + config.timeout().toMillis()
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
    aborter = Optional.of(ending);
    ending.start();
    LockSupport.unpark(thread);
  }

  private void tearDown() {
    Cuda.use(config.device());
    comm.abort();
    joinQuietly(thread);
    release();
  }

  /** Ends the thread and frees what it holds; waits for neither peers nor operations. */
  void close() {
    synchronized (startLock) {
      closing = true;
    }
    if (!pending.isEmpty()) {
      fail(new CollectiveException(Cause.UNUSABLE, -1, "the process group was closed"));
    }
    LockSupport.unpark(thread);
    joinQuietly(thread);
    aborter.ifPresent(NcclRunner::joinQuietly);
    if (thread.isAlive()) {
      LOG.warn("NCCL does not let go of thread {}; its memory is left to it", thread.getName());
    }
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
      stream = new CudaStream(config.device());
      meet();
      while (failure.get() == null && !(closing && pending.isEmpty())) {
        pause(turn());
      }
      if (failure.get() == null) {
        comm.close(CLOSE_NANOS);
        release();
      }
    } catch (NcclCommunicator.Gone e) {
      LOG.debug("rank {} leaves a group that was aborted", config.rank());
    } catch (NcclFailure e) {
      broken(e);
    } catch (RuntimeException | Error e) {
      CollectiveException verdict =
          Verdicts.of(config, Cause.PEER_LOST, "cannot go on: " + e.getMessage());
      verdict.initCause(e);
      fail(verdict);
    }
  }

  private void meet() {
    try {
      comm.open(config);
      while (failure.get() == null && !comm.settled()) {
        LockSupport.parkNanos(TimeUnit.MICROSECONDS.toNanos(100));
      }
      joined = failure.get() == null;
      decided.countDown();
    } catch (NcclFailure e) {
      if (e.code() == nccl.ncclRemoteError) {
        throw e;
      }
      // Who cannot use NCCL says so before anybody waits for it.
      joinFailure =
          Nccl.unavailable(
              Verdicts.who(config) + " cannot join the other ranks", e.code(), e.lastError());
      throw e;
    }
  }

  private void broken(NcclFailure e) {
    NcclOperation head = pending.peek();
    Cause cause = Cause.PEER_LOST;
    fail(
        head == null
            ? Verdicts.of(config, cause, "cannot go on: " + e.getMessage())
            : Verdicts.of(config, head, cause, e.getMessage()));
  }

  private boolean turn() {
    boolean moved = false;
    for (NcclOperation next = inbox.poll(); next != null; next = inbox.poll()) {
      issue(next);
      moved = true;
      moved |= finishSome();
    }
    moved |= finishSome();
    long now = System.nanoTime();
    if (now - checkedNanos > (issued.isEmpty() ? IDLE_CHECK_NANOS : ASYNC_CHECK_NANOS)) {
      checkedNanos = now;
      comm.settled();
      checkDeadline(now);
    }
    return moved;
  }

  private void issue(NcclOperation operation) {
    if (operation.isDone()) {
      return;
    }
    if (issued.isEmpty()) {
      operation.head(System.nanoTime());
    }
    NcclCall call = operation.call();
    long staged = Transfers.needed(call);
    Staging staging = staged == 0 ? null : stagings.take(staged);
    CudaEvent complete = event();
    operation.issued(staging, complete);
    stream.await(operation.ready());
    long in = Transfers.input(operation, staging, stream);
    long out = call.inPlace() ? in : Transfers.output(operation, staging);
    recorder.begun(operation.number(), System.nanoTime());
    if (call.bytes() > 0) {
      call.body().issue(comm, in, out, stream);
      settle();
    }
    Transfers.enqueueOutput(operation, staging, stream);
    complete.record(stream);
    issued.add(operation);
  }

  /**
   * A call that is in progress has put nothing on the stream yet that a mark could stand behind.
   */
  private void settle() {
    for (int turns = 0; failure.get() == null && !comm.settled(); turns++) {
      checkDeadline(System.nanoTime());
      if (turns < 50) {
        Thread.onSpinWait();
      } else {
        LockSupport.parkNanos(TimeUnit.MICROSECONDS.toNanos(20));
      }
    }
  }

  private boolean finishSome() {
    boolean moved = false;
    while (!issued.isEmpty() && issued.peek().complete().isDone()) {
      NcclOperation operation = issued.remove();
      if (!issued.isEmpty()) {
        issued.peek().head(System.nanoTime());
      }
      if (operation.staging() != null) {
        Transfers.finish(operation, operation.staging());
        stagings.give(operation.staging());
      }
      events.add(operation.ready());
      events.add(operation.complete());
      operation.succeed();
      moved = true;
    }
    return moved;
  }

  private CudaEvent event() {
    CudaEvent kept = events.poll();
    return kept == null ? new CudaEvent(config.device()) : kept;
  }

  /** Whoever computes has the better use for the core, unless somebody waits. */
  private void pause(boolean moved) {
    if (moved) {
      idleTurns = 0;
      return;
    }
    idleTurns++;
    if (issued.isEmpty()) {
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

  /** Frees what the thread has made; the thread itself, or who has seen it end. */
  private void release() {
    if (thread.isAlive() && Thread.currentThread() != thread) {
      return;
    }
    // An operation that was aborted leaves its copies behind it, which still write to what is about
    // to be freed.
    long until = System.nanoTime() + DRAIN_NANOS;
    while (!issued.isEmpty() && !stream.isDrained() && System.nanoTime() - until < 0) {
      LockSupport.parkNanos(100_000);
    }
    issued.stream().filter(each -> each.staging() != null).forEach(each -> each.staging().close());
    issued.forEach(each -> each.ready().close());
    issued.forEach(each -> each.complete().close());
    inbox.forEach(each -> each.ready().close());
    stagings.close();
    events.forEach(CudaEvent::close);
    events.clear();
    if (stream != null) {
      stream.close();
    }
  }
}
