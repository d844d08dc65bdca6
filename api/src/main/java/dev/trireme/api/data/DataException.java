package dev.trireme.api.data;

/**
 * Data that is not what it claims to be. The message says what was expected, what was found, in
 * which file and where, and how to mend it; it is meant to be shown as it is.
 */
public final class DataException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  public DataException(String message) {
    super(message);
  }

  public DataException(String message, Throwable cause) {
    super(message, cause);
  }
}
