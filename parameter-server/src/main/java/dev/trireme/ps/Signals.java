package dev.trireme.ps;

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
import java.util.Arrays;
import java.util.List;

/**
 * What workers sum besides gradients, among themselves: losses, counts, flags, and statistics
 * weighted by items. Under bsp each step, so that all leave the loop together; else only where they
 * meet anyway, and until then each goes by its own.
 *
 * <p>Threading: one thread.
 */
final class Signals {
  private static final int HEAD = 5;

  private final ProcessGroup workers;
  private final List<NamedTensor> statistics;
  private final TensorBuffer buffer;
  private final double[] sums;
  private double[] before = {};

  /** A collective call of the workers. */
  Signals(ProcessGroup workers, List<NamedTensor> statistics) {
    this.workers = workers;
    this.statistics = List.copyOf(statistics);
    int count = HEAD + (int) this.statistics.stream().mapToLong(s -> s.data().count()).sum();
    this.buffer = workers.allocate(DType.FLOAT64, count);
    this.sums = new double[count];
  }

  private DoubleBuffer view() {
    return NativeMemory.view(buffer.address(), Math.toIntExact(buffer.byteCount()))
        .asDoubleBuffer();
  }

  /** A part of the batch comes next; each starts from the statistics of the step's beginning. */
  void part(int index) {
    if (index == 0) {
      before = read();
    } else {
      write(before);
    }
  }

  /** Adds a part's. */
  void add(int part, StepSignals signals) {
    if (part == 0) {
      Arrays.fill(sums, 0);
    }
    Loss loss = signals.loss();
    sums[0] += loss.lossSum();
    sums[1] += loss.correct();
    sums[2] += loss.items();
    sums[3] = signals.stop() ? 1 : 0;
    sums[4] = signals.checkpoint() ? 1 : 0;
    if (loss.items() > 0) {
      double[] now = read();
      for (int i = 0; i < now.length; i++) {
        sums[HEAD + i] += now[i] * loss.items();
      }
    }
  }

  /** Starts the sum over the workers. */
  Work start() {
    view().put(0, sums);
    return workers.allReduce(buffer, ReduceOp.SUM);
  }

  /** The sums over the workers, once that is done; the statistics become their means. */
  StepTotals totals() {
    view().get(0, sums);
    return local();
  }

  /** This worker's own; its statistics become the means of its parts'. */
  StepTotals local() {
    if (sums[2] > 0) {
      double[] means = new double[sums.length - HEAD];
      for (int i = 0; i < means.length; i++) {
        means[i] = sums[HEAD + i] / sums[2];
      }
      write(means);
    }
    return new StepTotals(
        new Loss(sums[0], Math.round(sums[1]), Math.round(sums[2])), sums[3] > 0, sums[4] > 0);
  }

  /** The mean of the statistics over all workers, each with the same weight. */
  void average() {
    Arrays.fill(sums, 0);
    sums[2] = 1;
    double[] now = read();
    System.arraycopy(now, 0, sums, HEAD, now.length);
    start().await();
    totals();
  }

  /** Items of this worker's batch so far. */
  long items() {
    return Math.round(sums[2]);
  }

  private double[] read() {
    double[] all = new double[sums.length - HEAD];
    int at = 0;
    for (NamedTensor statistic : statistics) {
      ByteBuffer bytes = bytes(statistic);
      for (int i = 0; i < statistic.data().count(); i++) {
        all[at++] =
            statistic.dtype() == DType.FLOAT64 ? bytes.getDouble(8 * i) : bytes.getFloat(4 * i);
      }
    }
    return all;
  }

  private void write(double[] values) {
    int at = 0;
    for (NamedTensor statistic : statistics) {
      ByteBuffer bytes = bytes(statistic);
      for (int i = 0; i < statistic.data().count(); i++) {
        if (statistic.dtype() == DType.FLOAT64) {
          bytes.putDouble(8 * i, values[at++]);
        } else {
          bytes.putFloat(4 * i, (float) values[at++]);
        }
      }
    }
  }

  private static ByteBuffer bytes(NamedTensor tensor) {
    return NativeMemory.view(tensor.data().address(), Math.toIntExact(tensor.data().byteCount()));
  }
}
