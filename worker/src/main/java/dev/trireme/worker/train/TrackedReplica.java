package dev.trireme.worker.train;

import dev.trireme.api.data.Batch;
import dev.trireme.api.engine.ForwardingReplica;
import dev.trireme.api.engine.Loss;
import dev.trireme.api.engine.Replica;

/**
 * A replica as the training program sees it: every loop, the user's own included, thereby says
 * which step's state the replica holds.
 */
final class TrackedReplica extends ForwardingReplica {
  private final RankState state;

  TrackedReplica(Replica replica, RankState state) {
    super(replica);
    this.state = state;
  }

  @Override
  public Loss forward(Batch batch, long seed) {
    state.forward();
    return super.forward(batch, seed);
  }

  @Override
  public void optimize(double learningRate) {
    state.updating();
    super.optimize(learningRate);
  }

  /** The replica outlives the formation: whoever made it closes it. */
  @Override
  public void close() {
    throw new UnsupportedOperationException("a training program does not close its replica");
  }
}
