package dev.trireme.ps.shard;

import dev.trireme.api.job.ConsistencySpec;
import dev.trireme.api.job.OptimizerSpec;
import dev.trireme.api.tensor.DType;
import dev.trireme.api.tensor.NativeMemory;
import dev.trireme.api.tensor.TensorBuffer;
import dev.trireme.ps.plan.Shard;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;

/**
 * One server's copy of a shard: parameters, optimizer slots, the gradients that it holds for the
 * step to come, and {@link Clocks}. Primary and backup are the same: whoever gives both the same
 * pushes and steps in the same order has the same bits in both.
 *
 * <p>Memory: {@code 4 * count * (1 + slots)} bytes, and for each worker as much as its largest push
 * had, for the copy's life. Threading: one thread.
 */
public final class ShardCopy implements AutoCloseable {
  private final Shard shard;
  private final Updater updater;
  private final Clocks clocks;
  private final Packing packing;
  private final RowSum rowSum;
  private final NativeMemory.Block memory;
  private final long[] slots;
  private final Portions portions;
  private final Room portionsRoom = new Room();
  private final Room[] inboxes;
  private final TensorBuffer[] elsewhere;
  private final long[] held;
  private final double[] rates;
  private final long[] weights;
  private final Vectors vectors = new Vectors();
  private final NativeMemory.Block scratch;
  private long updates;

  /**
   * A copy full of zeros.
   *
   * @param wire how gradients come
   * @param batch items of a whole global batch
   * @param from the last step whose state it is about to be given
   */
  public ShardCopy(
      Shard shard,
      OptimizerSpec optimizer,
      ConsistencySpec consistency,
      Wire wire,
      int workers,
      int batch,
      long from) {
    this.shard = shard;
    this.updater = Updater.of(optimizer);
    this.clocks = new Clocks(consistency, workers, from);
    this.packing = new Packing(shard, wire);
    this.rowSum = new RowSum(shard, packing);
    int parts = 1 + updater.slotNames().size();
    this.memory = NativeMemory.allocate(Math.multiplyExact(4 * shard.count(), (long) parts), 64);
    // The updater works in its beginning; behind that a gradient in 16 bits becomes float32.
    this.scratch =
        NativeMemory.allocate(Updater.SCRATCH_BYTES + (long) Float.BYTES * Vectors.BLOCK, 64);
    this.slots = new long[updater.slotNames().size()];
    for (int i = 0; i < slots.length; i++) {
      slots[i] = part(1 + i).address();
    }
    this.portions = new Portions(workers, batch, Portions.longestStride(consistency));
    this.inboxes = new Room[workers];
    Arrays.setAll(inboxes, i -> new Room());
    this.elsewhere = new TensorBuffer[workers];
    Arrays.fill(elsewhere, TensorBuffer.NONE);
    this.held = new long[workers];
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

  /** How its gradients are packed. */
  public Packing packing() {
    return packing;
  }

  /** Where a worker's gradient of so many bytes is to be put ahead of {@link #push}. */
  public TensorBuffer inbox(int worker, long bytes) {
    return inboxes[worker].of(bytes);
  }

  /** The workers' parts of batches; kept with the first shard, and empty with all others. */
  public Portions portions() {
    return portions;
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
   * Takes a push in, whose gradient stands in {@link #inbox}, unless it is a duplicate or late.
   *
   * @param until the step ahead of the worker's next, see {@link Clocks#push}
   * @param rate the learning rate of its step
   * @param weight items that its gradient is of
   * @param bytes of the gradient
   * @throws IllegalArgumentException when that is no gradient of this shard
   */
  public Clocks.Ruling push(
      int worker, long step, long until, double rate, long weight, long bytes) {
    packing.rows(bytes);
    Clocks.Ruling ruling = clocks.push(worker, step, until);
    if (ruling == Clocks.Ruling.HOLD) {
      rates[worker] = rate;
      weights[worker] = weight;
      held[worker] = bytes;
    } else if (ruling == Clocks.Ruling.APPLY) {
      held[worker] = bytes;
      update(1L << worker, rate, 1, Optional.empty());
      held[worker] = 0;
    }
    return ruling;
  }

  /**
   * The same under bsp with a gradient that stays where its worker shows it, unchanged until the
   * step has been applied; {@link #keep} makes this copy independent of it.
   *
   * @param gradient of all elements, float32
   */
  public Clocks.Ruling pushShown(
      int worker, long step, double rate, long weight, TensorBuffer gradient) {
    Clocks.Ruling ruling = push(worker, step, step, rate, weight, gradient.byteCount());
    if (ruling == Clocks.Ruling.HOLD) {
      // The room to keep it must not be lacking when the formation breaks.
      inboxes[worker].of(held[worker]);
      elsewhere[worker] = gradient;
    }
    return ruling;
  }

  /** Takes the gradients that it holds in others' memory into its own. */
  public void keep() {
    for (int worker = 0; worker < elsewhere.length; worker++) {
      TensorBuffer gradient = elsewhere[worker];
      if (gradient.count() > 0) {
        TensorBuffer own = inboxes[worker].of(held[worker]);
        NativeMemory.copy(gradient.address(), own.address(), own.byteCount());
        elsewhere[worker] = TensorBuffer.NONE;
      }
    }
  }

  private TensorBuffer gradient(int worker) {
    return elsewhere[worker].count() > 0 ? elsewhere[worker] : inboxes[worker].of(held[worker]);
  }

  /** Numbers in a {@link #record}. */
  public static int recordLength(int workers) {
    return Clocks.stateLength(workers) + 3 * workers + 2;
  }

  /** What it knows besides {@link #parts}, in {@link #recordLength} numbers. */
  public long[] record() {
    int workers = weights.length;
    long[] record = Arrays.copyOf(clocks.state(), recordLength(workers));
    int at = Clocks.stateLength(workers);
    record[at++] = updates;
    record[at++] = portions.size();
    for (int worker = 0; worker < workers; worker++) {
      record[at++] = Double.doubleToRawLongBits(rates[worker]);
      record[at++] = weights[worker];
      record[at++] = held[worker];
    }
    return record;
  }

  /**
   * Becomes the copy that this {@link #record} is of, once its parts have been filled and {@link
   * #restored} is called.
   *
   * @return the {@link #parts} to be filled
   */
  public List<TensorBuffer> restore(long[] record) {
    int workers = weights.length;
    int at = Clocks.stateLength(workers);
    clocks.restore(Arrays.copyOf(record, at));
    updates = record[at++];
    int portionNumbers = Math.toIntExact(record[at++]);
    for (int worker = 0; worker < workers; worker++) {
      rates[worker] = Double.longBitsToDouble(record[at++]);
      weights[worker] = record[at++];
      held[worker] = record[at++];
    }
    return parts(portionNumbers);
  }

  /** The parts that {@link #restore} wanted are there. */
  public void restored(List<TensorBuffer> filled) {
    portions.read(Room.view(filled.get(filled.size() - 1)).asIntBuffer());
  }

  /**
   * All its bytes, for another copy with the same {@link #record}: values and slots, the gradients
   * that it holds, and the workers' parts of batches.
   */
  public List<TensorBuffer> parts() {
    keep();
    List<TensorBuffer> parts = parts(portions.size());
    portions.write(Room.view(parts.get(parts.size() - 1)).asIntBuffer());
    return parts;
  }

  private List<TensorBuffer> parts(int portionNumbers) {
    List<TensorBuffer> parts = new ArrayList<>();
    parts.add(values());
    parts.addAll(slots());
    for (int worker = 0; worker < held.length; worker++) {
      if (held[worker] > 0) {
        parts.add(inboxes[worker].of(held[worker]));
      }
    }
    parts.add(portionsRoom.of(4L * portionNumbers));
    return parts;
  }

  /**
   * Applies the next step, and shows the new values while they are in the cache, with the gradients
   * of these workers, added in order of worker. Where some are left out the sum is scaled up, by
   * items, to that of a whole global batch.
   *
   * @param who a bit each, all of them held
   * @param globalItems of the step's whole batch; 0 to leave the sum as it is
   * @return whether {@code shown} holds the new values, which a table's copy leaves as it is
   */
  public boolean apply(long who, long globalItems, Optional<TensorBuffer> shown) {
    if (who == 0 || !clocks.holdsAll(who)) {
      throw new IllegalStateException(
          "shard "
              + shard.index()
              + ": step "
              + (clocks.applied() + 1)
              + " is to be applied without a push that it is made of");
    }
    long items = 0;
    for (int worker = 0; worker < weights.length; worker++) {
      items += (who >>> worker & 1) != 0 ? weights[worker] : 0;
    }
    float scale = globalItems > 0 && items > 0 ? (float) globalItems / items : 1;
    update(who, rates[Long.numberOfTrailingZeros(who)], scale, shown);
    clocks.advance();
    // Those of workers that were left out are late by now.
    Arrays.fill(held, 0);
    Arrays.fill(elsewhere, TensorBuffer.NONE);
    return shown.isPresent() && !shard.isTable();
  }

  private void update(long who, double rate, float scale, Optional<TensorBuffer> shown) {
    updates++;
    updater.begin(rate, updates);
    List<TensorBuffer> gradients = new ArrayList<>();
    for (int worker = 0; worker < held.length; worker++) {
      if ((who >>> worker & 1) != 0) {
        gradients.add(gradient(worker));
      }
    }
    if (shard.isTable()) {
      rowSum.add(gradients.stream().map(RowSum.Part::of).toList());
      if (scale != 1) {
        rowSum.scale(scale);
      }
      updater.rows(
          values().address(),
          slots,
          shard.count(),
          shard.width(),
          rowSum.rows(),
          rowSum.count(),
          rowSum.values());
    } else {
      updateAll(gradients, scale, shown);
    }
  }

  private void updateAll(List<TensorBuffer> gradients, float scale, Optional<TensorBuffer> shown) {
    long sum = scratch.address();
    long[] slotsAt = new long[slots.length];
    for (long at = 0; at < shard.count(); at += Vectors.BLOCK) {
      int length = (int) Math.min(Vectors.BLOCK, shard.count() - at);
      NativeMemory.copy(floats(gradients.get(0), at, length), sum, (long) Float.BYTES * length);
      for (TensorBuffer next : gradients.subList(1, gradients.size())) {
        vectors.add(sum, floats(next, at, length), length);
      }
      if (scale != 1) {
        vectors.scale(sum, scale, length);
      }
      for (int i = 0; i < slots.length; i++) {
        slotsAt[i] = slots[i] + Float.BYTES * at;
      }
      long values = memory.address() + Float.BYTES * at;
      updater.stretch(values, slotsAt, sum, length);
      if (shown.isPresent()) {
        long to = shown.get().address() + Float.BYTES * at;
        NativeMemory.copy(values, to, (long) Float.BYTES * length);
      }
    }
  }

  /** Where some elements of a gradient are in float32; until asked for the next. */
  private long floats(TensorBuffer gradient, long at, int length) {
    if (packing.wire() == Wire.FLOAT32) {
      return gradient.address() + Float.BYTES * at;
    }
    long wide = scratch.address() + Updater.SCRATCH_BYTES;
    packing.read(Room.view(gradient), at, wide, length);
    return wide;
  }

  @Override
  public void close() {
    memory.close();
    scratch.close();
    portionsRoom.close();
    for (Room inbox : inboxes) {
      inbox.close();
    }
  }
}
