package dev.trireme.launcher.cli;

/** The exit codes of every command; a contract with scripts. */
public final class ExitCode {
  /** What was asked for is done. */
  public static final int DONE = 0;

  /** The job failed, or the program has a bug. */
  public static final int FAILED = 1;

  /** Wrong usage or a wrong job; nothing was started. */
  public static final int USAGE = 2;

  /** The cluster cannot be reached. */
  public static final int UNREACHABLE = 3;

  /** The user stopped it. */
  public static final int CANCELLED = 130;

  private ExitCode() {}
}
