package dev.trireme.ps;

import dev.trireme.api.data.Batch;
import dev.trireme.api.engine.GradientSink;
import dev.trireme.api.engine.Loss;
import dev.trireme.api.engine.Parameter;
import dev.trireme.api.engine.Replica;
import dev.trireme.api.tensor.NamedTensor;
import dev.trireme.api.tensor.TensorBuffer;
import java.util.List;

/**
 * A replica whose optimizer runs on the servers: {@link #optimize} takes over the parameters that
 * came back.
 */
public final class ServedReplica implements Replica {
  private final Replica replica;
  private final ServedExchange exchange;

  /**
   * @param exchange of this very replica
   */
  public ServedReplica(Replica replica, ServedExchange exchange) {
    this.replica = replica;
    this.exchange = exchange;
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
    exchange.requireRate(learningRate);
    exchange.takeParameters();
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
  public void close() {}
}
