package dev.trireme.allreduce.nccl;

import dev.trireme.allreduce.cuda.Address;
import dev.trireme.allreduce.cuda.CudaStream;
import dev.trireme.api.collective.ReduceOp;
import dev.trireme.api.tensor.DType;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import java.util.function.IntSupplier;
import org.bytedeco.cuda.global.nccl;
import org.bytedeco.cuda.nccl.ncclComm;
import org.bytedeco.cuda.nccl.ncclConfig_t;
import org.bytedeco.cuda.nccl.ncclUniqueId;
import org.bytedeco.javacpp.IntPointer;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.javacpp.PointerPointer;

/**
 * A communicator of NCCL that never blocks: a call that is still in progress when it returns is
 * settled by {@link #settled}, and nothing else may be called meanwhile.
 *
 * <p>Threading: one thread at a time, except for {@link #abort}, which may come while another
 * thread is inside a call, and after which every call throws {@link Gone}.
 */
final class NcclCommunicator {
  /** A call on a communicator that was aborted or closed. */
  static final class Gone extends RuntimeException {
    private static final long serialVersionUID = 1L;
  }

  private static final int IDLE = 0;
  private static final int IN_CALL = 1;
  private static final int ENDED = 2;
  private static final int LENT = 3;

  /**
   * A call that takes longer hangs, as one does that finds the device's queue full: it is aborted
   * while it runs. No sooner, for the call would go on with what the abort has freed, and a thread
   * may well be kept off a crowded machine's cores for a while.
   */
  private static final long CALL_NANOS = TimeUnit.SECONDS.toNanos(1);

  /** How long an abort waits where another communicator is being made out of this one. */
  private static final long LENT_NANOS = TimeUnit.SECONDS.toNanos(5);

  private final AtomicInteger use = new AtomicInteger();
  private final int[] state = new int[1];

  // NCCL may write the communicator here after the call that makes it has returned.
  private final PointerPointer<ncclComm> place = emptyPlace();
  private volatile ncclComm comm;

  private final AtomicBoolean aborted = new AtomicBoolean();

  /** The one that this one is being made out of. */
  private volatile Optional<NcclCommunicator> origin = Optional.empty();

  /** Memory that was not written holds rubbish, which an abort would take for a communicator. */
  private static PointerPointer<ncclComm> emptyPlace() {
    PointerPointer<ncclComm> empty = new PointerPointer<>(1);
    empty.put(0, (Pointer) null);
    return empty;
  }

  /** Begins to meet the peers; {@link #settled} says when that is done. */
  void open(NcclConfig config) {
    try (ncclUniqueId id = config.uniqueId().made();
        ncclConfig_t settings = neverBlocking()) {
      int code =
          call(
              () ->
                  nccl.ncclCommInitRankConfig(
                      place, config.worldSize(), id, config.rank(), settings));
      comm = place.get(ncclComm.class, 0);
      require(code);
    } catch (Gone e) {
      // The call has outlasted an abort, which found nothing to end then.
      abortMade();
      throw e;
    }
  }

  /**
   * Begins to make a communicator of those ranks of another that are left, who all call this and
   * keep their order. What is in flight on the other one ends; it has to be aborted all the same,
   * once {@link #settled} says that this one is made or cannot be made, and before this one: until
   * then NCCL keeps there how to end the making. Blocking, unlike the rest: until the device has
   * let go of what was in flight.
   *
   * @param parent used by nobody else meanwhile but for {@link #abort}
   * @param without ranks of the parent, at least one; this rank is none of them
   */
  void openWithout(NcclCommunicator parent, int[] without) {
    origin = Optional.of(parent);
    try (ncclConfig_t settings = neverBlocking();
        IntPointer ranks = new IntPointer(without)) {
      int flags = nccl.NCCL_SHRINK_ABORT;
      parent.require(
          call(
              () ->
                  parent.lend(
                      () ->
                          nccl.ncclCommShrink(
                              parent.comm, ranks, without.length, place, settings, flags))));
    }
  }

  /** As NCCL_CONFIG_INITIALIZER of nccl.h says, which is a macro. */
  private static ncclConfig_t neverBlocking() {
    int unset = Integer.MIN_VALUE;
    return new ncclConfig_t()
        .size(new ncclConfig_t().sizeof())
        .magic(nccl.NCCL_API_MAGIC)
        .version(nccl.NCCL_VERSION_CODE)
        .blocking(0)
        .cgaClusterSize(unset)
        .minCTAs(unset)
        .maxCTAs(unset)
        .netName(null)
        .splitShare(unset)
        .trafficClass(unset)
        .commName(null)
        .collnetEnable(unset)
        .CTAPolicy(unset)
        .shrinkShare(unset)
        .nvlsCTAs(unset)
        .nChannelsPerNetPeer(unset)
        .nvlinkCentricSched(unset)
        .graphUsageMode(unset)
        .numRmaCtx(unset);
  }

  /**
   * Whether the last call has done what it was called for.
   *
   * @throws NcclFailure when the communicator is broken, by that call or by something else
   */
  boolean settled() {
    if (origin.isPresent()) {
      // Until it is made, it is the other one that knows.
      if (!origin.get().settled()) {
        return false;
      }
      comm = place.get(ncclComm.class, 0);
      origin = Optional.empty();
    }
    require(call(() -> nccl.ncclCommGetAsyncError(comm, state)));
    if (state[0] == nccl.ncclInProgress) {
      return false;
    }
    require(state[0]);
    return true;
  }

  void allReduce(long in, long out, long count, DType dtype, ReduceOp op, CudaStream stream) {
    require(
        call(
            () ->
                nccl.ncclAllReduce(
                    new Address(in),
                    new Address(out),
                    count,
                    Nccl.type(dtype),
                    Nccl.operation(op),
                    comm,
                    stream.handle())));
  }

  void reduce(
      long in, long out, long count, DType dtype, ReduceOp op, int root, CudaStream stream) {
    require(
        call(
            () ->
                nccl.ncclReduce(
                    new Address(in),
                    new Address(out),
                    count,
                    Nccl.type(dtype),
                    Nccl.operation(op),
                    root,
                    comm,
                    stream.handle())));
  }

  void broadcast(long in, long out, long count, DType dtype, int root, CudaStream stream) {
    require(
        call(
            () ->
                nccl.ncclBroadcast(
                    new Address(in),
                    new Address(out),
                    count,
                    Nccl.type(dtype),
                    root,
                    comm,
                    stream.handle())));
  }

  /**
   * @param count of elements that each rank brings
   */
  void allGather(long in, long out, long count, DType dtype, CudaStream stream) {
    require(
        call(
            () ->
                nccl.ncclAllGather(
                    new Address(in),
                    new Address(out),
                    count,
                    Nccl.type(dtype),
                    comm,
                    stream.handle())));
  }

  /**
   * @param count of elements that each rank gets
   */
  void reduceScatter(long in, long out, long count, DType dtype, ReduceOp op, CudaStream stream) {
    require(
        call(
            () ->
                nccl.ncclReduceScatter(
                    new Address(in),
                    new Address(out),
                    count,
                    Nccl.type(dtype),
                    Nccl.operation(op),
                    comm,
                    stream.handle())));
  }

  void send(long from, long count, DType dtype, int to, CudaStream stream) {
    require(
        call(
            () ->
                nccl.ncclSend(
                    new Address(from), count, Nccl.type(dtype), to, comm, stream.handle())));
  }

  void receive(long to, long count, DType dtype, int from, CudaStream stream) {
    require(
        call(
            () ->
                nccl.ncclRecv(
                    new Address(to), count, Nccl.type(dtype), from, comm, stream.handle())));
  }

  /** Runs several calls as one operation, which then go on side by side. */
  void grouped(Runnable calls) {
    require(call(nccl::ncclGroupStart));
    try {
      calls.run();
    } finally {
      // An open group would swallow whatever this thread calls later.
      require(call(nccl::ncclGroupEnd));
    }
  }

  /** Ends it in peace, where nothing is in flight: waits for the peers for this long at most. */
  void close(long nanos) {
    if (comm == null) {
      abort();
      return;
    }
    try {
      require(call(() -> nccl.ncclCommFinalize(comm)));
      long start = System.nanoTime();
      while (!settled()) {
        if (System.nanoTime() - start > nanos) {
          abort();
          return;
        }
        LockSupport.parkNanos(TimeUnit.MICROSECONDS.toNanos(200));
      }
      if (use.compareAndSet(IDLE, ENDED)) {
        nccl.ncclCommDestroy(comm);
      }
    } catch (NcclFailure e) {
      abort();
    }
  }

  /**
   * Ends whatever it does, and itself. Blocking: up to about a second; where another is being made
   * out of this one, until that call has returned, some seconds at most, after which the caller of
   * that call ends it. Only the first call of this or {@link #close} does anything.
   */
  void abort() {
    long start = System.nanoTime();
    while (!use.compareAndSet(IDLE, ENDED)) {
      if (use.get() == ENDED) {
        return;
      }
      long waited = System.nanoTime() - start;
      if (waited > CALL_NANOS && use.compareAndSet(IN_CALL, ENDED)) {
        break;
      }
      if (waited > LENT_NANOS && use.compareAndSet(LENT, ENDED)) {
        return;
      }
      LockSupport.parkNanos(TimeUnit.MICROSECONDS.toNanos(50));
    }
    abortMade();
  }

  private void abortMade() {
    ncclComm made = comm == null ? place.get(ncclComm.class, 0) : comm;
    if (made != null && !made.isNull() && aborted.compareAndSet(false, true)) {
      nccl.ncclCommAbort(made);
    }
  }

  private int call(IntSupplier what) {
    if (!use.compareAndSet(IDLE, IN_CALL)) {
      throw new Gone();
    }
    boolean alive;
    int code;
    try {
      code = what.getAsInt();
    } finally {
      alive = use.compareAndSet(IN_CALL, IDLE);
    }
    if (!alive) {
      throw new Gone();
    }
    return code;
  }

  /** A call during which NCCL forbids an abort: who asks for one waits, or leaves it to this. */
  private int lend(IntSupplier what) {
    if (!use.compareAndSet(IDLE, LENT)) {
      throw new Gone();
    }
    int code = what.getAsInt();
    if (!use.compareAndSet(LENT, IDLE)) {
      nccl.ncclCommAbort(comm);
      throw new Gone();
    }
    return code;
  }

  private void require(int code) {
    if (code != nccl.ncclSuccess && code != nccl.ncclInProgress) {
      ncclComm made = comm;
      String own = made == null || made.isNull() ? "" : lastError(made);
      throw new NcclFailure(code, own.isEmpty() ? Nccl.lastError(null) : own);
    }
  }

  private String lastError(ncclComm made) {
    if (!use.compareAndSet(IDLE, IN_CALL)) {
      return "";
    }
    String text = Nccl.lastError(made);
    use.compareAndSet(IN_CALL, IDLE);
    return text;
  }
}
