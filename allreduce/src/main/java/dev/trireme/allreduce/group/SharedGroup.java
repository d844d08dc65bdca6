package dev.trireme.allreduce.group;

import dev.trireme.allreduce.AbortSwitch;
import dev.trireme.allreduce.kernel.Reduction;
import dev.trireme.allreduce.kernel.Reductions;
import dev.trireme.allreduce.transport.Transport;
import dev.trireme.api.collective.CollectiveException;
import dev.trireme.api.collective.ProcessGroup;
import dev.trireme.api.collective.ReduceOp;
import dev.trireme.api.collective.Work;
import dev.trireme.api.tensor.DType;
import dev.trireme.api.tensor.Device;
import dev.trireme.api.tensor.TensorBuffer;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicBoolean;

/**
 * A process group whose ranks can address each other's memory: signals say when, and each rank
 * reads and writes its peers' buffers in place.
 *
 * <p>An operation is announced to all peers as soon as it is started, with the place of its buffer;
 * it runs once it is the oldest in flight and all peers have announced the same. See {@link
 * AllReduceAlgorithm} for what then happens.
 */
public final class SharedGroup implements ProcessGroup {
  private final Transport transport;
  private final long generation;
  private final Optional<AllReduceAlgorithm> forced;
  private final Peers peers;
  private final Memory memory;
  private final Sequencer sequencer;
  private final Pump pump;
  private final Reductions reductions = new Reductions();
  private final AtomicBoolean closed = new AtomicBoolean();
  private int directs;

  /**
   * Takes over a transport on which all ranks have met, and agrees with them on the memory for
   * small and for foreign buffers.
   *
   * <p>Blocking: until all ranks have called it or the deadline has passed.
   *
   * @param transport closed with the group, and also when this fails
   * @param timeout the deadline of every operation
   * @param forced the algorithm of every all-reduce that it can do, the same on all ranks; chosen
   *     by size when empty
   * @throws CollectiveException when a peer is lost or late
   * @throws IllegalStateException when the host has no room for the memory
   */
  public static SharedGroup over(
      Transport transport, long generation, Duration timeout, Optional<AllReduceAlgorithm> forced) {
    return over(transport, generation, timeout, forced, new AbortSwitch());
  }

  /**
   * The same with a switch that ends it from another thread.
   *
   * @param abort aborts the group from now on
   */
  public static SharedGroup over(
      Transport transport,
      long generation,
      Duration timeout,
      Optional<AllReduceAlgorithm> forced,
      AbortSwitch abort) {
    Reductions.load();
    SharedGroup group = new SharedGroup(transport, generation, timeout, forced);
    abort.tell(group::abort);
    try {
      group.allocate(DType.UINT8, Memory.BASE_BYTES);
      return group;
    } catch (RuntimeException e) {
      group.close();
      throw e;
    }
  }

  private SharedGroup(
      Transport transport, long generation, Duration timeout, Optional<AllReduceAlgorithm> forced) {
    this.transport = transport;
    this.generation = generation;
    this.forced = forced;
    this.peers = new Peers(transport, System.nanoTime());
    this.memory = new Memory(transport);
    this.sequencer = new Sequencer(transport, peers, memory, generation, timeout);
    this.pump = new Pump(sequencer, transport.rank());
    pump.start();
  }

  @Override
  public int rank() {
    return transport.rank();
  }

  @Override
  public int worldSize() {
    return transport.worldSize();
  }

  @Override
  public long generation() {
    return generation;
  }

  @Override
  public Work allReduce(TensorBuffer buffer, ReduceOp op) {
    requireCpu(buffer);
    Reductions.requireSupported(buffer.dtype());
    Reduction reduction = reductions.of(buffer.dtype(), op);
    AllReduceAlgorithm algorithm = algorithm(buffer.byteCount());
    Signature signature =
        new Signature(Signature.Kind.ALL_REDUCE, buffer.dtype(), op, algorithm, 0, buffer.count());
    return start(
        algorithm == AllReduceAlgorithm.DIRECT
            ? new DirectAllReduce(this, signature, buffer, reduction, directs++ & 1)
            : new PlannedOperation(this, signature, buffer, Optional.of(reduction)));
  }

  @Override
  public Work broadcast(TensorBuffer buffer, int root) {
    requireCpu(buffer);
    if (root < 0 || root >= worldSize()) {
      throw new IllegalArgumentException(
          "broadcast from rank " + root + ", expected 0 to " + (worldSize() - 1));
    }
    Signature signature =
        new Signature(
            Signature.Kind.BROADCAST,
            buffer.dtype(),
            ReduceOp.SUM,
            AllReduceAlgorithm.OWNER,
            root,
            buffer.count());
    return start(new PlannedOperation(this, signature, buffer, Optional.empty()));
  }

  @Override
  public Work barrier() {
    return start(new Barrier(sequencer));
  }

  @Override
  public TensorBuffer allocate(DType dtype, long count) {
    if (count < 0) {
      throw new IllegalArgumentException("count is " + count + ", expected 0 or more");
    }
    Allocation allocation = new Allocation(this, dtype, count);
    start(allocation);
    try {
      allocation.await();
    } catch (CollectiveException e) {
      if (e.getCause() instanceof IllegalStateException noRoom) {
        throw new IllegalStateException(noRoom.getMessage(), e);
      }
      throw e;
    }
    return TensorBuffer.cpu(allocation.address(), dtype, count);
  }

  @Override
  public void abort(String why) {
    sequencer.abort(why);
    pump.wake();
  }

  @Override
  public void close() {
    if (closed.compareAndSet(false, true)) {
      pump.close();
      sequencer.close(transport::close);
    }
  }

  @Override
  public void label(String what) {
    sequencer.label(what);
  }

  /**
   * The last operations of this rank, the oldest first, at most {@value FlightRecorder#CAPACITY}.
   * May be asked at any time, also after a failure or {@link #close}.
   */
  public List<RecordedOperation> recentOperations() {
    return sequencer.recorder().snapshot();
  }

  Sequencer sequencer() {
    return sequencer;
  }

  Memory memory() {
    return memory;
  }

  Peers peers() {
    return peers;
  }

  private Work start(Operation operation) {
    sequencer.start(operation);
    pump.wake();
    return operation;
  }

  private AllReduceAlgorithm algorithm(long bytes) {
    AllReduceAlgorithm chosen = AllReduceAlgorithm.choose(bytes);
    return forced
        .filter(f -> f != AllReduceAlgorithm.DIRECT || bytes <= AllReduceAlgorithm.DIRECT_BYTES)
        .orElse(chosen);
  }

  private static void requireCpu(TensorBuffer buffer) {
    if (!buffer.device().equals(Device.CPU)) {
      throw new IllegalArgumentException(
          "expected a buffer in the host's memory, found one on " + buffer.device());
    }
  }
}
