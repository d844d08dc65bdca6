package dev.trireme.launcher.embedded;

import dev.trireme.coordinator.CoordinatorException;
import dev.trireme.coordinator.JobEvent;
import dev.trireme.coordinator.JobListener;
import dev.trireme.coordinator.JobResult;
import dev.trireme.launcher.cli.progress.EpochRow;
import dev.trireme.launcher.cli.progress.ProgressDisplay;
import dev.trireme.launcher.cli.progress.RunPlan;
import dev.trireme.launcher.cli.progress.StepView;
import dev.trireme.launcher.config.ByteSizes;
import dev.trireme.protocol.JobState;
import dev.trireme.protocol.RankReport;
import java.util.concurrent.CompletableFuture;

/** What the coordinator says of a job, as a person should see it; ends with the job's result. */
final class ProgressFeed implements JobListener {
  private final ProgressDisplay display;
  private final CompletableFuture<JobResult> result = new CompletableFuture<>();
  private long lastStep;
  private String lostSteps = "";

  ProgressFeed(ProgressDisplay display) {
    this.display = display;
  }

  /** Completed when the job has ended; fails when it cannot go on, with the reason. */
  CompletableFuture<JobResult> result() {
    return result;
  }

  @Override
  public void on(JobEvent event) {
    if (event instanceof JobEvent.StateChanged changed) {
      stateChanged(changed);
    } else if (event instanceof JobEvent.RankReady ready && ready.rank() == 0) {
      started(ready.ready());
    } else if (event instanceof JobEvent.BucketsTuned tuned) {
      display.message(
          "the ranks have measured: buckets of "
              + ByteSizes.format(tuned.buckets().bucketSize())
              + ", the first of "
              + ByteSizes.format(tuned.buckets().firstBucketSize()));
    } else if (event instanceof JobEvent.Progress progress) {
      RankReport.Committed committed = progress.committed();
      lastStep = committed.step();
      display.step(
          new StepView(
              committed.from().epoch() + 1,
              committed.step(),
              committed.loss(),
              committed.samplesPerSecond()));
    } else if (event instanceof JobEvent.EpochEnded ended) {
      RankReport.EpochEnded epoch = ended.epoch();
      display.epoch(
          new EpochRow(
              epoch.epoch() + 1,
              epoch.trainLoss(),
              epoch.evalLoss(),
              epoch.evalAccuracy(),
              epoch.seconds()));
    } else if (event instanceof JobEvent.CheckpointFinished finished) {
      checkpoint(finished.checkpoint());
    } else if (event instanceof JobEvent.Failure failure) {
      display.message("failure: " + failure.verdict().sentence());
      failure.verdict().lastLines().forEach(line -> display.message("  | " + line));
    } else if (event instanceof JobEvent.Harmed harmed) {
      display.message(
          "on purpose: %s rank %d: %s"
              .formatted(harmed.kind().past(), harmed.rank(), harmed.how()));
    } else if (event instanceof JobEvent.Recovered recovered) {
      display.message(
          "generation %d goes on with step %d on %d %s, %.1f s later%s"
              .formatted(
                  recovered.generation(),
                  recovered.firstStep(),
                  recovered.worldSize(),
                  recovered.worldSize() == 1 ? "rank" : "ranks",
                  recovered.stepped(),
                  lostSteps));
      lostSteps = "";
    } else if (event instanceof JobEvent.Ended ended) {
      result.complete(ended.result());
    }
  }

  @Override
  public void lost() {
    fail(new CoordinatorException("the coordinator has ended before the job"));
  }

  /** The run cannot go on; does nothing when the job has ended. */
  void fail(CoordinatorException why) {
    result.completeExceptionally(why);
  }

  /** States of an ordinary run speak for themselves; what a job waits for does not. */
  private void stateChanged(JobEvent.StateChanged changed) {
    // The one agent of this process joins within a second.
    boolean starts = changed.reason().endsWith("no agent has joined");
    if (changed.state() == JobState.QUEUED && changed.reason().startsWith("needs") && !starts) {
      display.message("waiting: " + changed.reason());
    }
  }

  private void started(RankReport.Ready ready) {
    long step = ready.progress().step();
    if (!ready.restoredFrom().isEmpty()) {
      display.message("resumed from " + ready.restoredFrom() + ", at step " + step);
    } else if (step == 0 && lastStep > 0) {
      display.message("begins at its first step again: there is no checkpoint");
    }
    lostSteps =
        step < lastStep
            ? ": it had come to step " + lastStep + " at least, and what follows is done again"
            : "";
    display.started(new RunPlan(ready.totalSteps(), ready.epochs()));
  }

  private void checkpoint(RankReport.CheckpointFinished checkpoint) {
    if (checkpoint.failure().isEmpty()) {
      lastStep = Math.max(lastStep, checkpoint.step());
    } else {
      display.message(
          "the checkpoint of step " + checkpoint.step() + " failed: " + checkpoint.failure());
    }
  }
}
