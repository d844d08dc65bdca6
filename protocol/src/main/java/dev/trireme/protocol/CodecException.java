package dev.trireme.protocol;

/**
 * A message that cannot be written, or bytes that are no message. The message says what was
 * expected and what was found. Trying again with the same input fails in the same way.
 */
public final class CodecException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  public CodecException(String message) {
    super(message);
  }

  public CodecException(String message, Throwable cause) {
    super(message, cause);
  }
}
