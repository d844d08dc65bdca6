package dev.trireme.allreduce.exchange;

import dev.trireme.api.collective.ProcessGroup;
import dev.trireme.api.collective.ReduceOp;
import dev.trireme.api.collective.Work;
import dev.trireme.api.engine.Loss;
import dev.trireme.api.tensor.DType;
import dev.trireme.api.tensor.NamedTensor;
import dev.trireme.api.tensor.NativeMemory;
import dev.trireme.api.tensor.TensorBuffer;
import dev.trireme.api.train.StepSignals;
import dev.trireme.api.train.StepTotals;
import java.nio.ByteBuffer;
import java.nio.DoubleBuffer;
import java.util.List;

/**
 * What ranks sum besides gradients: the step's signals and the statistics, as float64 in one small
 * all-reduce of its own. All of it is known before backward, so it is exchanged while backward runs
 * and ahead of every bucket. In float64, counts are exact up to 2^53 and the sum of losses has an
 * error of one part in 2^53 an addition; behind the gradients of the last bucket, in float32, both
 * would be worse and nothing would be sooner.
 *
 * <p>A statistic's mean over the ranks is weighted by the number of items of their parts: each rank
 * adds value times items, and the sum is divided by the sum of items. So no rank needs to know the
 * others' parts, and a rank with an empty part adds nothing. Where all parts are empty, statistics
 * stay as they are, as they do with a single rank.
 */
final class StepSums {
  private static final int LOSS = 0;
  private static final int CORRECT = 1;
  private static final int ITEMS = 2;
  private static final int STOP = 3;
  private static final int CHECKPOINT = 4;
  private static final int SIGNALS = 5;

  private final ProcessGroup group;
  private final List<NamedTensor> statistics;
  private final TensorBuffer buffer;
  private final DoubleBuffer values;

  StepSums(ProcessGroup group, List<NamedTensor> statistics) {
    for (NamedTensor each : statistics) {
      if (each.dtype() != DType.FLOAT32 && each.dtype() != DType.FLOAT64) {
        throw new IllegalArgumentException(
            "statistic " + each.name() + " is " + each.dtype() + ", expected FLOAT32 or FLOAT64");
      }
    }
    this.group = group;
    this.statistics = group.worldSize() == 1 ? List.of() : List.copyOf(statistics);
    long count = SIGNALS + this.statistics.stream().mapToLong(s -> s.data().count()).sum();
    this.buffer = group.allocate(DType.FLOAT64, count);
    this.values = view(buffer).asDoubleBuffer();
  }

  /** Starts the all-reduce of this rank's part. */
  Work start(StepSignals signals) {
    Loss loss = signals.loss();
    values.put(LOSS, loss.lossSum());
    values.put(CORRECT, loss.correct());
    values.put(ITEMS, loss.items());
    values.put(STOP, signals.stop() ? 1 : 0);
    values.put(CHECKPOINT, signals.checkpoint() ? 1 : 0);
    int at = SIGNALS;
    for (NamedTensor statistic : statistics) {
      ByteBuffer own = view(statistic.data());
      for (int i = 0; i < statistic.data().count(); i++) {
        // An empty part may not spoil the mean even if its value is not a number.
        values.put(at++, loss.items() == 0 ? 0 : get(own, statistic.dtype(), i) * loss.items());
      }
    }
    return group.allReduce(buffer, ReduceOp.SUM);
  }

  /** Writes the means back and gives the totals, once the all-reduce is done. */
  StepTotals finish() {
    double items = values.get(ITEMS);
    int at = SIGNALS;
    for (NamedTensor statistic : statistics) {
      ByteBuffer own = view(statistic.data());
      for (int i = 0; i < statistic.data().count() && items > 0; i++) {
        put(own, statistic.dtype(), i, values.get(at++) / items);
      }
    }
    return new StepTotals(
        new Loss(values.get(LOSS), (long) values.get(CORRECT), (long) items),
        values.get(STOP) > 0,
        values.get(CHECKPOINT) > 0);
  }

  private static ByteBuffer view(TensorBuffer buffer) {
    return NativeMemory.view(buffer.address(), Math.toIntExact(buffer.byteCount()));
  }

  private static double get(ByteBuffer from, DType dtype, int index) {
    return dtype == DType.FLOAT32
        ? from.getFloat(index * Float.BYTES)
        : from.getDouble(index * Double.BYTES);
  }

  private static void put(ByteBuffer to, DType dtype, int index, double value) {
    if (dtype == DType.FLOAT32) {
      to.putFloat(index * Float.BYTES, (float) value);
    } else {
      to.putDouble(index * Double.BYTES, value);
    }
  }
}
