package dev.trireme.ps;

import dev.trireme.api.engine.Parameter;
import dev.trireme.api.tensor.NativeMemory;
import dev.trireme.api.tensor.TensorBuffer;
import dev.trireme.ps.plan.Shard;
import dev.trireme.ps.plan.ShardPlan;
import dev.trireme.ps.shard.Packing;
import dev.trireme.ps.shard.Room;
import dev.trireme.ps.shard.Wire;
import java.nio.FloatBuffer;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.function.IntConsumer;
import java.util.stream.IntStream;

/**
 * A worker's gradients of a step on their way out: each is copied once, from backward's hook into a
 * slab, or added to what another part of the batch has left there; a shard is complete with its
 * last gradient. Of tables only the rows that the batch names are copied, and sent.
 *
 * <p>Threading: one thread.
 */
final class Outgoing implements AutoCloseable {
  private static final int CHUNK = 1024;

  private final ShardPlan plan;
  private final List<Parameter> parameters;
  private final TensorBuffer slab;
  private final Wire wire;
  private final List<TensorBuffer> reduced;
  private final List<int[]> shardsOf;
  private final List<Packing> packings;
  private final List<Room> rooms = new ArrayList<>();
  private final BitSet handedOver = new BitSet();
  private final int[] gradientsOf;
  private final int[] missing;
  private final float[] sum = new float[CHUNK];
  private final float[] more = new float[CHUNK];
  private Rows before = Rows.NONE;
  private Rows touched = Rows.NONE;
  private Rows ofPart = Rows.NONE;
  private boolean first;
  private boolean last;
  private long step;

  /**
   * @param slab for all gradients
   */
  Outgoing(ShardPlan plan, List<Parameter> parameters, TensorBuffer slab, Wire wire) {
    this.plan = plan;
    this.parameters = List.copyOf(parameters);
    this.slab = slab;
    this.wire = wire;
    this.reduced =
        IntStream.range(0, plan.parameters())
            .mapToObj(p -> slab.slice(plan.offsets().get(p), plan.sizes().get(p).count()))
            .toList();
    this.shardsOf = IntStream.range(0, plan.parameters()).mapToObj(plan::shardsOf).toList();
    this.packings = plan.shards().stream().map(s -> new Packing(s, wire)).toList();
    plan.shards().forEach(s -> rooms.add(new Room()));
    this.gradientsOf = new int[plan.shards().size()];
    this.missing = new int[plan.shards().size()];
    for (int[] range : shardsOf) {
      for (int shard = range[0]; shard < range[1]; shard++) {
        gradientsOf[shard]++;
      }
    }
  }

  /** Where each parameter's gradient stands: this worker's own. */
  List<TensorBuffer> reduced() {
    return reduced;
  }

  /**
   * A part's gradients follow.
   *
   * @param rows of tables that this part names
   * @param isFirst part of a step
   * @param isLast part of a step
   */
  void begin(long ofStep, Rows rows, boolean isFirst, boolean isLast) {
    step = ofStep;
    first = isFirst;
    last = isLast;
    ofPart = rows;
    before = first ? Rows.NONE : touched;
    touched = before.and(rows);
    handedOver.clear();
    System.arraycopy(gradientsOf, 0, missing, 0, missing.length);
  }

  /**
   * Takes a gradient.
   *
   * @param complete told each shard that has its last one
   * @throws IllegalArgumentException for one that is not expected
   */
  void take(int parameter, TensorBuffer gradient, IntConsumer complete) {
    TensorBuffer to = reduced.get(parameter);
    if (handedOver.get(parameter) || gradient.count() != to.count()) {
      throw new IllegalArgumentException(
          "step "
              + step
              + ", gradient of parameter "
              + parameter
              + ": expected "
              + to.count()
              + " elements once a step, found "
              + gradient.count());
    }
    handedOver.set(parameter);
    int width = plan.sizes().get(parameter).width();
    if (width > 0) {
      for (int row : ofPart.numbers()) {
        long at = (long) row * width;
        add(gradient.slice(at, width), to.slice(at, width), before.contains(row));
      }
    } else {
      add(gradient, to, !first);
    }
    int[] range = shardsOf.get(parameter);
    for (int shard = range[0]; last && shard < range[1]; shard++) {
      if (--missing[shard] == 0) {
        complete.accept(shard);
      }
    }
  }

  private void add(TensorBuffer gradient, TensorBuffer to, boolean toWhatIsThere) {
    if (!toWhatIsThere) {
      NativeMemory.copy(gradient.address(), to.address(), to.byteCount());
      return;
    }
    FloatBuffer source = floats(gradient);
    FloatBuffer target = floats(to);
    int count = source.capacity();
    for (int at = 0; at < count; at += CHUNK) {
      int length = Math.min(CHUNK, count - at);
      source.get(at, more, 0, length);
      target.get(at, sum, 0, length);
      for (int i = 0; i < length; i++) {
        sum[i] += more[i];
      }
      target.put(at, sum, 0, length);
    }
  }

  private static FloatBuffer floats(TensorBuffer buffer) {
    return Room.view(buffer).asFloatBuffer();
  }

  void requireAllHandedOver() {
    int missingOne = handedOver.nextClearBit(0);
    if (missingOne < plan.parameters()) {
      throw new IllegalStateException(
          "step "
              + step
              + ": backward has ended without a gradient of "
              + parameters.get(missingOne).tensor().name());
    }
  }

  /** A complete shard's gradient as it travels; stays so until the next step. */
  TensorBuffer payload(int index) {
    Shard shard = plan.shards().get(index);
    TensorBuffer gradient = slab.slice(shard.from(), shard.count());
    if (!shard.isTable() && wire == Wire.FLOAT32) {
      return gradient.bytes();
    }
    int[] rows = shard.isTable() ? touched.within(shard) : new int[0];
    TensorBuffer payload = rooms.get(index).of(packings.get(index).bytes(rows.length));
    packings.get(index).pack(floats(gradient), rows, rows.length, Room.view(payload));
    return payload;
  }

  /** Bytes that a step's gradients would be if all of them went out as float32. */
  long plainBytes() {
    return 4 * plan.elements();
  }

  @Override
  public void close() {
    rooms.forEach(Room::close);
  }
}
