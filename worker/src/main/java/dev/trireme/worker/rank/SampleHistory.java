package dev.trireme.worker.rank;

import dev.trireme.api.data.Cursor;
import dev.trireme.api.train.StepRecord;
import dev.trireme.protocol.SampleRange;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;

/**
 * Which items the steps of this process were trained on, as few ranges as say it: one an epoch and
 * generation. Every rank keeps it, so that whichever survives can say what the one that reported
 * has not come to say.
 *
 * <p>Cost: constant a step; memory for at most {@value #MOST} ranges, the oldest go first.
 * Threading: one thread.
 */
final class SampleHistory {
  /** Ranges that are kept: far more than are made between two reports. */
  static final int MOST = 1024;

  private final Deque<SampleRange> ranges = new ArrayDeque<>();

  /** Takes in a step, unless it is known already. */
  void add(StepRecord step) {
    SampleRange last = ranges.peekLast();
    if (last != null && last.generation() == step.generation() && step.step() <= last.lastStep()) {
      return;
    }
    if (last != null && follows(last, step)) {
      ranges.removeLast();
      ranges.addLast(
          new SampleRange(
              last.generation(),
              last.firstStep(),
              step.step(),
              last.from(),
              last.batch(),
              last.samples() + step.samples()));
    } else {
      ranges.addLast(
          new SampleRange(
              step.generation(),
              step.step(),
              step.step(),
              step.from(),
              step.samples(),
              step.samples()));
    }
    if (ranges.size() > MOST) {
      ranges.removeFirst();
    }
  }

  /** Whether the step goes on where a range of whole batches ends. */
  private static boolean follows(SampleRange last, StepRecord step) {
    long steps = last.lastStep() - last.firstStep() + 1;
    return last.generation() == step.generation()
        && last.lastStep() + 1 == step.step()
        && new Cursor(last.from().epoch(), last.end()).equals(step.from())
        && last.samples() == steps * last.batch()
        && step.samples() <= last.batch();
  }

  /** The ranges that reach beyond {@code step} of {@code generation}, and all of later ones. */
  List<SampleRange> after(long generation, long step) {
    List<SampleRange> after = new ArrayList<>();
    for (SampleRange range : ranges) {
      if (range.generation() == generation && range.lastStep() > step) {
        after.add(range.startingAt(Math.max(range.firstStep(), step + 1)));
      } else if (range.generation() > generation) {
        after.add(range);
      }
    }
    return after;
  }
}
