package dev.trireme.worker.rank;

import dev.trireme.api.train.EvalRecord;
import dev.trireme.api.train.StepCoordinator;
import dev.trireme.api.train.StepRecord;
import dev.trireme.api.train.WireBytes;
import dev.trireme.protocol.AgentToRank;
import dev.trireme.protocol.RankReport;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.function.Consumer;
import java.util.function.LongSupplier;
import java.util.function.Supplier;

/**
 * The control plane as the training loop of one rank sees it: requests to stop and to save come in
 * as flags, what is committed goes out as reports. Which reports those are is {@link CommitLog}'s
 * to say; only rank 0 sends any.
 *
 * <p>Threading: {@link #onCommand} from the link's thread, the rest from the training thread.
 * Nothing blocks.
 */
public final class RankStepCoordinator implements StepCoordinator {
  private boolean reports;
  private final CommitLog log;
  private final LongSupplier nativeBytes;
  private final LongSupplier nanoClock;
  private final OptionalLong saveEveryNanos;
  private final Consumer<RankReport> out;
  private volatile boolean stop;
  private volatile boolean saveAndStop;
  private boolean looked;
  private boolean bothTaken;
  private boolean checkpointTaken;
  private long lastSave;
  private Supplier<WireBytes> wire = () -> WireBytes.NONE;

  /**
   * Made when training is about to begin: the first figures of speed count from here.
   *
   * @param rank this process's
   * @param items in the training set, at least 1
   * @param nativeBytes what the engine holds, asked for with each report
   * @param saveEvery the time between two checkpoints that rank 0 asks for by its own clock
   * @param out where reports go, {@link AgentLink#report}
   */
  public RankStepCoordinator(
      int rank,
      long items,
      LongSupplier nativeBytes,
      Optional<Duration> saveEvery,
      Consumer<RankReport> out) {
    this(rank, items, nativeBytes, System::nanoTime, saveEvery, out);
  }

  RankStepCoordinator(
      int rank,
      long items,
      LongSupplier nativeBytes,
      LongSupplier nanoClock,
      Optional<Duration> saveEvery,
      Consumer<RankReport> out) {
    this.saveEveryNanos =
        saveEvery.isPresent() ? OptionalLong.of(saveEvery.get().toNanos()) : OptionalLong.empty();
    this.lastSave = nanoClock.getAsLong();
    this.reports = rank == 0;
    this.log = new CommitLog(items, nanoClock.getAsLong());
    this.nativeBytes = nativeBytes;
    this.nanoClock = nanoClock;
    this.out = out;
  }

  /**
   * This process is in another formation, which goes on after {@code step}: that step is thereby
   * committed, and what was applied after it never happened.
   *
   * @param rank in the new formation
   * @param source whether this rank's state is the one that goes on
   * @param wireBytes what the step that was last exchanged in this formation sent of gradients
   */
  public void formed(int rank, long step, boolean source, Supplier<WireBytes> wireBytes) {
    wire = wireBytes;
    stop = false;
    saveAndStop = false;
    looked = false;
    checkpointTaken = false;
    List<RankReport> committed = log.recovered(step, nativeBytes.getAsLong());
    if (source) {
      committed.forEach(out);
    }
    reports = rank == 0;
  }

  /** Obeys the commands that concern steps, ignores the others. */
  public void onCommand(AgentToRank command) {
    if (command instanceof AgentToRank.StopAfterStep) {
      stop = true;
    } else if (command instanceof AgentToRank.CheckpointAfterStep) {
      saveAndStop = true;
    }
  }

  /**
   * Where the state is to be saved before the end, both wishes are told with the same step, in
   * whichever order a loop asks for them: what comes between the two questions waits for the next.
   */
  @Override
  public boolean stopRequested() {
    // In this order: the wish for both comes ahead of that for the end alone.
    boolean alone = stop;
    boolean both = saveAndStop;
    return takesBoth() || alone && !both;
  }

  /**
   * A request stands until a step that carried it has been applied; requests that come meanwhile
   * are met by the same checkpoint.
   */
  @Override
  public boolean checkpointRequested() {
    checkpointTaken = takesBoth() || isTimeToSave();
    return checkpointTaken;
  }

  /** Looked at once a step. */
  private boolean takesBoth() {
    if (!looked) {
      looked = true;
      bothTaken = saveAndStop;
    }
    return bothTaken;
  }

  /** Rank 0's clock alone decides: its wish reaches the others at the same step. */
  private boolean isTimeToSave() {
    return reports
        && saveEveryNanos.isPresent()
        && nanoClock.getAsLong() - lastSave >= saveEveryNanos.getAsLong();
  }

  @Override
  public void reduced(long step) {
    send(log.reduced(step, nativeBytes.getAsLong()));
  }

  @Override
  public void applied(StepRecord record) {
    if (looked && bothTaken) {
      saveAndStop = false;
    }
    looked = false;
    if (checkpointTaken) {
      checkpointTaken = false;
      lastSave = nanoClock.getAsLong();
    }
    log.exchanged(wire.get());
    log.applied(record);
  }

  @Override
  public void saving() {
    send(log.saving());
  }

  @Override
  public void closed() {
    send(log.closed(nativeBytes.getAsLong()));
  }

  @Override
  public void evaluated(EvalRecord record) {
    send(log.evaluated(record, nanoClock.getAsLong()));
  }

  /**
   * For {@link RankReport.Finished}: from the end of the tenth step of this run to the end of the
   * last; NaN when the run had no more than ten steps.
   */
  public double samplesPerSecond() {
    return log.samplesPerSecond();
  }

  private void send(List<RankReport> committed) {
    if (reports) {
      committed.forEach(out);
    }
  }
}
