package dev.trireme.coordinator.life;

import dev.trireme.protocol.RankReport.Finished;
import java.util.List;

/** What becomes of a job all of whose ranks have finished, and why. */
sealed interface Conclusion {
  /** For people: what happened to the ranks. */
  String reason();

  /** They hold different states, so that no result of theirs can be told. */
  record Differ(int odd, String reason) implements Conclusion {}

  /** They stopped at a step boundary only to go on as another formation. */
  record FormAnew(String reason) implements Conclusion {}

  /** They saved their state and gave their slots to another job: it waits for slots again. */
  record WaitAgain(String reason) implements Conclusion {}

  /** Training is over, or was stopped for good. */
  record End(String reason) implements Conclusion {}

  /**
   * What ranks that stop before their last step may have been asked to do.
   *
   * @param toChangeSize the number of ranks or servers is to change
   * @param byLease an agent's lease has run out, so that its ranks stop together
   * @param byEarlierCoordinator they were another coordinator's, which may have asked for anything
   * @param toGiveWay their slots are another job's
   * @param toCancel somebody wants the job to end
   */
  record Asked(
      boolean toChangeSize,
      boolean byLease,
      boolean byEarlierCoordinator,
      boolean toGiveWay,
      boolean toCancel) {

    /**
     * Whether ranks that stopped did so only to be formed anew. Of ranks that had another
     * coordinator nobody knows who asked them to stop; they go on, for a program that stopped of
     * itself will do so again.
     */
    private boolean onlyToFormAnew() {
      return !toCancel && (toChangeSize || byLease || byEarlierCoordinator && !toGiveWay);
    }
  }

  /**
   * Decides.
   *
   * @param all of every rank, in order of rank; at least one with the hash of its state
   */
  static Conclusion of(List<Finished> all, Asked asked) {
    if (Agreement.rule(all) instanceof Agreement.Differ differ) {
      return new Differ(differ.odd().get(0), differ.reason());
    }
    boolean early = all.get(0).stopped();
    if (early && asked.onlyToFormAnew()) {
      return new FormAnew("all ranks have stopped, to form anew");
    }
    if (early && asked.toGiveWay()) {
      return new WaitAgain("all ranks have saved their state and given their slots away");
    }
    return new End(early ? "all ranks have stopped" : "all ranks have trained to the end");
  }
}
