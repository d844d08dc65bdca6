package dev.trireme.launcher.cli;

import java.util.ArrayList;
import java.util.List;

/**
 * Text in columns: those that hold numbers are set to the right, the others to the left; two blanks
 * between two columns, none at the end of a line.
 */
public final class Table {
  private final List<List<String>> rows = new ArrayList<>();
  private final boolean[] numbers;

  /**
   * @param columns a letter for each: {@code l} for text, {@code r} for numbers
   */
  public Table(String columns) {
    numbers = new boolean[columns.length()];
    for (int i = 0; i < numbers.length; i++) {
      numbers[i] = columns.charAt(i) == 'r';
    }
  }

  /** Adds a row; cells that are left out are empty. */
  public Table row(String... cells) {
    if (cells.length > numbers.length) {
      throw new IllegalArgumentException(
          cells.length + " cells in a table of " + numbers.length + " columns");
    }
    rows.add(List.of(cells));
    return this;
  }

  /** The rows as lines. */
  public List<String> lines() {
    int[] widths = new int[numbers.length];
    for (List<String> row : rows) {
      for (int i = 0; i < row.size(); i++) {
        widths[i] = Math.max(widths[i], row.get(i).length());
      }
    }
    return rows.stream().map(row -> line(row, widths)).toList();
  }

  private String line(List<String> row, int[] widths) {
    StringBuilder line = new StringBuilder();
    for (int i = 0; i < row.size(); i++) {
      String blanks = " ".repeat(widths[i] - row.get(i).length());
      line.append(i == 0 ? "" : "  ");
      line.append(numbers[i] ? blanks + row.get(i) : row.get(i) + blanks);
    }
    return line.toString().stripTrailing();
  }

  @Override
  public String toString() {
    return String.join(System.lineSeparator(), lines());
  }
}
