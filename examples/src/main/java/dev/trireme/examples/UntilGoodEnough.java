package dev.trireme.examples;

import dev.trireme.api.data.Batch;
import dev.trireme.api.data.BatchStream;
import dev.trireme.api.engine.Loss;
import dev.trireme.api.train.BatchPart;
import dev.trireme.api.train.EvalRecord;
import dev.trireme.api.train.Progress;
import dev.trireme.api.train.StepRecord;
import dev.trireme.api.train.StepSignals;
import dev.trireme.api.train.StepTotals;
import dev.trireme.api.train.TrainingContext;
import dev.trireme.api.train.TrainingOutcome;
import dev.trireme.api.train.TrainingProgram;
import java.util.Map;

/**
 * A loop of one's own: it evaluates every {@value #EVALUATE_EVERY} steps and ends as soon as the
 * model is good enough, or when the job's steps are used up.
 *
 * <p>Every rank runs this method. They stay together because whatever decides is the same on all of
 * them: the totals of a step, and the sums that {@link TrainingContext#total} gives.
 */
public final class UntilGoodEnough implements TrainingProgram {
  private static final int EVALUATE_EVERY = 20;
  private static final double GOOD_ENOUGH = 0.6;

  @Override
  public TrainingOutcome train(TrainingContext context) {
    long lastStep =
        context
            .job()
            .train()
            .totalSteps(context.data().training().items(), context.job().data().batchSize());
    Progress progress = context.start();
    double accuracy = 0;
    boolean stop = false;
    try (BatchStream batches = context.data().train(progress.cursor(), context.share())) {
      while (progress.step() < lastStep && accuracy < GOOD_ENOUGH && !stop) {
        Batch batch = batches.next();
        StepTotals totals = step(context, progress.step() + 1, batch);
        progress = progress.next(batch.after());
        context.checkpointIfDue(progress, totals.checkpoint());
        stop = totals.stop();
        if (progress.step() % EVALUATE_EVERY == 0 && !stop) {
          accuracy = accuracy(context, progress, batch.from().epoch());
        }
      }
    }
    context.finish(progress);
    return new TrainingOutcome(progress, stop, Map.of("accuracy", accuracy));
  }

  /** One step, as every loop has it: exchange the gradients, then optimize, then say so. */
  private static StepTotals step(TrainingContext context, long step, Batch batch) {
    for (BatchPart part : context.parts(step, batch)) {
      context.exchange().part(part.index(), part.count());
      Loss loss = context.replica().forward(part.batch(), part.seed());
      context.exchange().begin(step, signals(context, loss));
      context.replica().backward(context.exchange());
    }
    StepTotals totals = context.exchange().await();
    context.steps().reduced(step);
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

  private static StepSignals signals(TrainingContext context, Loss loss) {
    return new StepSignals(
        loss, context.steps().stopRequested(), context.steps().checkpointRequested());
  }

  private static double accuracy(TrainingContext context, Progress progress, int epoch) {
    Loss local = Loss.NONE;
    try (BatchStream batches = context.data().evaluate(context.rank(), context.worldSize())) {
      while (batches.hasNext()) {
        local = local.plus(context.replica().evaluate(batches.next()));
      }
    }
    Loss total = context.total(local);
    double accuracy = (double) total.correct() / total.items();
    context
        .steps()
        .evaluated(
            new EvalRecord(progress.step(), epoch, total.lossSum() / total.items(), accuracy));
    return accuracy;
  }
}
