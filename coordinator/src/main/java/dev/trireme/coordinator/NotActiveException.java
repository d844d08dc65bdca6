package dev.trireme.coordinator;

/**
 * This coordinator is not the active one any more, or cannot show that it is: another has taken
 * over, or it does not reach a majority of them. What it was about to do has not been done; it has
 * to take over anew before it does anything else.
 */
public final class NotActiveException extends CoordinatorException {
  private static final long serialVersionUID = 1L;

  /**
   * @param message why
   */
  public NotActiveException(String message) {
    super(message);
  }
}
