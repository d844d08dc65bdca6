package dev.trireme.checkpoint.format;

/**
 * Stored bytes are not what a checkpoint must hold: cut short, altered, of a newer version, or
 * never a checkpoint at all. Checked, because whoever reads a directory of checkpoints goes on with
 * the next one. The message says what was expected and what was found; the reader adds the file.
 */
public final class DamagedException extends Exception {
  private static final long serialVersionUID = 1L;

  public DamagedException(String message) {
    super(message);
  }

  public DamagedException(String message, Throwable cause) {
    super(message, cause);
  }
}
