package dev.trireme.ps;

/**
 * How much of the state after which step a worker's replica holds, through all formations of its
 * process. What is not known to be the state of a step counts as none of it.
 *
 * <p>Threading: the training thread.
 */
final class StateMark {
  /** As a number, which travels with a rank's state to other ranks. */
  enum Part {
    /** What it holds may lack or have some of what workers push in the next steps. */
    NONE,
    /** The parameters that were pulled: of tables some rows alone, of the optimizer nothing. */
    VALUES,
    ALL;

    static Part of(long number) {
      return number == ALL.ordinal() ? ALL : number == VALUES.ordinal() ? VALUES : NONE;
    }
  }

  private long step;
  private Part part = Part.NONE;

  void set(long ofStep, Part held) {
    step = ofStep;
    part = held;
  }

  void clear() {
    part = Part.NONE;
  }

  Part of(long ofStep) {
    return step == ofStep ? part : Part.NONE;
  }
}
