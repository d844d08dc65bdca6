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
 * <p>Cost: time and memory grow with the lines of the record, about one a second of training.
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

  /** Whether every item of every finished epoch was trained on once, and nothing is unknown. */
  public boolean sound() {
    return missing == 0 && epochs.stream().allMatch(Epoch::sound);
  }

  /**
   * Audits the run in a directory.
   *
   * @throws CoordinatorException when it holds no record or a damaged one
   */
  public static SampleAudit of(Path runDirectory) {
    Path file = runDirectory.resolve(SampleLog.FILE);
    return of(file.toString(), SampleRecord.read(file));
  }

  static SampleAudit of(String name, SampleRecord record) {
    return new Audit(name).run(record);
  }

  /** A generation as the record tells of it. */
  private record Generation(SampleRecord.Start start, List<SampleRange> ranges) {}

  /** One audit. */
  private static final class Audit {
    private final String name;
    private final List<Generation> generations = new ArrayList<>();
    private final List<SampleRange> line = new ArrayList<>();
    private long items;
    private long superseded;

    Audit(String name) {
      this.name = name;
    }

    SampleAudit run(SampleRecord record) {
      int number = 0;
      for (SampleRecord.Line next : record.lines()) {
        number++;
        if (next instanceof SampleRecord.Start start) {
          generations.add(new Generation(start, new ArrayList<>()));
        } else if (next instanceof SampleRecord.Trained trained) {
          take(number, trained);
        }
      }
      descend();
      long steps = line.stream().mapToLong(SampleAudit::steps).sum();
      return new SampleAudit(
          epochs(), generations.size(), steps, superseded, missing(), record.torn());
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
          generation.ranges().add(trained.range());
          return;
        }
      }
      throw damaged(
          number, "no line before says where generation " + trained.generation() + " began");
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
      int last = line.stream().mapToInt(r -> r.from().epoch()).max().orElseThrow();
      for (int epoch = first.cursor().epoch(); epoch <= last; epoch++) {
        long before = epoch == first.cursor().epoch() ? first.cursor().position() : 0;
        epochs.add(epoch(epoch, before, epoch < last));
      }
      return epochs;
    }

    /** Sweeps over the ends of the ranges, counting how many are open. */
    private Epoch epoch(int epoch, long inherited, boolean over) {
      TreeMap<Long, Integer> changes = new TreeMap<>();
      long end = inherited;
      open(changes, 0, inherited);
      for (SampleRange range : line) {
        if (range.from().epoch() == epoch) {
          open(changes, range.from().position(), range.end());
          end = Math.max(end, range.end());
        }
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
