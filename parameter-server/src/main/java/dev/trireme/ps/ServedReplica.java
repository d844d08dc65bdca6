package dev.trireme.ps;

import dev.trireme.api.data.Batch;
import dev.trireme.api.engine.ForwardingReplica;
import dev.trireme.api.engine.GradientSink;
import dev.trireme.api.engine.Loss;
import dev.trireme.api.engine.Replica;

/**
 * A replica whose optimizer runs on the servers: {@link #optimize} takes over the parameters that
 * came back. It outlives the formation: whoever made it closes it.
 */
public final class ServedReplica extends ForwardingReplica {
  private final ServedExchange exchange;

  /**
   * @param exchange of this very replica
   */
  public ServedReplica(Replica replica, ServedExchange exchange) {
    super(replica);
    this.exchange = exchange;
  }

  @Override
  public void prepare(Batch next) {
    if (!exchange.rests(next)) {
      exchange.preparing(next);
      super.prepare(next);
    }
  }

  /** Of a batch in which this worker has no part there is nothing to compute. */
  @Override
  public Loss forward(Batch batch, long seed) {
    exchange.forwarding(batch);
    return exchange.isResting() ? Loss.NONE : super.forward(batch, seed);
  }

  @Override
  public void backward(GradientSink sink) {
    if (!exchange.isResting()) {
      super.backward(sink);
    }
  }

  /**
   * @throws IllegalArgumentException for another rate than went to the servers with the gradients
   */
  @Override
  public void optimize(double learningRate) {
    if (learningRate != exchange.lastRate()) {
      throw new IllegalArgumentException(
          "expected the job's learning rate of step "
              + exchange.lastStep()
              + ", "
              + exchange.lastRate()
              + ", for it went to the servers with the gradients; found "
              + learningRate);
    }
    if (!exchange.isResting()) {
      exchange.takeParameters();
    }
    // By the step, and not one more each time: workers that recover have not all made the same.
    counted(exchange.lastStep());
  }

  @Override
  public Loss evaluate(Batch batch) {
    exchange.evaluating(batch);
    return super.evaluate(batch);
  }
}
