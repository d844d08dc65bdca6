package dev.trireme.allreduce;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.trireme.allreduce.nccl.NcclProcessGroup;
import dev.trireme.api.collective.ProcessGroup;
import dev.trireme.api.collective.ReduceOp;
import dev.trireme.api.collective.Work;
import dev.trireme.api.tensor.DType;
import dev.trireme.api.tensor.NativeMemory;
import dev.trireme.api.tensor.TensorBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import java.util.stream.IntStream;

/**
 * One check a collective, as every rank of a group runs it at the same time: against a reference,
 * on memory of the group's and of one's own.
 */
public final class CollectiveChecks {
  /** Which collective. */
  public enum Collective {
    ALL_REDUCE,
    BROADCAST,
    REDUCE_SCATTER,
    ALL_GATHER,
    REDUCE,
    GATHER,
    SCATTER,
    ALL_TO_ALL,
    SEND_RECEIVE
  }

  /** Where buffers lie. */
  public enum Memory {
    GROUP,
    OWN,
    /** Rank 0 has its own, the others the group's. */
    MIXED
  }

  /** Where the memory that is not a rank's own comes from. */
  @FunctionalInterface
  public interface Allocator {
    /** Memory of the host or of a device. */
    TensorBuffer allocate(DType dtype, long count);
  }

  /**
   * One check.
   *
   * @param count of elements, of a part where there are parts
   */
  public record Check(
      Collective collective, DType dtype, long count, ReduceOp op, int root, Memory memory) {}

  private static final int TAG = -7;
  private static final Set<Collective> REDUCING =
      EnumSet.of(Collective.ALL_REDUCE, Collective.REDUCE_SCATTER, Collective.REDUCE);

  private final ProcessGroup group;
  private final Check check;
  private final Allocator allocator;
  private final List<NativeMemory.Block> blocks = new ArrayList<>();

  private CollectiveChecks(ProcessGroup group, Check check, Allocator allocator) {
    this.group = group;
    this.check = check;
    this.allocator = allocator;
  }

  /** Runs the check; gives a hash of this rank's result where all ranks' must be the same, or 0. */
  public static int run(ProcessGroup group, Check check) {
    return run(group, check, group::allocate);
  }

  /** The same with memory from elsewhere in place of the group's. */
  public static int run(ProcessGroup group, Check check, Allocator allocator) {
    CollectiveChecks run = new CollectiveChecks(group, check, allocator);
    try {
      return run.run();
    } finally {
      run.blocks.forEach(NativeMemory.Block::close);
    }
  }

  private int run() {
    int worldSize = group.worldSize();
    long n = check.count();
    return switch (check.collective()) {
      case ALL_REDUCE -> {
        TensorBuffer buffer = filled(n);
        group.allReduce(buffer, check.op()).await();
        yield same(buffer, reduced(n, 0, n));
      }
      case BROADCAST -> {
        TensorBuffer buffer = filled(n);
        group.broadcast(buffer, check.root()).await();
        yield same(buffer, values(check.root(), 0, n));
      }
      case REDUCE_SCATTER -> {
        TensorBuffer output = allocate(n);
        TensorBuffer input = filled(n * worldSize);
        group.reduceScatter(input, output, check.op()).await();
        same(output, reduced(n * worldSize, group.rank() * n, n));
        unchanged(input);
        yield 0;
      }
      case ALL_GATHER -> {
        TensorBuffer output = allocate(n * worldSize);
        TensorBuffer input = filled(n);
        group.allGather(input, output).await();
        unchanged(input);
        yield same(output, ofAll(p -> values(p, 0, n)));
      }
      case REDUCE -> {
        TensorBuffer buffer = filled(n);
        group.reduce(buffer, check.op(), check.root()).await();
        if (group.rank() == check.root()) {
          same(buffer, reduced(n, 0, n));
        } else {
          unchanged(buffer);
        }
        yield 0;
      }
      case GATHER -> gather(n);
      case SCATTER -> scatter(n);
      case ALL_TO_ALL -> {
        TensorBuffer output = allocate(n * worldSize);
        TensorBuffer input = filled(n * worldSize);
        group.allToAll(input, output).await();
        unchanged(input);
        same(output, ofAll(p -> values(p, group.rank() * n, n)));
        yield 0;
      }
      case SEND_RECEIVE -> sendReceive(n);
    };
  }

  private int gather(long n) {
    boolean root = group.rank() == check.root();
    TensorBuffer output = allocate(n * group.worldSize());
    TensorBuffer input = filled(n);
    group.gather(input, root ? output : output.slice(0, 0), check.root()).await();
    unchanged(input);
    if (root) {
      same(output, ofAll(p -> values(p, 0, n)));
    }
    return 0;
  }

  private int scatter(long n) {
    boolean root = group.rank() == check.root();
    TensorBuffer output = allocate(n);
    TensorBuffer input = filled(n * group.worldSize());
    group.scatter(root ? input : input.slice(0, 0), output, check.root()).await();
    unchanged(input);
    same(output, values(check.root(), group.rank() * n, n));
    return 0;
  }

  /** Two messages to everybody and two from everybody, the second tag awaited first. */
  private int sendReceive(long n) {
    List<Work> works = new ArrayList<>();
    TensorBuffer mine = filled(n);
    List<TensorBuffer> theirs = new ArrayList<>();
    for (int peer = 0; peer < group.worldSize(); peer++) {
      theirs.add(allocate(2 * n));
      if (peer != group.rank()) {
        works.add(group.receive(theirs.get(peer).slice(n, n), peer, TAG));
        works.add(group.send(mine, peer, TAG - 1));
        works.add(group.send(mine, peer, TAG));
        works.add(group.receive(theirs.get(peer).slice(0, n), peer, TAG - 1));
      }
    }
    group.barrier().await();
    works.forEach(Work::await);
    for (int peer = 0; peer < group.worldSize(); peer++) {
      if (peer != group.rank()) {
        same(theirs.get(peer).slice(0, n), values(peer, 0, n));
        same(theirs.get(peer).slice(n, n), values(peer, 0, n));
      }
    }
    unchanged(mine);
    return 0;
  }

  /** A collective call in itself where the memory is the group's. */
  private TensorBuffer allocate(long count) {
    boolean own =
        check.memory() == Memory.OWN || (check.memory() == Memory.MIXED && group.rank() == 0);
    TensorBuffer shared =
        check.memory() == Memory.OWN
            ? TensorBuffer.cpu(0, check.dtype(), 0)
            : allocator.allocate(check.dtype(), count);
    if (!own) {
      return shared;
    }
    NativeMemory.Block block = NativeMemory.allocate(count * check.dtype().bytes(), 64);
    blocks.add(block);
    return block.buffer(check.dtype(), count);
  }

  private TensorBuffer filled(long count) {
    TensorBuffer buffer = allocate(count);
    TestBuffers.fill(buffer, group.rank());
    return buffer;
  }

  private double[] values(int rank, long from, long count) {
    double[] values = new double[(int) count];
    for (int i = 0; i < count; i++) {
      values[i] = TestBuffers.value(rank, from + i);
      if (check.dtype() == DType.UINT8) {
        values[i] = (int) values[i] & 0xff;
      }
    }
    return values;
  }

  private double[] reduced(long total, long from, long count) {
    double[] all = TestBuffers.expected(group.worldSize(), total, check.dtype(), check.op());
    return Arrays.copyOfRange(all, (int) from, (int) (from + count));
  }

  private double[] ofAll(java.util.function.IntFunction<double[]> part) {
    return IntStream.range(0, group.worldSize())
        .mapToObj(part)
        .flatMapToDouble(Arrays::stream)
        .toArray();
  }

  private int same(TensorBuffer found, double[] expected) {
    return same(found, expected, room());
  }

  private int same(TensorBuffer found, double[] expected, double room) {
    double[] values = TestBuffers.read(found);
    if (room > 0) {
      // One by one: what compares arrays with an offset takes minutes for a hundred thousand.
      assertThat(values).as("rank %s: %s", group.rank(), check).hasSameSizeAs(expected);
      for (int i = 0; i < values.length; i++) {
        if (!(Math.abs(values[i] - expected[i]) <= room)) {
          assertThat(values[i])
              .as("rank %s: %s, element %s", group.rank(), check, i)
              .isCloseTo(expected[i], within(room));
        }
      }
    } else {
      assertThat(values).as("rank %s: %s", group.rank(), check).isEqualTo(expected);
    }
    return TestBuffers.bits(found);
  }

  /** How far a result may be off. */
  private double room() {
    if (!REDUCING.contains(check.collective())) {
      return 0;
    }
    if (check.dtype() == DType.BFLOAT16) {
      // A ring rounds partial sums to 8 bits, each by at most 2 of at most 800.
      return 16;
    }
    if (check.op() != ReduceOp.MEAN || !(group instanceof NcclProcessGroup)) {
      return 0;
    }
    // NCCL rounds 1/n, each value of at most 100 that it multiplies with it, and each sum of those.
    double unit =
        switch (check.dtype()) {
          case FLOAT16 -> 0x1p-11;
          case FLOAT32 -> 0x1p-24;
          case FLOAT64 -> 0x1p-53;
          default -> 0;
        };
    return 100 * unit * (2 + group.worldSize());
  }

  private void unchanged(TensorBuffer input) {
    same(input, values(group.rank(), 0, input.count()), 0);
  }
}
