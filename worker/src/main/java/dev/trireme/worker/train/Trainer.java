package dev.trireme.worker.train;

import dev.trireme.api.data.Batch;
import dev.trireme.api.data.BatchStream;
import dev.trireme.api.engine.Loss;
import dev.trireme.api.engine.Replica;
import dev.trireme.api.job.LossKind;
import dev.trireme.api.train.BatchPart;
import dev.trireme.api.train.EvalRecord;
import dev.trireme.api.train.GradientExchange;
import dev.trireme.api.train.Progress;
import dev.trireme.api.train.StepCoordinator;
import dev.trireme.api.train.StepRecord;
import dev.trireme.api.train.StepSignals;
import dev.trireme.api.train.StepTotals;
import dev.trireme.api.train.TrainingContext;
import dev.trireme.api.train.TrainingOutcome;
import dev.trireme.api.train.TrainingProgram;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.OptionalDouble;

/**
 * The built-in training loop: what every job runs that names no program of its own. It uses nothing
 * that a user's loop could not use as well.
 */
public final class Trainer implements TrainingProgram {
  @Override
  public TrainingOutcome train(TrainingContext context) {
    Replica replica = context.replica();
    GradientExchange exchange = context.exchange();
    StepCoordinator steps = context.steps();
    long totalSteps = totalSteps(context);

    Progress progress = context.start();
    Map<String, Double> metrics = new LinkedHashMap<>();
    OptionalDouble lastLoss = OptionalDouble.empty();
    boolean stop = false;
    // Where others are further on, all have met there before.
    boolean evaluated =
        progress.step() > 0 && progress.cursor().position() == 0 && exchange.together();
    if (progress.step() >= totalSteps) {
      context.checkpointIfDue(progress, false);
    }
    if (evaluated) {
      // Whether the ranks before got round to it is not known: a failure may have come between.
      evaluate(context, progress.step(), progress.cursor().epoch() - 1, metrics);
    }
    try (BatchStream batches = context.data().train(progress.cursor(), context.share())) {
      Batch batch = next(batches, replica);
      while (progress.step() < totalSteps && !stop) {
        long step = progress.step() + 1;
        for (BatchPart part : context.parts(step, batch)) {
          exchange.part(part.index(), part.count());
          Loss loss = replica.forward(part.batch(), part.seed());
          exchange.begin(step, signals(loss, steps));
          replica.backward(exchange);
        }
        // Fetched now, so that a device takes it over while gradients are still exchanged.
        Batch following = next(batches, replica);
        StepTotals totals = exchange.await();
        steps.reduced(step);
        double learningRate = context.learningRate().at(step);
        replica.optimize(learningRate);
        progress = progress.next(batch.after());
        steps.applied(record(context, step, batch, totals, learningRate));
        context.checkpointIfDue(progress, totals.checkpoint());
        lastLoss = OptionalDouble.of(totals.meanLoss());
        // Behind the last step there is nothing to stop: the job is done, and evaluated.
        stop = totals.stop() && progress.step() < totalSteps;
        evaluated = batch.lastOfEpoch() && !stop;
        if (evaluated) {
          evaluate(context, progress.step(), batch.from().epoch(), metrics);
        }
        batch = following;
      }
    }
    if (!stop && !evaluated) {
      evaluate(context, progress.step(), progress.cursor().epoch(), metrics);
    }
    context.finish(progress);
    // That of the last evaluation, beside its accuracy, where there was one.
    lastLoss.ifPresent(loss -> metrics.putIfAbsent("loss", loss));
    return new TrainingOutcome(progress, progress.step() < totalSteps, metrics);
  }

  private static Batch next(BatchStream batches, Replica replica) {
    Batch batch = batches.next();
    replica.prepare(batch);
    return batch;
  }

  private static long totalSteps(TrainingContext context) {
    return context
        .job()
        .train()
        .totalSteps(context.data().training().items(), context.job().data().batchSize());
  }

  private static StepSignals signals(Loss loss, StepCoordinator steps) {
    return new StepSignals(loss, steps.stopRequested(), steps.checkpointRequested());
  }

  private static StepRecord record(
      TrainingContext context, long step, Batch batch, StepTotals totals, double learningRate) {
    return new StepRecord(
        context.generation(),
        step,
        batch.from(),
        batch.globalSize(),
        totals.meanLoss(),
        learningRate,
        System.nanoTime());
  }

  /**
   * Evaluates over all ranks, where there is a set for it, and puts the figures into the metrics.
   */
  private static void evaluate(
      TrainingContext context, long step, int epoch, Map<String, Double> metrics) {
    if (context.data().evaluation().isEmpty()) {
      return;
    }
    Loss local = Loss.NONE;
    try (BatchStream batches = context.data().evaluate(context.rank(), context.worldSize())) {
      while (batches.hasNext()) {
        local = local.plus(context.replica().evaluate(batches.next()));
      }
    }
    Loss total = context.total(local);
    boolean classes = context.data().evaluation().get().classes() > 0;
    double loss = total.lossSum() / total.items();
    double accuracy = classes ? (double) total.correct() / total.items() : Double.NaN;
    metrics.put("loss", loss);
    if (classes) {
      metrics.put("accuracy", accuracy);
    } else if (context.job().train().loss() == LossKind.MSE) {
      metrics.put("rmse", Math.sqrt(loss));
    }
    context.steps().evaluated(new EvalRecord(step, epoch, loss, accuracy));
  }
}
