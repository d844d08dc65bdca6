package dev.trireme.ps;

import dev.trireme.api.collective.CollectiveException;
import dev.trireme.api.collective.ProcessGroup;
import dev.trireme.api.job.ParameterServerSpec;
import dev.trireme.api.tensor.TensorBuffer;
import dev.trireme.api.train.Progress;
import dev.trireme.api.train.StateLostException;
import dev.trireme.ps.StateMark.Part;
import dev.trireme.ps.plan.Directory;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.function.BiPredicate;
import java.util.function.LongPredicate;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * How a worker enters a formation: it learns where the shards are and after which step it goes on,
 * or has its state given to servers that lack some.
 *
 * <p>Threading: one thread.
 */
final class Joining {
  private static final Logger LOG = LoggerFactory.getLogger(Joining.class);

  private final ProcessGroup workers;
  private final ProcessGroup all;
  private final ParameterServerSpec spec;
  private final Gathering gathering;
  private final ServedState state;
  private final ServedFigures figures;
  private final long items;
  private final int batchSize;
  private final BiPredicate<Batches, Long> meets;
  private boolean together = true;

  /**
   * What it enters with.
   *
   * @param shown where the one server shows the values, where steps go as {@link WholeSteps}
   * @param batches of this formation
   * @param exact whether the replica holds the state that it goes on with, so that what servers
   *     have by now, which may be more, is not to be taken
   */
  record Joined(
      Progress resume,
      Batches batches,
      Directory directory,
      Optional<TensorBuffer> shown,
      boolean exact) {}

  /**
   * @param items in the training set
   * @param batchSize of a whole batch
   * @param meets whether all workers meet after a step, see {@link #aligned}
   */
  Joining(
      ProcessGroup workers,
      ProcessGroup all,
      ParameterServerSpec spec,
      Gathering gathering,
      ServedState state,
      ServedFigures figures,
      long items,
      int batchSize,
      BiPredicate<Batches, Long> meets) {
    this.workers = workers;
    this.all = all;
    this.spec = spec;
    this.gathering = gathering;
    this.state = state;
    this.figures = figures;
    this.items = items;
    this.batchSize = batchSize;
    this.meets = meets;
  }

  /**
   * A collective call of workers and servers.
   *
   * @param survived as in {@link ServedExchange#formed}, and so is {@code held}
   * @param parts of the slab, one for each parameter
   * @throws StateLostException on all workers, when neither servers nor workers have a whole state
   */
  Joined join(Progress progress, boolean survived, Part held, List<TensorBuffer> parts) {
    StateMark mark = figures.mark();
    mark.set(progress.step(), survived ? held : Part.ALL);
    Gathering.Outcome outcome = gathering.meet(progress, spec.backups());
    Batches batches = new Batches(items, batchSize, outcome.anchor());
    boolean tables = gathering.plan().hasTables();
    Progress resume = progress;
    boolean exact = outcome.fresh();
    if (outcome.fresh()) {
      requireEnough(mark.of(progress.step()));
      state.give(progress, all, gathering.slab(), parts);
    } else {
      List<Long> each =
          aligned(outcome.resume(), gathering.clocks(outcome), step -> meets.test(batches, step));
      together = each.stream().distinct().count() == 1;
      long after = each.get(workers.rank());
      resume = after == progress.step() ? progress : new Progress(after, batches.after(after));
      boolean mine = mark.of(after) != Part.NONE;
      exact = survived && mine && spec.consistency().isLockstep() && !tables;
    }
    // Of tables rows are pulled as they are needed, whatever others have made of them meanwhile.
    if (!exact || tables && !spec.consistency().isLockstep()) {
      mark.clear();
    }
    return new Joined(resume, batches, outcome.directory(), shown(outcome), exact && !tables);
  }

  /**
   * After which step each worker goes on, so that all come together where they meet: to save, to
   * evaluate, at the end. Nobody passes such a step before all have met there. So who has not
   * pushed beyond one that another has passed (it has no part in the steps since its last push) has
   * met there too, and goes on behind it; and who has pushed one to which another is still to come
   * does it again, of which the servers have the push already. Pure.
   *
   * @param pushes the last step of each that the servers have
   * @param clocks up to which step there is nothing more of each to come
   * @param meets whether workers meet after a step
   */
  static List<Long> aligned(List<Long> pushes, List<Long> clocks, LongPredicate meets) {
    long least = Collections.min(pushes);
    long furthest = Collections.max(pushes);
    if (meets.test(furthest) && Collections.min(clocks) >= furthest) {
      return Collections.nCopies(pushes.size(), furthest);
    }
    long passed = LongStream.range(least + 1, furthest).filter(meets).max().orElse(least);
    List<Long> behind =
        IntStream.range(0, pushes.size())
            .mapToObj(i -> Math.max(pushes.get(i), Math.min(clocks.get(i), passed)))
            .toList();
    long last = Collections.min(behind);
    return behind.stream().map(s -> s > last && meets.test(s) ? s - 1 : s).toList();
  }

  /** Whether all workers go on after the same step; only after {@link #join}. */
  boolean together() {
    return together;
  }

  private Optional<TensorBuffer> shown(Gathering.Outcome outcome) {
    if (!gathering.wholeSteps(outcome)) {
      return Optional.empty();
    }
    int server = workers.worldSize() + outcome.directory().places().get(0).primary();
    return all.shownBy(server, gathering.slab());
  }

  /** All workers hold the same now, so that all decide alike. */
  private void requireEnough(Part held) {
    Optional<String> lacking =
        Salvage.lacking(held, gathering.plan().hasTables(), state.slotCount());
    if (lacking.isPresent()) {
      awaitOthers();
      // So that servers tell of this, and not that workers have left.
      all.abort(lacking.get());
      throw new StateLostException(lacking.get());
    }
  }

  /** Nobody breaks the group while another is still about to learn from it what all decide. */
  private void awaitOthers() {
    try {
      workers.barrier().await();
    } catch (CollectiveException e) {
      LOG.debug("another has broken the group already", e);
    }
  }
}
