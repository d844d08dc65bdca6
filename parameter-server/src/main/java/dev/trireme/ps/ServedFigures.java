package dev.trireme.ps;

import dev.trireme.api.collective.ProcessGroup;
import dev.trireme.api.collective.ReduceOp;
import dev.trireme.api.tensor.DType;
import dev.trireme.api.tensor.NativeMemory;
import dev.trireme.api.tensor.TensorBuffer;
import dev.trireme.ps.shard.Staleness;
import java.nio.DoubleBuffer;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * What a worker's exchange with servers was like, through all formations of its process: bytes, how
 * old what it read was, and how much of a step's state it has got of it.
 *
 * <p>Threading: the training thread writes, any may read.
 */
public final class ServedFigures {
  private static final int HEAD = 3;

  private final long[] staleness = new long[Staleness.LAST + 1];
  private long bytes;
  private long plainBytes;
  private final StateMark mark = new StateMark();

  /** What the process's replica holds; the training thread's alone. */
  StateMark mark() {
    return mark;
  }

  /** Values were read while the slowest worker was so many steps behind. */
  synchronized void read(long steps) {
    staleness[(int) Math.min(steps, Staleness.LAST)]++;
  }

  /**
   * A step has come to its end.
   *
   * @param moved bytes sent and received, heads included
   * @param plain what it would be if all gradients went out and all values came in as float32
   */
  synchronized void step(long moved, long plain) {
    bytes += moved;
    plainBytes += plain;
  }

  /**
   * By name: {@code servedBytes}, {@code servedPlainBytes}, {@code stalenessMean}, {@code
   * stalenessMax}, and {@code staleness.N}, the number of reads for which the slowest worker was N
   * steps behind (of the last class, {@value Staleness#LAST}, or more).
   */
  public synchronized Map<String, Double> map() {
    Map<String, Double> map = new LinkedHashMap<>();
    map.put("servedBytes", (double) bytes);
    map.put("servedPlainBytes", (double) plainBytes);
    long reads = 0;
    double sum = 0;
    int largest = 0;
    for (int steps = 0; steps < staleness.length; steps++) {
      if (staleness[steps] > 0) {
        map.put("staleness." + steps, (double) staleness[steps]);
        reads += staleness[steps];
        sum += (double) steps * staleness[steps];
        largest = steps;
      }
    }
    map.put("stalenessMean", reads == 0 ? 0 : sum / reads);
    map.put("stalenessMax", (double) largest);
    return map;
  }

  /** The sums over all workers: a collective call. */
  Map<String, Double> total(ProcessGroup workers) {
    int count = HEAD + staleness.length;
    ServedFigures total = new ServedFigures();
    try (NativeMemory.Block block = NativeMemory.allocate(8L * count, 64)) {
      TensorBuffer buffer = block.buffer(DType.FLOAT64, count);
      DoubleBuffer view = NativeMemory.view(block.address(), 8 * count).asDoubleBuffer();
      synchronized (this) {
        view.put(0, bytes).put(1, plainBytes);
        for (int i = 0; i < staleness.length; i++) {
          view.put(HEAD + i, staleness[i]);
        }
      }
      workers.allReduce(buffer, ReduceOp.SUM).await();
      total.bytes = Math.round(view.get(0));
      total.plainBytes = Math.round(view.get(1));
      for (int i = 0; i < staleness.length; i++) {
        total.staleness[i] = Math.round(view.get(HEAD + i));
      }
    }
    return total.map();
  }
}
