package dev.trireme.api.job;

/**
 * A job spec that cannot be meant. Thrown by the records themselves when they are made with values
 * that contradict each other.
 */
public final class SpecException extends RuntimeException {
  private static final long serialVersionUID = 1L;
  private final String key;

  /**
   * @param key the path of the key at fault, relative to the record, such as {@code epochs}; empty
   *     for the record as a whole
   * @param message what was expected, what was found, how to mend it
   */
  public SpecException(String key, String message) {
    super(message);
    this.key = key;
  }

  /** The path of the key at fault relative to the record that threw; may be empty. */
  public String key() {
    return key;
  }
}
