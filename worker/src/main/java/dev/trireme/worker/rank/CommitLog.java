package dev.trireme.worker.rank;

import dev.trireme.api.data.Cursor;
import dev.trireme.api.train.EvalRecord;
import dev.trireme.api.train.StepRecord;
import dev.trireme.api.train.WireBytes;
import dev.trireme.protocol.RankReport;
import dev.trireme.protocol.RankReport.Committed;
import dev.trireme.protocol.RankReport.EpochEnded;
import dev.trireme.protocol.SampleRange;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * Turns what a training loop says about its steps into what rank 0 reports of them. Pure: it knows
 * no clock and no channel; times come in, reports go out.
 *
 * <p>A step that was applied waits as <em>pending</em> until it is committed: by {@link #reduced}
 * for a later step, by {@link #closed}, or by a recovery that goes on from it. Nothing is said of a
 * step that never is.
 *
 * <p><b>Steps.</b> The first committed step is reported, then the first one at least a second after
 * the report before, and the last one, which is the one committed by {@link #closed}.
 *
 * <p><b>Samples.</b> What all steps were trained on is said with each report of a step, and ahead
 * of a checkpoint.
 *
 * <p><b>Epochs.</b> A step ends its epoch when its samples reach the end of the training set
 * ({@code from.position + samples >= items}), which needs no word from the loop. Its epoch is
 * reported when that step is committed, together with the evaluation of that epoch if one has come
 * by then: the built-in loop evaluates before it goes on to the next step. A run that stops inside
 * an epoch has that epoch reported only if it was evaluated after the last step.
 *
 * <p><b>Samples per second</b> of the run: the samples of all steps after the tenth of this run,
 * over the time from the end of the tenth to the end of the last.
 *
 * <p>Cost: constant per step in time and memory. Threading: one thread.
 */
final class CommitLog {
  private static final long REPORT_EVERY_NANOS = 1_000_000_000L;
  private static final int UNTIMED_STEPS = 10;

  /** So many unsaid ranges are reported without waiting for the second to pass. */
  private static final int MOST_UNSAID = SampleHistory.MOST / 4;

  private final long items;
  private final SampleHistory history = new SampleHistory();
  private StepRecord lastSaid;
  private Optional<StepRecord> pending = Optional.empty();
  private Optional<EvalRecord> evaluation = Optional.empty();
  private WireBytes wire = WireBytes.NONE;

  // Since the last report of a step.
  private long reportedAt;
  private long samplesSinceReport;
  private boolean anyReported;
  private int unsaidRanges;

  // Since the last epoch ended.
  private long epochBegan;
  private long lastWord;
  private double lossSum;
  private long stepsInEpoch;
  private Optional<EpochEnded> ended = Optional.empty();

  // Of the whole run.
  private long steps;
  private long timedFrom;
  private long timedTo;
  private long timedSamples;

  /**
   * @param items in the training set, at least 1
   * @param nanoTime when the run begins
   */
  CommitLog(long items, long nanoTime) {
    this.items = items;
    reportedAt = nanoTime;
    epochBegan = nanoTime;
    lastWord = nanoTime;
  }

  /** What the step that is applied next sent of gradients. */
  void exchanged(WireBytes bytes) {
    wire = bytes;
  }

  /** The optimizer has run for this step. The step before must have been committed. */
  void applied(StepRecord step) {
    pending.ifPresent(
        open -> {
          throw new IllegalStateException(
              "step %d was applied before step %d was committed: call reduced(step) after each wait"
                  .formatted(step.step(), open.step()));
        });
    pending = Optional.of(step);
    lastWord = step.nanoTime();
  }

  /** A collective of {@code step} has completed, so that any step before it is committed. */
  List<RankReport> reduced(long step, long nativeBytes) {
    return pending
        .filter(open -> open.step() < step)
        .map(open -> commit(open, false, nativeBytes))
        .orElse(List.of());
  }

  /** All ranks have passed the closing barrier. */
  List<RankReport> closed(long nativeBytes) {
    return pending.map(open -> commit(open, true, nativeBytes)).orElse(List.of());
  }

  /**
   * Training goes on after {@code step} in another formation. The step that waits is committed if
   * it is that one, and else forgotten; the next committed step is reported at once. All that is
   * known of the samples is said again, for the rank that had to say it may have died before it
   * could, and what is told twice is recorded once.
   */
  List<RankReport> recovered(long step, long nativeBytes) {
    List<RankReport> reports =
        new ArrayList<>(
            pending
                .filter(open -> open.step() == step)
                .map(open -> commit(open, true, nativeBytes))
                .orElse(List.of()));
    reports.removeIf(RankReport.Samples.class::isInstance);
    List<SampleRange> all = history.after(Long.MIN_VALUE, 0);
    if (!all.isEmpty()) {
      reports.add(0, new RankReport.Samples(items, all));
    }
    pending = Optional.empty();
    anyReported = false;
    return reports;
  }

  /**
   * An evaluation has ended at {@code nanoTime}. Where its epoch was reported without it, because a
   * failure came between, the epoch is reported again, or by a process that did not see its steps
   * for the first time.
   */
  List<RankReport> evaluated(EvalRecord record, long nanoTime) {
    evaluation = Optional.of(record);
    lastWord = nanoTime;
    boolean told =
        ended.filter(e -> e.epoch() == record.epoch() && !Double.isNaN(e.evalLoss())).isPresent();
    if (pending.isPresent() || told) {
      return List.of();
    }
    Optional<EpochEnded> same = ended.filter(e -> e.epoch() == record.epoch());
    EpochEnded again =
        new EpochEnded(
            record.epoch(),
            record.step(),
            same.map(EpochEnded::trainLoss).orElse(Double.NaN),
            record.loss(),
            record.accuracy(),
            same.map(EpochEnded::seconds).orElse(Double.NaN));
    ended = Optional.of(again);
    return List.of(again);
  }

  /** Samples per second of the run so far; NaN when it has no more than ten steps. */
  double samplesPerSecond() {
    return steps <= UNTIMED_STEPS ? Double.NaN : rate(timedSamples, timedTo - timedFrom);
  }

  private List<RankReport> commit(StepRecord step, boolean last, long nativeBytes) {
    pending = Optional.empty();
    List<RankReport> reports = new ArrayList<>(2);
    time(step);
    samplesSinceReport += step.samples();
    history.add(step);
    unsaidRanges += step.from().position() == 0 ? 1 : 0;
    if (!anyReported || last || step.nanoTime() - reportedAt >= REPORT_EVERY_NANOS) {
      samples(step).ifPresent(reports::add);
      reports.add(committed(step, nativeBytes));
    } else if (unsaidRanges >= MOST_UNSAID) {
      samples(step).ifPresent(reports::add);
    }
    lossSum += step.loss();
    stepsInEpoch++;
    boolean whole = step.from().position() + step.samples() >= items;
    if (whole || last && evaluation.filter(e -> e.step() == step.step()).isPresent()) {
      reports.add(epochEnded(step));
    }
    return reports;
  }

  /**
   * The state after the last applied step is about to be saved: says what has not been said of the
   * samples up to that step, committed or not, so that no checkpoint holds more than the record. If
   * the step should never be committed, the next generation begins before it, and that counts.
   */
  List<RankReport> saving() {
    pending.ifPresent(history::add);
    return pending.flatMap(this::samples).stream().toList();
  }

  /** What the record may lack up to {@code step}, which is then said. */
  private Optional<RankReport> samples(StepRecord step) {
    Optional<List<SampleRange>> ranges = unsaid();
    lastSaid = step;
    unsaidRanges = 0;
    return ranges.map(some -> new RankReport.Samples(items, some));
  }

  private Optional<List<SampleRange>> unsaid() {
    List<SampleRange> ranges =
        lastSaid == null
            ? history.after(Long.MIN_VALUE, 0)
            : history.after(lastSaid.generation(), lastSaid.step());
    return Optional.of(ranges).filter(some -> !some.isEmpty());
  }

  private void time(StepRecord step) {
    steps++;
    timedTo = step.nanoTime();
    if (steps <= UNTIMED_STEPS) {
      timedFrom = timedTo;
    } else {
      timedSamples += step.samples();
    }
  }

  private Committed committed(StepRecord step, long nativeBytes) {
    double rate = rate(samplesSinceReport, step.nanoTime() - reportedAt);
    anyReported = true;
    reportedAt = step.nanoTime();
    samplesSinceReport = 0;
    return new Committed(
        step.step(),
        step.from(),
        step.samples(),
        step.loss(),
        step.learningRate(),
        rate,
        nativeBytes,
        wire.sent(),
        wire.plain());
  }

  private EpochEnded epochEnded(StepRecord step) {
    Cursor from = step.from();
    Optional<EvalRecord> evaluated = evaluation.filter(e -> e.epoch() == from.epoch());
    EpochEnded report =
        new EpochEnded(
            from.epoch(),
            step.step(),
            lossSum / stepsInEpoch,
            evaluated.map(EvalRecord::loss).orElse(Double.NaN),
            evaluated.map(EvalRecord::accuracy).orElse(Double.NaN),
            (lastWord - epochBegan) / 1e9);
    epochBegan = lastWord;
    lossSum = 0;
    stepsInEpoch = 0;
    evaluation = Optional.empty();
    ended = Optional.of(report);
    return report;
  }

  private static double rate(long samples, long nanos) {
    return samples / (Math.max(1, nanos) / 1e9);
  }
}
