package dev.trireme.allreduce.nccl;

import dev.trireme.allreduce.AbortSwitch;
import dev.trireme.allreduce.RecordedGroup;
import dev.trireme.allreduce.cuda.CudaMemory;
import dev.trireme.allreduce.group.Buffers;
import dev.trireme.allreduce.group.RecordedOperation;
import dev.trireme.api.collective.CollectiveException;
import dev.trireme.api.collective.ProcessGroup;
import dev.trireme.api.collective.ReduceOp;
import dev.trireme.api.collective.Work;
import dev.trireme.api.tensor.DType;
import dev.trireme.api.tensor.Device;
import dev.trireme.api.tensor.DeviceMemory;
import dev.trireme.api.tensor.NativeMemory;
import dev.trireme.api.tensor.TensorBuffer;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicBoolean;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The process group over NCCL: ranks with a CUDA device each. Buffers on this rank's device are
 * used where they are; those of the host travel through page-locked memory and need as much of the
 * device's while they are in flight. Ranks may mix the two in one operation.
 *
 * <p>Order: an operation sees what was put on the compute stream before it was started, and is done
 * when its {@link Work} is; what is computed after an await comes after it.
 *
 * <p>What NCCL does not do, this does not do either. It does not find out that ranks have started
 * different operations, nor which rank is missing or dead: an operation then waits until its
 * deadline, or until whoever watches the processes calls {@link #abort}. It has no messages with
 * tags, and runs the operations of one communicator one after the other, so that a message that
 * waits would hold up all collectives: {@link #send} and {@link #receive} therefore go through the
 * companion that the group was given for them.
 *
 * <p>Threading and errors: as {@link ProcessGroup}. Operations are not fused behind the caller's
 * back: NCCL sorts those of one group call by size, so all ranks must group alike, and which are
 * ready together differs from rank to rank; {@link #allReduceTogether} is for callers who know.
 *
 * <p>A formation that is what is left of a failed one may make its communicator of the old one
 * ({@link #claim}, {@link #joinWithout}); else each formation meets with a unique id of its own.
 * NCCL's split has no place here: those who leave would have to take part in it.
 */
public final class NcclProcessGroup implements ProcessGroup, RecordedGroup {
  private static final Logger LOG = LoggerFactory.getLogger(NcclProcessGroup.class);

  private final NcclConfig config;
  private final NcclRunner runner;
  private final CudaMemory memory;
  private final Optional<ProcessGroup> messages;
  private final Queue<DeviceMemory.Piece> pieces = new ConcurrentLinkedQueue<>();
  private final AtomicBoolean closed = new AtomicBoolean();
  private final TensorBuffer token;

  /**
   * Joins this process to its formation.
   *
   * <p>Blocking: until every rank has joined or the deadline has passed. Retry: with another unique
   * id only.
   *
   * @throws NcclUnavailableException when NCCL cannot be used here: no library, no device, a device
   *     shared by two ranks, no network interface
   * @throws CollectiveException when ranks do not show up in time
   */
  public static NcclProcessGroup join(NcclConfig config) {
    return join(config, new AbortSwitch(), Optional.empty());
  }

  /**
   * The same with a switch that ends joining, and later the group, from another thread.
   *
   * @param abort for this group alone
   * @param messages a group of the same ranks for messages between two of them, which this one owns
   *     from now on; without it such messages are refused
   */
  public static NcclProcessGroup join(
      NcclConfig config, AbortSwitch abort, Optional<ProcessGroup> messages) {
    Nccl.load();
    return begun(config, NcclStart.meeting(config), abort, messages);
  }

  /**
   * Joins a formation that is what is left of another. Those ranks of the failed formation that are
   * in the new one make their communicator of the old one, in the old order, all of them with the
   * same {@code left}; nobody else takes part. Then they tell each other whether it is there: where
   * any of them has failed, none has a group, and they may {@link #join} with a new unique id.
   *
   * <p>Blocking: until every rank has joined or given up, after 10 seconds at most, and while the
   * old group ends, at most some 10 seconds more.
   *
   * @param failed of this rank, whose {@link #claim} was granted; closed when this returns or
   *     throws
   * @param left out, as {@link NcclClaim#left} says
   * @param config of the new formation; its unique id is not used, and the device stays that of the
   *     failed group
   * @param messages a group of the same ranks, which the one that is returned owns from then on;
   *     the caller's where none is
   * @return empty, on all ranks alike, where it could not be made on one of them
   * @throws CollectiveException when it was aborted, or ranks do not say what became of them
   */
  public static Optional<NcclProcessGroup> joinWithout(
      NcclProcessGroup failed,
      List<Integer> left,
      NcclConfig config,
      AbortSwitch abort,
      ProcessGroup messages) {
    Optional<NcclProcessGroup> made = Optional.empty();
    boolean all = false;
    try {
      made = made(failed, left, config, abort, messages);
      all = isTrueOnAll(messages, made.isPresent());
    } finally {
      if (!all) {
        made.ifPresent(NcclProcessGroup::closeItsOwn);
      }
      failed.close();
    }
    return all ? made : Optional.empty();
  }

  private static Optional<NcclProcessGroup> made(
      NcclProcessGroup failed,
      List<Integer> left,
      NcclConfig config,
      AbortSwitch abort,
      ProcessGroup messages) {
    int[] without = left.stream().mapToInt(Integer::intValue).toArray();
    try {
      NcclConfig here = config.on(failed.config.device());
      NcclStart start = NcclStart.without(failed.runner, without);
      return Optional.of(begun(here, start, abort, Optional.of(messages)));
    } catch (CollectiveException | NcclUnavailableException e) {
      if (abort.reason().isPresent()) {
        throw e;
      }
      LOG.warn("cannot go on with the communicator that is left: {}", e.getMessage());
      return Optional.empty();
    }
  }

  private static boolean isTrueOnAll(ProcessGroup group, boolean here) {
    TensorBuffer vote = group.allocate(DType.INT32, 1);
    ByteBuffer value = NativeMemory.view(vote.address(), Integer.BYTES);
    value.putInt(0, here ? 1 : 0);
    group.allReduce(vote, ReduceOp.MIN).await();
    return value.getInt(0) == 1;
  }

  private static NcclProcessGroup begun(
      NcclConfig config, NcclStart start, AbortSwitch abort, Optional<ProcessGroup> messages) {
    CudaMemory memory;
    try {
      memory = new CudaMemory(config.device());
    } catch (IllegalStateException e) {
      throw new NcclUnavailableException(
          NcclUnavailableException.Reason.DEVICE, Verdicts.who(config) + " has no device", e);
    }
    NcclRunner runner = new NcclRunner(config, memory, start);
    abort.tell(runner::abort);
    runner.join();
    try {
      return new NcclProcessGroup(config, runner, memory, messages, abort);
    } catch (RuntimeException e) {
      runner.close();
      throw e;
    }
  }

  private NcclProcessGroup(
      NcclConfig config,
      NcclRunner runner,
      CudaMemory memory,
      Optional<ProcessGroup> messages,
      AbortSwitch abort) {
    this.config = config;
    this.runner = runner;
    this.memory = memory;
    this.messages = messages;
    this.token = keep(memory.allocate(config.device(), DType.INT32, 1));
    abort.tell(this::abort);
  }

  private TensorBuffer keep(DeviceMemory.Piece piece) {
    pieces.add(piece);
    return piece.buffer();
  }

  @Override
  public int rank() {
    return config.rank();
  }

  @Override
  public int worldSize() {
    return config.worldSize();
  }

  @Override
  public long generation() {
    return config.generation();
  }

  @Override
  public Work allReduce(TensorBuffer buffer, ReduceOp op) {
    return start(NcclCall.allReduce(requireReached(buffer), op));
  }

  /**
   * As {@link #allReduce}, several buffers as one operation, which NCCL can do in one go: for
   * buffers that are ready together on every rank.
   *
   * @param buffers on this rank's device, at least one and none empty; the same dtypes and counts
   *     in the same order on every rank
   */
  public Work allReduceTogether(List<TensorBuffer> buffers, ReduceOp op) {
    boolean all =
        buffers.stream().allMatch(b -> b.device().equals(config.device()) && b.count() > 0);
    if (buffers.isEmpty() || !all) {
      throw new IllegalArgumentException(
          "expected buffers of " + config.device() + " that are not empty, found " + buffers);
    }
    return start(NcclCall.allReduceTogether(List.copyOf(buffers), op));
  }

  @Override
  public Work broadcast(TensorBuffer buffer, int root) {
    Buffers.requireRank("broadcast from", root, worldSize());
    return start(NcclCall.broadcast(requireReached(buffer), root, rank() == root));
  }

  @Override
  public Work reduceScatter(TensorBuffer input, TensorBuffer output, ReduceOp op) {
    requireParts(input, worldSize(), output, 1);
    return start(NcclCall.reduceScatter(input, output, op));
  }

  @Override
  public Work allGather(TensorBuffer input, TensorBuffer output) {
    requireParts(input, 1, output, worldSize());
    return start(NcclCall.allGather(input, output));
  }

  @Override
  public Work reduce(TensorBuffer buffer, ReduceOp op, int root) {
    Buffers.requireRank("reduce to", root, worldSize());
    return start(NcclCall.reduce(requireReached(buffer), op, root, rank() == root));
  }

  @Override
  public Work gather(TensorBuffer input, TensorBuffer output, int root) {
    Buffers.requireRank("gather to", root, worldSize());
    requireReached(input);
    if (rank() == root) {
      requireParts(input, 1, output, worldSize());
    }
    return start(NcclCall.gather(input, output, root, rank() == root, worldSize()));
  }

  @Override
  public Work scatter(TensorBuffer input, TensorBuffer output, int root) {
    Buffers.requireRank("scatter from", root, worldSize());
    requireReached(output);
    if (rank() == root) {
      requireParts(input, worldSize(), output, 1);
    }
    return start(NcclCall.scatter(input, output, root, rank() == root, worldSize()));
  }

  @Override
  public Work allToAll(TensorBuffer input, TensorBuffer output) {
    requireParts(input, worldSize(), output, worldSize());
    return start(NcclCall.allToAll(input, output, worldSize()));
  }

  @Override
  public Work send(TensorBuffer buffer, int to, int tag) {
    Buffers.requireRank("send to", to, worldSize());
    runner.requireUsable();
    ProcessGroup companion = companion("send to", to);
    return StagedMessages.send(companion, memory(memory), requireReached(buffer), to, tag);
  }

  @Override
  public Work receive(TensorBuffer buffer, int from, int tag) {
    Buffers.requireRank("receive from", from, worldSize());
    runner.requireUsable();
    ProcessGroup companion = companion("receive from", from);
    return StagedMessages.receive(companion, memory(memory), requireReached(buffer), from, tag);
  }

  private ProcessGroup companion(String what, int peer) {
    if (peer == rank()) {
      throw new IllegalArgumentException(what + " rank " + peer + ", which is this very rank");
    }
    return messages.orElseThrow(
        () ->
            new UnsupportedOperationException(
                what
                    + " rank "
                    + peer
                    + ": NCCL has no messages with tags, and this group was joined without a"
                    + " companion for them; use a collective, or join with one"));
  }

  @Override
  public Work barrier() {
    return start(NcclCall.barrier(token));
  }

  /** Page-locked memory of the host. */
  @Override
  public TensorBuffer allocate(DType dtype, long count) {
    return allocate(Device.CPU, dtype, count);
  }

  /** The peers need not follow: nothing is shared. */
  @Override
  public TensorBuffer allocate(Device device, DType dtype, long count) {
    runner.requireUsable();
    if (!reaches(device)) {
      throw new IllegalArgumentException(
          "expected memory of the CPU or of " + config.device() + ", found a wish for " + device);
    }
    return keep(memory.allocate(device, dtype, count));
  }

  /**
   * Memory for those who use this group. Where a piece is closed while an operation of this group
   * may be stuck on the device, as after an abort, it is freed only once the group's communicator
   * has ended: CUDA may not free anything before, also page-locked memory of the host, and who
   * leaves a formation must not wait for that.
   *
   * @param of what allocates and copies, which lasts as long as the group
   */
  public DeviceMemory memory(DeviceMemory of) {
    return of == DeviceMemory.HOST ? of : runner.memory(of);
  }

  @Override
  public boolean reaches(Device device) {
    return device.equals(Device.CPU) || device.equals(config.device());
  }

  private TensorBuffer requireReached(TensorBuffer buffer) {
    if (!reaches(buffer.device())) {
      throw new IllegalArgumentException(
          "expected a buffer of the CPU or of "
              + config.device()
              + ", found one on "
              + buffer.device());
    }
    return buffer;
  }

  private void requireParts(
      TensorBuffer input, int inputParts, TensorBuffer output, int outputParts) {
    requireReached(input);
    requireReached(output);
    Buffers.requireMatchingParts(input, inputParts, output, outputParts);
  }

  private Work start(NcclCall call) {
    // The companion may know better: of a message that failed, or a peer that gave up.
    requireUsable();
    return runner.start(call);
  }

  @Override
  public void label(String what) {
    runner.label(what);
    messages.ifPresent(group -> group.label(what));
  }

  @Override
  public List<RecordedOperation> recentOperations() {
    return runner.recorder().snapshot();
  }

  /**
   * As {@link ProcessGroup#abort}. NCCL itself ends up to about a second later and may write to
   * buffers on the device until then; {@link #close} waits for that.
   */
  @Override
  public void abort(String why) {
    runner.abort(why);
    messages.ifPresent(group -> group.abort(why));
  }

  @Override
  public void requireUsable() {
    runner.requireUsable();
    messages.ifPresent(ProcessGroup::requireUsable);
  }

  @Override
  public void patience(Duration least) {
    runner.patience(least);
    messages.ifPresent(group -> group.patience(least));
  }

  @Override
  public boolean isProvisional() {
    return true;
  }

  /**
   * As {@link ProcessGroup#confirm}, through the companion; without one nothing is made sure of.
   *
   * <p>NCCL's kernels run through the rest of their steps when their communicator is aborted, and
   * so let their neighbours' go on with what happens to lie in the buffers between them. Who was
   * aborted knows it, and does not come here.
   *
   * <p>Cost: a barrier between the hosts' memories.
   */
  @Override
  public void confirm() {
    runner.requireUsable();
    messages.ifPresent(group -> group.barrier().await());
  }

  /**
   * Claims what an abort has left of this group, so that it is kept until it is used or this group
   * is closed, or until the group's deadline has passed. Granted once, and only where the config
   * says that it is kept and for how long, NCCL can make others of it (from 2.27 on), and has not
   * itself reported an error; empty otherwise.
   */
  public Optional<NcclClaim> claim() {
    return runner.claim()
        ? Optional.of(new NcclClaim(config.generation(), config.rank(), config.worldSize()))
        : Optional.empty();
  }

  /** Blocking: while NCCL ends, at most some 10 seconds. */
  @Override
  public void close() {
    if (closed.compareAndSet(false, true)) {
      try {
        release();
      } finally {
        messages.ifPresent(ProcessGroup::close);
      }
    }
  }

  /** Leaves the group for messages to whoever gave it. */
  private void closeItsOwn() {
    if (closed.compareAndSet(false, true)) {
      release();
    }
  }

  /** To free memory of a device that still works on it would wait for ever. */
  private void release() {
    if (runner.close()) {
      pieces.forEach(DeviceMemory.Piece::close);
      pieces.clear();
    }
  }
}
