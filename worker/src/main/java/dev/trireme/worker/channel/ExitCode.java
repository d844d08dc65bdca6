package dev.trireme.worker.channel;

/**
 * The exit codes that a rank's process and its agent agree on, beside those of the JVM (1 for an
 * uncaught exception, 3 for {@code -XX:+ExitOnOutOfMemoryError}, 128 + n for signal n).
 */
public final class ExitCode {
  /** The rank was started without a valid bootstrap. */
  public static final int BAD_BOOTSTRAP = 70;

  /** The rank's standard input was closed: its agent has gone or has given it up. */
  public static final int AGENT_LOST = 71;

  /** The rank could no longer speak with its agent, though that still held its standard input. */
  public static final int CHANNEL_LOST = 72;

  private ExitCode() {}
}
