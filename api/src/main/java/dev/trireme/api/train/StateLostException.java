package dev.trireme.api.train;

/**
 * A state that an exchange kept beside the ranks' is gone, and the ranks' own is not whole without
 * it: the job has to go back to a checkpoint.
 */
public final class StateLostException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  public StateLostException(String message) {
    super(message);
  }
}
