package dev.trireme.api.train;

import dev.trireme.api.engine.GradientSink;
import dev.trireme.api.tensor.TensorBuffer;
import java.util.List;

/**
 * Makes the gradients of all ranks one sum. Gradients are fused into buckets; each bucket is
 * exchanged as soon as its last gradient is there, while backward goes on.
 *
 * <p>Threading: {@link #begin} and {@link #await} from the training thread; {@link #ready} from the
 * thread that runs backward, while the training thread waits for that one. Blocking: only {@link
 * #await}, with the process group's deadline.
 */
public interface GradientExchange extends GradientSink, AutoCloseable {
  /**
   * Says that the forward of one of several parts of this rank's batch comes next. For each part in
   * turn: {@code part}, forward, {@link #begin}, backward. Their gradients and losses are added up
   * in a balanced binary tree over the parts in order, and only the sums are exchanged, once the
   * last part's are there; only the last part's requests to stop and to save count. Each part's
   * forward starts from the statistics that the step began with. A batch that is no more than one
   * part needs no call.
   *
   * @param index from 0
   * @param count at least 1; need not be the same on all ranks
   */
  void part(int index, int count);

  /**
   * Starts a step, or the next part of it; called between forward and backward.
   *
   * @param signals of this part
   */
  void begin(long step, StepSignals signals);

  /**
   * Waits until every parameter has been handed over and reduced. The averaged statistics have been
   * written back by then.
   *
   * @throws dev.trireme.api.collective.CollectiveException when a bucket failed; the verdict names
   *     step and bucket
   */
  StepTotals await();

  /** Where the reduced gradient of each parameter stands after {@link #await}; never changes. */
  List<TensorBuffer> reduced();

  /**
   * How much of the state after a step this rank's replica holds, in the exchange's own terms.
   * Asked of a rank that is about to give its state to all.
   */
  default long held(long step) {
    return 0;
  }

  /** Another rank's state is about to be written over this rank's. */
  default void receiving() {}

  /**
   * Called once all ranks have the state that the formation starts from: whoever keeps a state of
   * its own beside the ranks' (parameter servers) brings the two together here, and may change the
   * ranks' parameters. A collective call.
   *
   * @param progress of the ranks' state
   * @param survived whether that state is a rank's that outlived the formation before, and not one
   *     of a checkpoint or of the job's beginning
   * @param held what {@link #held} said on the rank that gave the state; 0 unless it survived
   * @return where this rank is to go on; the same unless the exchange knows better
   * @throws StateLostException when what it kept is gone and the ranks' state is not whole without
   */
  default Progress formed(Progress progress, boolean survived, long held) {
    return progress;
  }

  /**
   * Whether all ranks go on after the same step; only after {@link #formed}. Where they do not,
   * nobody goes on behind a checkpoint's step, an epoch's end or the job's to which another is
   * still to come; at other steps ranks must not meet.
   */
  default boolean together() {
    return true;
  }

  /**
   * Called ahead of a checkpoint after this step, on all ranks: makes the replica's state dict
   * whole where a part of it lies elsewhere.
   */
  default void saving(Progress progress) {}

  /** Called once after the last step, on all ranks: makes their parameters the same. */
  default void finishing(Progress progress) {}

  /** What this rank sent of gradients in the step that was last exchanged. */
  default WireBytes wireBytes() {
    return WireBytes.NONE;
  }

  @Override
  void close();
}
