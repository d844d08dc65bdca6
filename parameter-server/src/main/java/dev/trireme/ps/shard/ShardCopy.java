package dev.trireme.ps.shard;

import dev.trireme.api.job.ConsistencySpec;
import dev.trireme.api.job.OptimizerSpec;
import dev.trireme.api.tensor.DType;
import dev.trireme.api.tensor.NativeMemory;
import dev.trireme.api.tensor.TensorBuffer;
import dev.trireme.ps.plan.Shard;
import java.nio.FloatBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.OptionalLong;

/**
 * One server's copy of a shard: parameters, optimizer slots, the gradients that it holds for the
 * step to come, and {@link Clocks}. Primary and backup are the same: whoever gives both the same
 * pushes and steps in the same order has the same bits in both.
 *
 * <p>Memory: {@code 4 * count * (1 + slots + workers)} bytes, for the copy's life. Threading: one
 * thread.
 */
public final class ShardCopy implements AutoCloseable {
  private static final int CHUNK = 1024;

  private final Shard shard;
  private final Updater updater;
  private final Clocks clocks;
  private final NativeMemory.Block memory;
  private final long[] slots;
  private final double[] rates;
  private final long[] weights;
  private final float[] sum = new float[CHUNK];
  private final float[] other = new float[CHUNK];
  private long updates;

  /**
   * A copy full of zeros.
   *
   * @param from the last step whose state it is about to be given
   */
  public ShardCopy(
      Shard shard, OptimizerSpec optimizer, ConsistencySpec consistency, int workers, long from) {
    this.shard = shard;
    this.updater = Updater.of(optimizer);
    this.clocks = new Clocks(consistency, workers, from);
    int parts = 1 + updater.slotNames().size() + workers;
    this.memory = NativeMemory.allocate(Math.multiplyExact(4 * shard.count(), (long) parts), 64);
    this.slots = new long[updater.slotNames().size()];
    for (int i = 0; i < slots.length; i++) {
      slots[i] = part(1 + i).address();
    }
    this.rates = new double[workers];
    this.weights = new long[workers];
  }

  private TensorBuffer part(int index) {
    return TensorBuffer.cpu(
        memory.address() + 4 * shard.count() * index, DType.FLOAT32, shard.count());
  }

  /** Which it is. */
  public Shard shard() {
    return shard;
  }

  /** What it has taken in. */
  public Clocks clocks() {
    return clocks;
  }

  /** The parameters now. */
  public TensorBuffer values() {
    return part(0);
  }

  /** The slots of the optimizer. */
  public List<TensorBuffer> slots() {
    List<TensorBuffer> all = new ArrayList<>();
    for (int i = 0; i < slots.length; i++) {
      all.add(part(1 + i));
    }
    return all;
  }

  /** Where a worker's gradient is to be put ahead of {@link #push}. */
  public TensorBuffer gradient(int worker) {
    return part(1 + slots.length + worker);
  }

  /** Updates that the parameters have had. */
  public long updates() {
    return updates;
  }

  /** The values have had so many updates elsewhere. */
  public void updates(long count) {
    updates = count;
  }

  /**
   * Takes a push in, whose gradient stands in {@link #gradient}, unless it is a duplicate or late.
   *
   * @param rate the learning rate of its step
   * @param weight items that its gradient is of
   */
  public Clocks.Ruling push(int worker, long step, double rate, long weight) {
    Clocks.Ruling ruling = clocks.push(worker, step);
    if (ruling == Clocks.Ruling.HOLD) {
      rates[worker] = rate;
      weights[worker] = weight;
    } else if (ruling == Clocks.Ruling.APPLY) {
      update(gradient(worker).address(), rate);
    }
    return ruling;
  }

  /** All its values, slots and gradients, for another copy. */
  public TensorBuffer content() {
    return TensorBuffer.cpu(memory.address(), DType.FLOAT32, memory.bytes() / 4);
  }

  /** What it knows besides {@link #content}, in {@code 3 * workers + 2} numbers. */
  public long[] record() {
    int workers = weights.length;
    long[] record = Arrays.copyOf(clocks.state(), 3 * workers + 2);
    record[workers + 1] = updates;
    for (int worker = 0; worker < workers; worker++) {
      record[workers + 2 + worker] = Double.doubleToRawLongBits(rates[worker]);
      record[2 * workers + 2 + worker] = weights[worker];
    }
    return record;
  }

  /** Becomes the copy that this {@link #record} is of; its content is set already. */
  public void restore(long[] record) {
    int workers = weights.length;
    clocks.restore(Arrays.copyOf(record, workers + 1));
    updates = record[workers + 1];
    for (int worker = 0; worker < workers; worker++) {
      rates[worker] = Double.longBitsToDouble(record[workers + 2 + worker]);
      weights[worker] = record[2 * workers + 2 + worker];
    }
  }

  /**
   * Applies the next step with the gradients of these workers, added in order of worker. Where some
   * are left out the sum is scaled up, by items, to that of a whole global batch.
   *
   * @param who a bit each, all of them held
   * @param globalItems of the step's whole batch; 0 to leave the sum as it is
   */
  public void apply(long who, long globalItems) {
    if (who == 0 || !clocks.holdsAll(who)) {
      throw new IllegalStateException(
          "shard "
              + shard.index()
              + ": step "
              + (clocks.applied() + 1)
              + " is to be applied without a push that it is made of");
    }
    long items = 0;
    OptionalLong first = OptionalLong.empty();
    for (int worker = 0; worker < weights.length; worker++) {
      if ((who >>> worker & 1) != 0) {
        items += weights[worker];
        first = first.isPresent() ? first : OptionalLong.of(worker);
      }
    }
    int target = (int) first.orElseThrow();
    float scale = globalItems > 0 && items > 0 ? (float) globalItems / items : 1;
    add(target, who, scale);
    update(gradient(target).address(), rates[target]);
    clocks.advance();
  }

  /** Adds the others' gradients to that of {@code target}. */
  private void add(int target, long who, float scale) {
    if (Long.bitCount(who) == 1 && scale == 1) {
      return;
    }
    FloatBuffer into = view(target);
    List<FloatBuffer> others = new ArrayList<>();
    for (int worker = target + 1; worker < weights.length; worker++) {
      if ((who >>> worker & 1) != 0) {
        others.add(view(worker));
      }
    }
    for (int at = 0; at < shard.count(); at += CHUNK) {
      int length = (int) Math.min(CHUNK, shard.count() - at);
      into.get(at, sum, 0, length);
      for (FloatBuffer gradient : others) {
        gradient.get(at, other, 0, length);
        for (int i = 0; i < length; i++) {
          sum[i] += other[i];
        }
      }
      if (scale != 1) {
        for (int i = 0; i < length; i++) {
          sum[i] *= scale;
        }
      }
      into.put(at, sum, 0, length);
    }
  }

  private FloatBuffer view(int worker) {
    TensorBuffer gradient = gradient(worker);
    return NativeMemory.view(gradient.address(), Math.toIntExact(gradient.byteCount()))
        .asFloatBuffer();
  }

  private void update(long gradient, double rate) {
    updates++;
    updater.update(values().address(), slots, gradient, shard.count(), rate, updates);
  }

  @Override
  public void close() {
    memory.close();
  }
}
