package dev.trireme.api.train;

import dev.trireme.api.engine.GradientSink;
import dev.trireme.api.tensor.TensorBuffer;
import java.util.List;

/**
 * Makes the gradients of all ranks one sum. Gradients are fused into buckets; each bucket is
 * exchanged as soon as its last gradient is there, while backward goes on.
 *
 * <p>Threading: {@link #begin}, {@link #ready}, {@link #await} from the training thread. Blocking:
 * only {@link #await}, with the process group's deadline.
 */
public interface GradientExchange extends GradientSink, AutoCloseable {
  /** Starts a step; every rank calls it once a step, before backward. */
  void begin(long step, StepSignals signals);

  /**
   * Waits until every parameter has been handed over and reduced. The averaged statistics have been
   * written back by then.
   *
   * @throws dev.trireme.api.collective.CollectiveException when a bucket failed; the verdict names
   *     step and bucket
   */
  StepTotals await();

  /** Where the reduced gradient of each parameter stands after {@link #await}; never changes. */
  List<TensorBuffer> reduced();

  @Override
  void close();
}
