package dev.trireme.ps;

import dev.trireme.api.collective.ProcessGroup;
import dev.trireme.api.job.ParameterServerSpec;
import dev.trireme.api.tensor.TensorBuffer;
import dev.trireme.api.train.Progress;
import dev.trireme.api.train.StateLostException;
import dev.trireme.ps.plan.Directory;
import java.util.List;
import java.util.Optional;

/**
 * How a worker enters a formation: it learns where the shards are and after which step it goes on,
 * or has its state given to servers that lack some.
 *
 * <p>Threading: one thread.
 */
final class Joining {
  private final ProcessGroup workers;
  private final ProcessGroup all;
  private final ParameterServerSpec spec;
  private final Gathering gathering;
  private final ServedState state;
  private final ServedFigures figures;
  private final Batches batches;

  /**
   * What it enters with.
   *
   * @param shown where the one server shows the values, where steps go as {@link WholeSteps}
   */
  record Joined(Progress resume, Directory directory, Optional<TensorBuffer> shown) {}

  Joining(
      ProcessGroup workers,
      ProcessGroup all,
      ParameterServerSpec spec,
      Gathering gathering,
      ServedState state,
      ServedFigures figures,
      Batches batches) {
    this.workers = workers;
    this.all = all;
    this.spec = spec;
    this.gathering = gathering;
    this.state = state;
    this.figures = figures;
    this.batches = batches;
  }

  /**
   * A collective call of workers and servers.
   *
   * @param survived as in {@link ServedExchange#formed}
   * @param parts of the slab, one for each parameter
   * @throws StateLostException on all workers, when neither servers nor workers have a whole state
   */
  Joined join(Progress progress, boolean survived, List<TensorBuffer> parts) {
    Gathering.Outcome outcome = gathering.meet(progress.step(), spec.backups());
    Progress resume = progress;
    if (outcome.fresh()) {
      requireEnough(progress, survived);
      state.give(progress, all, gathering.slab(), parts);
    } else {
      figures.holdsSome();
      long after = outcome.resume().get(workers.rank());
      resume = after == progress.step() ? progress : new Progress(after, batches.after(after));
    }
    return new Joined(resume, outcome.directory(), shown(outcome));
  }

  private Optional<TensorBuffer> shown(Gathering.Outcome outcome) {
    if (!gathering.wholeSteps(outcome)) {
      return Optional.empty();
    }
    int server = workers.worldSize() + outcome.directory().places().get(0).primary();
    return all.shownBy(server, gathering.slab());
  }

  /** Whoever holds all of a state has it of its own, and gave it to who is new. */
  private void requireEnough(Progress progress, boolean survived) {
    boolean whole = Gathering.least(workers, figures.holdsAllAfter(progress.step()) ? 0 : 1) == 0;
    if (!survived || whole) {
      return;
    }
    boolean tables = gathering.plan().hasTables();
    Optional<String> lacking = Salvage.lacking(spec.consistency(), tables, state.slotCount());
    if (lacking.isPresent()) {
      // So that servers tell of this, and not that workers have left.
      all.abort(lacking.get());
      throw new StateLostException(lacking.get());
    }
  }
}
