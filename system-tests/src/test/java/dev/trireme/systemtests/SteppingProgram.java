package dev.trireme.systemtests;

import dev.trireme.api.data.Batch;
import dev.trireme.api.data.BatchStream;
import dev.trireme.api.engine.Loss;
import dev.trireme.api.train.BatchPart;
import dev.trireme.api.train.Progress;
import dev.trireme.api.train.StepRecord;
import dev.trireme.api.train.StepSignals;
import dev.trireme.api.train.StepTotals;
import dev.trireme.api.train.TrainingContext;
import dev.trireme.api.train.TrainingOutcome;
import dev.trireme.api.train.TrainingProgram;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;

/**
 * A loop that says on standard output which step it knows to be committed, when, and which process
 * it is: a rank's own record, which no coordinator has a hand in. It takes its time over each step,
 * and ends, with an evaluation, once there is a file {@value #ENOUGH} where the job's data is.
 */
public final class SteppingProgram implements TrainingProgram {
  static final String MARK = "COMMITTED ";
  static final String ENOUGH = "enough";
  private static final long PACE_NANOS = TimeUnit.MILLISECONDS.toNanos(40);

  @Override
  public TrainingOutcome train(TrainingContext context) {
    Path enough = Path.of(context.job().data().path(), ENOUGH);
    Progress progress = context.start();
    boolean stop = false;
    try (BatchStream batches = context.data().train(progress.cursor(), context.share())) {
      while (!stop) {
        Batch batch = batches.next();
        StepTotals totals = step(context, progress.step() + 1, batch, Files.exists(enough));
        progress = progress.next(batch.after());
        context.checkpointIfDue(progress, totals.checkpoint());
        stop = totals.stop();
        LockSupport.parkNanos(PACE_NANOS);
      }
    }
    boolean ended = Files.exists(enough);
    Map<String, Double> metrics = ended ? Map.of("accuracy", accuracy(context)) : Map.of();
    context.finish(progress);
    say(context, progress.step());
    return new TrainingOutcome(progress, !ended, metrics);
  }

  private static StepTotals step(TrainingContext context, long step, Batch batch, boolean enough) {
    for (BatchPart part : context.parts(step, batch)) {
      context.exchange().part(part.index(), part.count());
      Loss loss = context.replica().forward(part.batch(), part.seed());
      context
          .exchange()
          .begin(
              step,
              new StepSignals(
                  loss,
                  context.steps().stopRequested() || enough,
                  context.steps().checkpointRequested()));
      context.replica().backward(context.exchange());
    }
    StepTotals totals = context.exchange().await();
    context.steps().reduced(step);
    // A collective of this step has completed: the one before is committed.
    say(context, step - 1);
    double learningRate = context.learningRate().at(step);
    context.replica().optimize(learningRate);
    context
        .steps()
        .applied(
            new StepRecord(
                context.generation(),
                step,
                batch.from(),
                batch.globalSize(),
                totals.meanLoss(),
                learningRate,
                System.nanoTime()));
    return totals;
  }

  private static double accuracy(TrainingContext context) {
    Loss local = Loss.NONE;
    try (BatchStream batches = context.data().evaluate(context.rank(), context.worldSize())) {
      while (batches.hasNext()) {
        local = local.plus(context.replica().evaluate(batches.next()));
      }
    }
    Loss total = context.total(local);
    return (double) total.correct() / total.items();
  }

  private static void say(TrainingContext context, long step) {
    System.out.println(
        MARK
            + context.generation()
            + " "
            + step
            + " "
            + System.currentTimeMillis()
            + " "
            + ProcessHandle.current().pid());
  }
}
