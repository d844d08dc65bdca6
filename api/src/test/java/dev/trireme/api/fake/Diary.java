package dev.trireme.api.fake;

import java.util.ArrayList;
import java.util.List;

/** What the fakes of one test were asked, in order. */
public final class Diary {
  private final List<String> lines = new ArrayList<>();

  /** Adds a line. */
  public synchronized void write(String line) {
    lines.add(line);
  }

  /** All lines so far. */
  public synchronized List<String> lines() {
    return List.copyOf(lines);
  }
}
