package dev.trireme.worker.train;

import dev.trireme.api.train.EvalRecord;
import dev.trireme.api.train.StepCoordinator;
import dev.trireme.api.train.StepRecord;

/** The control plane as the training program sees it; keeps track of what is applied. */
final class TrackedSteps implements StepCoordinator {
  private final StepCoordinator steps;
  private final RankState state;

  TrackedSteps(StepCoordinator steps, RankState state) {
    this.steps = steps;
    this.state = state;
  }

  @Override
  public boolean stopRequested() {
    return steps.stopRequested();
  }

  @Override
  public boolean checkpointRequested() {
    return steps.checkpointRequested();
  }

  @Override
  public void reduced(long step) {
    steps.reduced(step);
  }

  @Override
  public void applied(StepRecord record) {
    state.applied(record);
    steps.applied(record);
  }

  @Override
  public void saving() {
    steps.saving();
  }

  @Override
  public void closed() {
    steps.closed();
  }

  @Override
  public void evaluated(EvalRecord record) {
    steps.evaluated(record);
  }
}
