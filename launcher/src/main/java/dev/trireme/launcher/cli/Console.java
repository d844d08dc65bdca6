package dev.trireme.launcher.cli;

import java.io.PrintStream;
import java.nio.charset.Charset;

/**
 * Where a command writes.
 *
 * @param out results, for people or programs
 * @param err progress, logs, problems
 * @param errIsTerminal whether a person watches {@code err}, so that a line may be rewritten
 * @param columns width of that terminal, at least 20
 */
public record Console(PrintStream out, PrintStream err, boolean errIsTerminal, int columns) {
  private static final int DEFAULT_COLUMNS = 80;
  private static final int FEWEST_COLUMNS = 20;

  public Console {
    columns = Math.max(FEWEST_COLUMNS, columns);
  }

  /** {@code err} for who moves the cursor and sees to control characters in other people's text. */
  public PrintStream terminal() {
    return err instanceof PrintableStream printable ? printable.raw() : err;
  }

  /**
   * The console of this process. Java cannot say whether standard error is a terminal ({@code
   * System.console()} looks at standard input and output, and is never null from JDK 22 on), so the
   * {@code trireme} script does, in the system properties {@code trireme.tty} (true or false) and
   * {@code trireme.columns}.
   */
  public static Console ofProcess() {
    int columns = Integer.getInteger("trireme.columns", DEFAULT_COLUMNS);
    // A pseudo-terminal that nobody has sized says 0.
    Charset charset =
        Charset.forName(System.getProperty("stdout.encoding", Charset.defaultCharset().name()));
    return new Console(
        new PrintableStream(System.out, charset),
        new PrintableStream(System.err, charset),
        Boolean.getBoolean("trireme.tty"),
        columns == 0 ? DEFAULT_COLUMNS : columns);
  }
}
