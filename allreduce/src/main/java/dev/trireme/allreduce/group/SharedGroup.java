package dev.trireme.allreduce.group;

import dev.trireme.allreduce.AbortSwitch;
import dev.trireme.allreduce.RecordedGroup;
import dev.trireme.allreduce.kernel.Reduction;
import dev.trireme.allreduce.kernel.Reductions;
import dev.trireme.allreduce.plan.Hosts;
import dev.trireme.allreduce.plan.HostsAllReduce;
import dev.trireme.allreduce.plan.HostsBroadcast;
import dev.trireme.allreduce.plan.HostsTreeAllReduce;
import dev.trireme.allreduce.plan.Lanes;
import dev.trireme.allreduce.plan.Pairwise;
import dev.trireme.allreduce.transport.Transport;
import dev.trireme.api.collective.CollectiveException;
import dev.trireme.api.collective.ProcessGroup;
import dev.trireme.api.collective.ReduceOp;
import dev.trireme.api.collective.Work;
import dev.trireme.api.tensor.DType;
import dev.trireme.api.tensor.NativeMemory;
import dev.trireme.api.tensor.TensorBuffer;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Function;

/**
 * A process group over a transport. Ranks of one host can address each other's memory: signals say
 * when, and each rank reads and writes its peers' buffers in place. Between hosts, and where a
 * buffer cannot be addressed, bytes travel as messages.
 *
 * <p>An operation is announced to all peers as soon as it is started, with the place of its buffer;
 * it runs once it is the oldest in flight and all peers have announced the same. See {@link
 * AllReduceAlgorithm} for what then happens.
 */
public final class SharedGroup implements ProcessGroup, RecordedGroup {
  private static final int SEGMENT_FRAMES = 4;

  private final Transport transport;
  private final long generation;
  private final AlgorithmTable algorithms;
  private final Peers peers;
  private final Memory memory;
  private final Sequencer sequencer;
  private final Pump pump;
  private final Reductions reductions = new Reductions();
  private final AtomicBoolean closed = new AtomicBoolean();
  private final NativeMemory.Block scratch;

  /** Of whoever holds the sequencer. */
  private int directs;

  /**
   * Takes over a transport on which all ranks have met, and agrees with them on the memory for
   * small and for foreign buffers.
   *
   * <p>Blocking: until all ranks have called it or the deadline has passed.
   *
   * @param transport closed with the group, and also when this fails
   * @param timeout the deadline of every operation
   * @param algorithms how all-reduces are done, the same on all ranks
   * @throws CollectiveException when a peer is lost or late
   * @throws IllegalStateException when the host has no room for the memory
   * @throws IllegalArgumentException when the ranks are on several hosts and the algorithms need
   *     the memory of one
   */
  public static SharedGroup over(
      Transport transport, long generation, Duration timeout, AlgorithmTable algorithms) {
    return over(transport, generation, timeout, algorithms, new AbortSwitch());
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
      AlgorithmTable algorithms,
      AbortSwitch abort) {
    SharedGroup group = on(transport, generation, timeout, algorithms);
    abort.tell(group::abort);
    try {
      if (group.spansHosts()) {
        algorithms.requireAcrossHosts(transport.hosts().count());
      }
      group.allocate(DType.UINT8, group.memory.baseBytes());
      return group;
    } catch (RuntimeException | Error e) {
      group.close();
      throw e;
    }
  }

  private static SharedGroup on(
      Transport transport, long generation, Duration timeout, AlgorithmTable algorithms) {
    try {
      Reductions.load();
      return new SharedGroup(transport, generation, timeout, algorithms);
    } catch (RuntimeException | Error e) {
      transport.close();
      throw e;
    }
  }

  private SharedGroup(
      Transport transport, long generation, Duration timeout, AlgorithmTable algorithms) {
    this.transport = transport;
    this.generation = generation;
    this.algorithms = algorithms;
    this.peers = new Peers(transport, System.nanoTime());
    this.memory = new Memory(transport);
    this.sequencer = new Sequencer(transport, peers, memory, generation, timeout);
    int scratches = transport.hosts().count() > 1 ? transport.worldSize() : 0;
    this.scratch =
        NativeMemory.allocate((long) scratches * AllReduceAlgorithm.WIRE_DIRECT_BYTES, 64);
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
    Buffers.requireCpu(buffer);
    Reduction reduction = reductions.of(buffer.dtype(), op);
    AllReduceAlgorithm algorithm = algorithm(buffer.byteCount());
    Signature signature =
        new Signature(Signature.Kind.ALL_REDUCE, buffer.dtype(), op, algorithm, 0, buffer.count());
    if (spansHosts()) {
      return start(acrossHosts(signature, buffer, reduction));
    }
    return start(
        algorithm == AllReduceAlgorithm.DIRECT
            ? new DirectAllReduce(this, signature, buffer, reduction)
            : new PlannedOperation(this, signature, buffer, Optional.of(reduction)));
  }

  private Operation acrossHosts(Signature signature, TensorBuffer buffer, Reduction reduction) {
    if (signature.algorithm() == AllReduceAlgorithm.DIRECT) {
      return new DirectExchange(this, signature, buffer, reduction);
    }
    boolean tree = signature.algorithm() == AllReduceAlgorithm.TREE;
    boolean ring = signature.algorithm() == AllReduceAlgorithm.RING;
    return new LaneOperation(
        this,
        signature,
        buffer,
        buffer,
        reduction,
        setting ->
            tree
                ? HostsTreeAllReduce.plan(setting, buffer.count())
                : HostsAllReduce.plan(setting, ring, buffer.count()));
  }

  @Override
  public Work broadcast(TensorBuffer buffer, int root) {
    Buffers.requireCpu(buffer);
    Buffers.requireRank("broadcast from", root, worldSize());
    Signature signature =
        rooted(Signature.Kind.BROADCAST, buffer.dtype(), ReduceOp.SUM, root, buffer.count());
    if (spansHosts()) {
      return start(
          new LaneOperation(
              this,
              signature,
              buffer,
              buffer,
              null,
              setting -> HostsBroadcast.plan(setting, root, buffer.count())));
    }
    return start(new PlannedOperation(this, signature, buffer, Optional.empty()));
  }

  @Override
  public Work reduceScatter(TensorBuffer input, TensorBuffer output, ReduceOp op) {
    Buffers.requireParts(input, worldSize(), output, 1);
    long n = output.count();
    return start(
        new LaneOperation(
            this,
            rooted(Signature.Kind.REDUCE_SCATTER, input.dtype(), op, 0, n),
            input,
            output,
            reductions.of(input.dtype(), op),
            setting -> Pairwise.reduceScatter(setting, n)));
  }

  @Override
  public Work allGather(TensorBuffer input, TensorBuffer output) {
    Buffers.requireParts(input, 1, output, worldSize());
    long n = input.count();
    return moved(Signature.Kind.ALL_GATHER, 0, n, input, output, s -> Pairwise.allGather(s, n));
  }

  @Override
  public Work reduce(TensorBuffer buffer, ReduceOp op, int root) {
    Buffers.requireCpu(buffer);
    Buffers.requireRank("reduce to", root, worldSize());
    return start(
        new LaneOperation(
            this,
            rooted(Signature.Kind.REDUCE, buffer.dtype(), op, root, buffer.count()),
            buffer,
            buffer,
            reductions.of(buffer.dtype(), op),
            setting -> Pairwise.reduce(setting, root, buffer.count())));
  }

  @Override
  public Work gather(TensorBuffer input, TensorBuffer output, int root) {
    Buffers.requireRank("gather to", root, worldSize());
    if (rank() == root) {
      Buffers.requireParts(input, 1, output, worldSize());
    }
    Buffers.requireCpu(input);
    TensorBuffer to = rank() == root ? output : input.slice(0, 0);
    long n = input.count();
    return moved(Signature.Kind.GATHER, root, n, input, to, s -> Pairwise.gather(s, root, n));
  }

  @Override
  public Work scatter(TensorBuffer input, TensorBuffer output, int root) {
    Buffers.requireRank("scatter from", root, worldSize());
    if (rank() == root) {
      Buffers.requireParts(input, worldSize(), output, 1);
    }
    Buffers.requireCpu(output);
    TensorBuffer from = rank() == root ? input : output.slice(0, 0);
    long n = output.count();
    return moved(Signature.Kind.SCATTER, root, n, from, output, s -> Pairwise.scatter(s, root, n));
  }

  @Override
  public Work allToAll(TensorBuffer input, TensorBuffer output) {
    Buffers.requireParts(input, worldSize(), output, worldSize());
    long n = input.count() / worldSize();
    return moved(Signature.Kind.ALL_TO_ALL, 0, n, input, output, s -> Pairwise.allToAll(s, n));
  }

  private Work moved(
      Signature.Kind kind,
      int root,
      long n,
      TensorBuffer input,
      TensorBuffer output,
      Function<Lanes.Setting, Lanes> planner) {
    Signature signature = rooted(kind, input.dtype(), ReduceOp.SUM, root, n);
    return start(new LaneOperation(this, signature, input, output, null, planner));
  }

  private static Signature rooted(
      Signature.Kind kind, DType dtype, ReduceOp op, int root, long count) {
    return new Signature(kind, dtype, op, AllReduceAlgorithm.OWNER, root, count);
  }

  @Override
  public Work send(TensorBuffer buffer, int to, int tag) {
    return message(buffer, true, "send to", to, tag);
  }

  @Override
  public Work receive(TensorBuffer buffer, int from, int tag) {
    return message(buffer, false, "receive from", from, tag);
  }

  private Work message(TensorBuffer buffer, boolean sending, String what, int peer, int tag) {
    Buffers.requireCpu(buffer);
    Buffers.requireRank(what, peer, worldSize());
    if (peer == rank()) {
      throw new IllegalArgumentException(what + " rank " + peer + ", which is this very rank");
    }
    Message message = new Message(sequencer, buffer, sending, peer, tag);
    sequencer.start(message);
    if (sending) {
      pump.wake();
    }
    return message;
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
  public Optional<TensorBuffer> shownBy(int rank, TensorBuffer own) {
    Buffers.requireRank("memory shown by", rank, worldSize());
    long place = memory.place(own);
    long address = place == 0 ? 0 : memory.address(rank, place);
    return address == 0
        ? Optional.empty()
        : Optional.of(TensorBuffer.cpu(address, own.dtype(), own.count()));
  }

  @Override
  public void abort(String why) {
    sequencer.abort(why);
    pump.wake();
  }

  @Override
  public void patience(Duration least) {
    sequencer.patience(least);
  }

  @Override
  public void requireUsable() {
    sequencer.requireUsable();
  }

  @Override
  public void close() {
    if (closed.compareAndSet(false, true)) {
      pump.close();
      sequencer.close(transport::close);
      scratch.close();
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

  Parcels parcels() {
    return sequencer.parcels();
  }

  Hosts hosts() {
    return transport.hosts();
  }

  private boolean spansHosts() {
    return transport.hosts().count() > 1;
  }

  /** Bytes that travel as one piece where a rank passes on what it receives. */
  int segmentBytes() {
    return SEGMENT_FRAMES * transport.frameBytes();
  }

  /** Where {@link DirectExchange} keeps what it has of a rank. */
  long scratch(int of) {
    return scratch.address() + (long) of * AllReduceAlgorithm.WIRE_DIRECT_BYTES;
  }

  /** The slot of the next {@link DirectAllReduce}; all ranks come to them in the same order. */
  int nextSlot() {
    return directs++ & 1;
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
    return spansHosts()
        ? algorithms.chooseAcrossHosts(bytes)
        : algorithms.choose(worldSize(), bytes);
  }
}
