package dev.trireme.api.checkpoint;

/**
 * A checkpoint that cannot be written or cannot be used. The message says which file, what was
 * expected, what was found, and how to mend it.
 */
public final class CheckpointException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  public CheckpointException(String message) {
    super(message);
  }

  public CheckpointException(String message, Throwable cause) {
    super(message, cause);
  }
}
