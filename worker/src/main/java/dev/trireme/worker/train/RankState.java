package dev.trireme.worker.train;

import dev.trireme.api.data.Cursor;
import dev.trireme.api.tensor.DeviceMemory;
import dev.trireme.api.tensor.NamedTensor;
import dev.trireme.api.tensor.TensorBuffer;
import dev.trireme.api.train.Progress;
import dev.trireme.api.train.StepRecord;
import java.util.ArrayList;
import java.util.List;

/**
 * Which step's state a rank's replica holds, through all formations of its process. It outlives a
 * step that is aborted: what forward has changed besides gradients (BatchNorm's running statistics)
 * is put back, so that the step can be done again as if for the first time.
 *
 * <p>A rank is <em>sound</em> when its replica holds the state after {@link #progress} whole. It is
 * not before its first formation has given it a state, while another rank's state is being copied
 * over its own, and while the optimizer runs: who fails there is no source of state.
 *
 * <p>Cost: a copy of the statistics a step, some kilobytes. Threading: the training thread.
 */
public final class RankState implements AutoCloseable {
  private final long items;
  private final List<NamedTensor> statistics;
  private final List<DeviceMemory.Piece> saved = new ArrayList<>();
  private final DeviceMemory memory;
  private Progress progress = Progress.START;
  private boolean sound;
  private boolean forwarded;
  private boolean tainted;

  /**
   * @param items in the training set
   * @param statistics that forward changes; their addresses never change
   */
  public RankState(long items, List<NamedTensor> statistics) {
    this(items, statistics, DeviceMemory.HOST);
  }

  /**
   * @param memory that the statistics stand in, which also keeps their copies
   */
  public RankState(long items, List<NamedTensor> statistics, DeviceMemory memory) {
    this.items = items;
    this.statistics = List.copyOf(statistics);
    this.memory = memory;
    for (NamedTensor tensor : statistics) {
      TensorBuffer data = tensor.data();
      saved.add(memory.allocate(data.device(), data.dtype(), data.count()));
    }
  }

  /** The last step applied, and where the next begins. */
  public Progress progress() {
    return progress;
  }

  /** Whether the replica holds the state after {@link #progress}. */
  public boolean isSound() {
    return sound;
  }

  /** Whether the weights may be other than those that the replica was made with. */
  public boolean isTainted() {
    return tainted;
  }

  /**
   * State is being written over the replica's, of this step or of another one.
   *
   * @param exact whether nothing but that state can get there; see {@link
   *     dev.trireme.api.collective.ProcessGroup#isProvisional}
   */
  void receiving(Progress of, boolean exact) {
    tainted = true;
    // The same step's state is the same bits, so that even half of it does no harm.
    sound &= exact && of.equals(progress);
  }

  /** What the replica holds is not whole, and what would make it so is gone. */
  void lost() {
    sound = false;
  }

  /** The replica holds the state after this step. */
  void holds(Progress of) {
    progress = of;
    sound = true;
  }

  /** Forward is about to run, perhaps for one of several parts of the step. */
  void forward() {
    if (!forwarded) {
      forwarded = true;
      for (int i = 0; i < saved.size(); i++) {
        memory.enqueueCopy(statistics.get(i).data(), saved.get(i).buffer());
      }
    }
  }

  /** The optimizer is about to run. */
  void updating() {
    tainted = true;
    sound = false;
  }

  /** The optimizer has run for this step. */
  void applied(StepRecord step) {
    Cursor from = step.from();
    long position = from.position() + step.samples();
    boolean whole = position >= items;
    progress =
        new Progress(
            step.step(), new Cursor(whole ? from.epoch() + 1 : from.epoch(), whole ? 0 : position));
    sound = true;
    forwarded = false;
  }

  /** Takes back what a step that was not applied has changed. */
  public void rollBack() {
    if (forwarded) {
      forwarded = false;
      for (int i = 0; i < saved.size(); i++) {
        memory.enqueueCopy(saved.get(i).buffer(), statistics.get(i).data());
      }
    }
  }

  /** Frees the copies; the replica goes on without. */
  @Override
  public void close() {
    saved.forEach(DeviceMemory.Piece::close);
  }
}
