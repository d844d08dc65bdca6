package dev.trireme.coordinator.rundir;

import dev.trireme.coordinator.CoordinatorException;
import dev.trireme.protocol.SampleRange;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * How often each item of each epoch was trained on, by a run's record.
 *
 * <p>What counts is the line of descent of the model: a generation that begins with the state after
 * step <em>c</em> leaves out every step above <em>c</em> that was recorded by the ones before it,
 * for their effect is not in the model. What a generation begins with and this run has not trained
 * itself, because its first one resumed another run, is taken as trained once and told apart.
 *
 * <p>Cost: time grows with the lines of the record, about one a second of training; memory with its
 * epochs and generations.
 *
 * @param epochs in order, those that were begun
 * @param generations that the record tells of
 * @param steps in the line of descent, without inherited ones
 * @param superseded steps that were recorded and then done again, or given up, by a later
 *     generation
 * @param missing steps in the line of descent that the record does not tell of
 * @param torn whether the last line is incomplete, as a stopped machine leaves it
 */
public record SampleAudit(
    List<Epoch> epochs, int generations, long steps, long superseded, long missing, boolean torn) {
  public SampleAudit {
    epochs = List.copyOf(epochs);
  }

  /**
   * One epoch.
   *
   * @param epoch counted from 0
   * @param items in it
   * @param finished whether it was trained to its end
   * @param zero items that were not trained on (yet, where it is not finished)
   * @param once items that were trained on once
   * @param more items that were trained on several times
   * @param inherited of {@code once}: items that another run had trained on before
   */
  public record Epoch(
      int epoch, long items, boolean finished, long zero, long once, long more, long inherited) {
    /** Whether nothing is lost and nothing was trained on twice. */
    public boolean sound() {
      return more == 0 && (zero == 0 || !finished);
    }
  }

  /**
   * Whether every item of every finished epoch was trained on once, and nothing is unknown. A
   * record that tells of no step proves nothing.
   */
  public boolean sound() {
    return steps > 0 && missing == 0 && epochs.stream().allMatch(Epoch::sound);
  }

  /**
   * Audits the run in a directory.
   *
   * @throws CoordinatorException when it holds no record or a damaged one
   */
  public static SampleAudit of(Path runDirectory) {
    Path file = runDirectory.resolve(SampleLog.FILE);
    Audit audit = new Audit(file.toString());
    boolean torn = SampleRecord.read(file, audit::take);
    return audit.result(torn);
  }

  /** Each failure of a rank makes one. */
  private static final int MAX_GENERATIONS = 100_000;

  /** About two an epoch, and one for each generation. */
  private static final int MAX_RANGES = 2_000_000;

  /** Epochs without any line of their own, one after the other; they count as lost. */
  private static final int MAX_GAP = 1_000;

  /** A generation as the record tells of it. */
  private record Generation(SampleRecord.Start start, List<SampleRange> ranges) {}

  /** One audit. */
  private static final class Audit {
    private final String name;
    private final List<Generation> generations = new ArrayList<>();
    private final List<SampleRange> line = new ArrayList<>();
    private long items;
    private long superseded;
    private int ranges;

    Audit(String name) {
      this.name = name;
    }

    void take(int number, SampleRecord.Line next) {
      if (next instanceof SampleRecord.Start start) {
        if (generations.size() == MAX_GENERATIONS) {
          throw damaged(number, "more than " + MAX_GENERATIONS + " generations");
        }
        generations.add(new Generation(start, new ArrayList<>()));
      } else if (next instanceof SampleRecord.Trained trained) {
        take(number, trained);
      }
    }

    SampleAudit result(boolean torn) {
      descend();
      long steps = line.stream().mapToLong(SampleAudit::steps).sum();
      return new SampleAudit(epochs(), generations.size(), steps, superseded, missing(), torn);
    }

    /** A range may be told after its generation has ended, by a survivor. */
    private void take(int number, SampleRecord.Trained trained) {
      if (items != 0 && items != trained.items()) {
        throw damaged(
            number, "expected a set of " + items + " items, found one of " + trained.items());
      }
      items = trained.items();
      for (int i = generations.size() - 1; i >= 0; i--) {
        Generation generation = generations.get(i);
        if (generation.start().generation() == trained.generation()) {
          if (trained.range().firstStep() <= generation.start().step()) {
            throw damaged(
                number,
                "step "
                    + trained.range().firstStep()
                    + " in a generation that began after step "
                    + generation.start().step());
          }
          add(number, generation.ranges(), trained.range());
          return;
        }
      }
      throw damaged(
          number, "no line before says where generation " + trained.generation() + " began");
    }

    /** A range that goes on where the last one ended becomes one with it: an epoch is one range. */
    private void add(int number, List<SampleRange> ranges, SampleRange next) {
      SampleRange last = ranges.isEmpty() ? next : ranges.get(ranges.size() - 1);
      boolean goesOn =
          last.lastStep() + 1 == next.firstStep()
              && last.from().epoch() == next.from().epoch()
              && last.end() == next.from().position()
              && last.batch() == next.batch()
              && last.samples() == SampleAudit.steps(last) * last.batch();
      if (goesOn) {
        ranges.remove(ranges.size() - 1);
        ranges.add(
            new SampleRange(
                last.generation(),
                last.firstStep(),
                next.lastStep(),
                last.from(),
                last.batch(),
                last.samples() + next.samples()));
      } else if (++this.ranges > MAX_RANGES) {
        throw damaged(number, "more than " + MAX_RANGES + " pieces of epochs");
      } else {
        ranges.add(next);
      }
    }

    private CoordinatorException damaged(int number, String what) {
      return new CoordinatorException(
          name + ", line " + number + ": the record is damaged: " + what);
    }

    /** Leaves out what a later generation did not begin with. */
    private void descend() {
      long limit = Long.MAX_VALUE;
      List<List<SampleRange>> kept = new ArrayList<>();
      for (int i = generations.size() - 1; i >= 0; i--) {
        List<SampleRange> mine = new ArrayList<>();
        for (SampleRange range : generations.get(i).ranges()) {
          if (range.lastStep() <= limit) {
            mine.add(range);
          } else if (range.firstStep() <= limit) {
            mine.add(range.upTo(limit));
            superseded += range.lastStep() - limit;
          } else {
            superseded += SampleAudit.steps(range);
          }
        }
        kept.add(0, mine);
        limit = Math.min(limit, generations.get(i).start().step());
      }
      kept.forEach(line::addAll);
    }

    /** Steps between the first state and the last step that no range tells of. */
    private long missing() {
      TreeMap<Long, Long> told = new TreeMap<>();
      line.forEach(r -> told.merge(r.firstStep(), r.lastStep(), Math::max));
      generations.forEach(g -> told.merge(g.start().step() + 1, g.start().step(), Math::max));
      long missing = 0;
      long known = generations.isEmpty() ? 0 : generations.get(0).start().step();
      // A later generation may fall back to before the first; what it begins with is its own.
      known = generations.stream().mapToLong(g -> g.start().step()).reduce(known, Math::min);
      for (Map.Entry<Long, Long> range : told.tailMap(known + 1).entrySet()) {
        missing += Math.max(0, range.getKey() - known - 1);
        known = Math.max(known, range.getValue());
      }
      return missing;
    }

    private List<Epoch> epochs() {
      List<Epoch> epochs = new ArrayList<>();
      if (generations.isEmpty() || line.isEmpty()) {
        return epochs;
      }
      SampleRecord.Start first = generations.get(0).start();
      TreeMap<Integer, List<SampleRange>> byEpoch = new TreeMap<>();
      line.forEach(r -> byEpoch.computeIfAbsent(r.from().epoch(), e -> new ArrayList<>()).add(r));
      int next = first.cursor().epoch();
      for (Map.Entry<Integer, List<SampleRange>> told : byEpoch.tailMap(next).entrySet()) {
        if (told.getKey() - next > MAX_GAP) {
          throw new CoordinatorException(
              name
                  + ": the record is damaged: epoch "
                  + told.getKey()
                  + " where "
                  + next
                  + " is due");
        }
        for (; next <= told.getKey(); next++) {
          boolean here = next == told.getKey();
          long before = next == first.cursor().epoch() ? first.cursor().position() : 0;
          List<SampleRange> ranges = here ? told.getValue() : List.of();
          epochs.add(epoch(next, ranges, before, next < byEpoch.lastKey()));
        }
      }
      return epochs;
    }

    /** Sweeps over the ends of the ranges, counting how many are open. */
    private Epoch epoch(int epoch, List<SampleRange> ranges, long inherited, boolean over) {
      TreeMap<Long, Integer> changes = new TreeMap<>();
      long end = inherited;
      open(changes, 0, inherited);
      for (SampleRange range : ranges) {
        open(changes, range.from().position(), range.end());
        end = Math.max(end, range.end());
      }
      changes.putIfAbsent(items, 0);
      long[] times = new long[3];
      long at = 0;
      int open = 0;
      for (Map.Entry<Long, Integer> change : changes.entrySet()) {
        times[Math.min(open, 2)] += change.getKey() - at;
        at = change.getKey();
        open += change.getValue();
      }
      return new Epoch(epoch, items, over || end == items, times[0], times[1], times[2], inherited);
    }

    private static void open(TreeMap<Long, Integer> changes, long from, long to) {
      changes.merge(from, 1, Integer::sum);
      changes.merge(to, -1, Integer::sum);
    }
  }

  private static long steps(SampleRange range) {
    return range.lastStep() - range.firstStep() + 1;
  }
}
