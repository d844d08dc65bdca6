package dev.trireme.launcher.config;

import java.util.Arrays;

/**
 * Where something of a job spec was written; ordered as a person reads: the file, then overrides.
 */
public sealed interface Place extends Comparable<Place> {

  /**
   * A place in a file.
   *
   * @param file as the user named it
   * @param line counted from 1; 0 for the file as a whole
   * @param column counted from 1; 0 for the file as a whole
   */
  record InFile(String file, int line, int column) implements Place {
    /** The file as a whole, as when it cannot be read. */
    static InFile whole(String file) {
      return new InFile(file, 0, 0);
    }

    @Override
    public String toString() {
      return line == 0 ? file : file + ":" + line + ":" + column;
    }
  }

  /**
   * An override on the command line.
   *
   * @param index among the overrides, from 0
   * @param text as given, without the option's name
   */
  record InOverride(int index, String text) implements Place {
    @Override
    public String toString() {
      return "--set " + text;
    }
  }

  /** Files before overrides; in a file by line and column; overrides as they were given. */
  @Override
  default int compareTo(Place other) {
    return Arrays.compare(sortKey(this), sortKey(other));
  }

  private static int[] sortKey(Place place) {
    return place instanceof InFile f
        ? new int[] {0, f.line(), f.column()}
        : new int[] {1, ((InOverride) place).index(), 0};
  }
}
