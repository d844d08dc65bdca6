package dev.trireme.launcher.embedded;

/**
 * A wish to stop that may come before there is anything to stop.
 *
 * <p>Threading: any.
 */
public final class Interruption {
  private boolean raised;
  private Runnable action = () -> {};

  /** Runs the action, now or when it is set. */
  void raise() {
    Runnable now;
    synchronized (this) {
      raised = true;
      now = action;
    }
    now.run();
  }

  /** Says what to do about it; done at once when it has been raised already. */
  public void onRaised(Runnable then) {
    boolean already;
    synchronized (this) {
      action = then;
      already = raised;
    }
    if (already) {
      then.run();
    }
  }
}
