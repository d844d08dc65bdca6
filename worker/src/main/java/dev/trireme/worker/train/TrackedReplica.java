package dev.trireme.worker.train;

import dev.trireme.api.data.Batch;
import dev.trireme.api.engine.GradientSink;
import dev.trireme.api.engine.Loss;
import dev.trireme.api.engine.Parameter;
import dev.trireme.api.engine.Replica;
import dev.trireme.api.tensor.NamedTensor;
import dev.trireme.api.tensor.TensorBuffer;
import java.util.List;

/**
 * A replica as the training program sees it: every loop, the user's own included, thereby says
 * which step's state the replica holds.
 */
final class TrackedReplica implements Replica {
  private final Replica replica;
  private final RankState state;

  TrackedReplica(Replica replica, RankState state) {
    this.replica = replica;
    this.state = state;
  }

  @Override
  public List<Parameter> parameters() {
    return replica.parameters();
  }

  @Override
  public List<NamedTensor> statistics() {
    return replica.statistics();
  }

  @Override
  public void prepare(Batch next) {
    replica.prepare(next);
  }

  @Override
  public Loss forward(Batch batch, long seed) {
    state.forward();
    return replica.forward(batch, seed);
  }

  @Override
  public void backward(GradientSink sink) {
    replica.backward(sink);
  }

  @Override
  public void bindGradients(List<TensorBuffer> reduced) {
    replica.bindGradients(reduced);
  }

  @Override
  public void optimize(double learningRate) {
    state.updating();
    replica.optimize(learningRate);
  }

  @Override
  public Loss evaluate(Batch batch) {
    return replica.evaluate(batch);
  }

  @Override
  public List<NamedTensor> modelState() {
    return replica.modelState();
  }

  @Override
  public List<NamedTensor> optimizerState() {
    return replica.optimizerState();
  }

  @Override
  public long nativeBytes() {
    return replica.nativeBytes();
  }

  /** The replica outlives the formation: whoever made it closes it. */
  @Override
  public void close() {
    throw new UnsupportedOperationException("a training program does not close its replica");
  }
}
