package dev.trireme.worker.agent;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;

/**
 * The lines of a log that tell best how a process ended: the last ones, except that a crash report
 * of the JVM, whose end tells nothing, is kept from its beginning.
 */
final class LogTail {
  private static final int LINES = 20;
  private static final int LINE_LENGTH = 500;
  private static final String CRASH = "# A fatal error has been detected";

  private final Deque<String> lines = new ArrayDeque<>();
  private boolean crashed;

  void add(String line) {
    if (!crashed && line.startsWith(CRASH)) {
      crashed = true;
      lines.clear();
    }
    if (lines.size() == LINES) {
      if (crashed) {
        return;
      }
      lines.removeFirst();
    }
    lines.add(line.length() <= LINE_LENGTH ? line : line.substring(0, LINE_LENGTH));
  }

  List<String> lines() {
    return List.copyOf(lines);
  }
}
