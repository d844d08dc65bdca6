package dev.trireme.engine;

import java.util.Set;
import org.bytedeco.pytorch.Tensor;

/**
 * A model of any origin, as a replica runs it.
 *
 * <p>Threading: one thread at a time. Native memory: {@link #forward} runs inside a scope of the
 * caller's, which frees what it made.
 */
interface Network extends AutoCloseable {
  /** The model's tensors; the same object each time. */
  StateDict state();

  /**
   * Runs the model. Leaves counts of updates as they are.
   *
   * @param input {@code batch x itemShape}, at least one item
   * @param training whether layers that differ behave as in training
   * @throws dev.trireme.api.engine.EngineException when a layer refuses; the message names it
   */
  Tensor forward(Tensor input, boolean training);

  /** Names of the parameters that are tables, see {@code Replica.tables}. */
  default Set<String> tables() {
    return Set.of();
  }

  /** Whether forward in training draws random numbers. */
  boolean drawsAtRandom();

  /** Frees the model's tensors. */
  @Override
  void close();
}
