package dev.trireme.api.engine;

import dev.trireme.api.data.Batch;
import dev.trireme.api.tensor.NamedTensor;
import dev.trireme.api.tensor.TensorBuffer;
import java.util.List;

/**
 * A replica that does what another does; a subclass changes some of it. It does not own the other:
 * whoever made that closes it.
 */
public abstract class ForwardingReplica implements Replica {
  private final Replica replica;

  /**
   * @param replica that does the work
   */
  protected ForwardingReplica(Replica replica) {
    this.replica = replica;
  }

  @Override
  public List<Parameter> parameters() {
    return replica.parameters();
  }

  @Override
  public List<Integer> tables() {
    return replica.tables();
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
    replica.optimize(learningRate);
  }

  @Override
  public void counted(long updates) {
    replica.counted(updates);
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

  @Override
  public void close() {}
}
