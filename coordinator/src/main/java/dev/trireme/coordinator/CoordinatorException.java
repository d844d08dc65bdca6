package dev.trireme.coordinator;

/**
 * The coordinator could not be started, or could not do what it was asked. The message says what
 * was expected, what was found, and how to mend it.
 */
public class CoordinatorException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  public CoordinatorException(String message) {
    super(message);
  }

  public CoordinatorException(String message, Throwable cause) {
    super(message, cause);
  }
}
