package dev.trireme.worker.train;

import dev.trireme.api.collective.ProcessGroup;
import dev.trireme.api.data.Batch;
import dev.trireme.api.engine.ForwardingReplica;
import dev.trireme.api.engine.Loss;
import dev.trireme.api.engine.Replica;

/**
 * A replica as the training program sees it: every loop, the user's own included, thereby says
 * which step's state the replica holds, and hears of the formation's end within one batch: an
 * evaluation of many of them has no collective in between that would tell.
 */
final class TrackedReplica extends ForwardingReplica {
  private final RankState state;
  private final ProcessGroup group;

  TrackedReplica(Replica replica, RankState state, ProcessGroup group) {
    super(replica);
    this.state = state;
    this.group = group;
  }

  @Override
  public Loss forward(Batch batch, long seed) {
    group.requireUsable();
    state.forward();
    return super.forward(batch, seed);
  }

  @Override
  public Loss evaluate(Batch batch) {
    group.requireUsable();
    return super.evaluate(batch);
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
