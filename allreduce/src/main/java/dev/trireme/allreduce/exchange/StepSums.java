package dev.trireme.allreduce.exchange;

import dev.trireme.api.collective.ProcessGroup;
import dev.trireme.api.collective.ReduceOp;
import dev.trireme.api.collective.Work;
import dev.trireme.api.engine.Loss;
import dev.trireme.api.tensor.DType;
import dev.trireme.api.tensor.DeviceMemory;
import dev.trireme.api.tensor.NamedTensor;
import dev.trireme.api.tensor.NativeMemory;
import dev.trireme.api.tensor.TensorBuffer;
import dev.trireme.api.train.StepSignals;
import dev.trireme.api.train.StepTotals;
import java.nio.ByteBuffer;
import java.nio.DoubleBuffer;
import java.util.ArrayList;
import java.util.List;

/**
 * What ranks sum besides gradients: the step's signals and the statistics, as float64 in one small
 * all-reduce of its own. All of it is known before backward, so it is exchanged while backward runs
 * and ahead of every bucket. In float64, counts are exact up to 2^53 and the sum of losses has an
 * error of one part in 2^53 an addition; behind the gradients of the last bucket, in float32, both
 * would be worse and nothing would be sooner.
 *
 * <p>With several parts of a rank's batch, the same sums are first taken over the parts, in the
 * tree of {@link PartSums}: the same bits however the parts are spread over ranks, where these add
 * up in that tree as well.
 *
 * <p>A statistic's mean over the ranks is weighted by the number of items of their parts: each rank
 * adds value times items, and the sum is divided by the sum of items. So no rank needs to know the
 * others' parts, and a rank with an empty part adds nothing. Where all parts are empty, statistics
 * stay as they are, as they do with a single part in all.
 */
final class StepSums {
  private static final int LOSS = 0;
  private static final int CORRECT = 1;
  private static final int ITEMS = 2;
  private static final int STOP = 3;
  private static final int CHECKPOINT = 4;
  private static final int SIGNALS = 5;

  private final ProcessGroup group;
  private final Statistics statistics;
  private final TensorBuffer buffer;
  private final DoubleBuffer values;
  private final List<double[]> digits = new ArrayList<>();
  private double[] before = {};
  private int part;
  private int partCount = 1;

  StepSums(ProcessGroup group, List<NamedTensor> statistics, DeviceMemory memory) {
    for (NamedTensor each : statistics) {
      if (each.dtype() != DType.FLOAT32 && each.dtype() != DType.FLOAT64) {
        throw new IllegalArgumentException(
            "statistic " + each.name() + " is " + each.dtype() + ", expected FLOAT32 or FLOAT64");
      }
    }
    this.group = group;
    // The group's memory first: it may fail, and this rank's own would be left behind.
    this.buffer = group.allocate(DType.FLOAT64, SIGNALS + Statistics.count(statistics));
    this.statistics = new Statistics(statistics, memory);
    this.values = view(buffer).asDoubleBuffer();
  }

  /** The forward of this part of the rank's batch comes next: gives it the step's statistics. */
  void part(int index, int count) {
    part = index;
    partCount = count;
    if (count > 1 && index == 0) {
      before = statistics.read(1);
    } else if (index > 0) {
      statistics.write(i -> before[i]);
    }
  }

  /** Takes in a part that is not the last. */
  void add(StepSignals signals) {
    double[] sum = own(signals);
    int digit = 0;
    for (; (part >>> digit & 1) != 0; digit++) {
      add(sum, digits.get(digit));
    }
    if (digits.size() <= digit) {
      digits.add(sum);
    } else {
      digits.set(digit, sum);
    }
  }

  /** Starts the all-reduce of this rank's batch with its last, or only, part. */
  Work start(StepSignals signals) {
    double[] sum = own(signals);
    for (int digit = 0; part >>> digit != 0; digit++) {
      if ((part >>> digit & 1) != 0) {
        add(sum, digits.get(digit));
      }
    }
    values.put(0, sum);
    values.put(STOP, signals.stop() ? 1 : 0);
    values.put(CHECKPOINT, signals.checkpoint() ? 1 : 0);
    return group.allReduce(buffer, ReduceOp.SUM);
  }

  private static void add(double[] into, double[] other) {
    for (int i = 0; i < into.length; i++) {
      into[i] += other[i];
    }
  }

  /** What the part that was forwarded last adds to the sums. */
  private double[] own(StepSignals signals) {
    Loss loss = signals.loss();
    double[] own = new double[values.capacity()];
    own[LOSS] = loss.lossSum();
    own[CORRECT] = loss.correct();
    own[ITEMS] = loss.items();
    // An empty part may not spoil the mean even if its value is not a number.
    if (averages() && loss.items() > 0) {
      double[] weighted = statistics.read(loss.items());
      System.arraycopy(weighted, 0, own, SIGNALS, weighted.length);
    }
    return own;
  }

  private boolean averages() {
    return group.worldSize() > 1 || partCount > 1;
  }

  /** Writes the means back and gives the totals, once the all-reduce is done. */
  StepTotals finish() {
    double items = values.get(ITEMS);
    if (averages() && items > 0) {
      statistics.write(i -> values.get(SIGNALS + i) / items);
    }
    part = 0;
    partCount = 1;
    return new StepTotals(
        new Loss(values.get(LOSS), (long) values.get(CORRECT), (long) items),
        values.get(STOP) > 0,
        values.get(CHECKPOINT) > 0);
  }

  private static ByteBuffer view(TensorBuffer buffer) {
    return NativeMemory.view(buffer.address(), Math.toIntExact(buffer.byteCount()));
  }

  void close() {
    statistics.close();
  }
}
