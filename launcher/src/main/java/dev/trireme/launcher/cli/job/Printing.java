package dev.trireme.launcher.cli.job;

import com.fasterxml.jackson.databind.JsonNode;
import dev.trireme.launcher.cli.Console;
import dev.trireme.launcher.cli.Table;
import java.math.BigDecimal;
import java.math.MathContext;
import java.util.Map;

/** Answers, for people or programs. */
final class Printing {
  /** More of a measured figure is noise; JSON has them all. */
  private static final int DIGITS = 5;

  private Printing() {}

  /** An object: a line a field, or JSON. */
  static void object(Console console, JsonNode answer, boolean json) {
    if (json) {
      console.out().println(answer.toPrettyString());
      return;
    }
    Table table = new Table("ll");
    rows(table, "", answer);
    console.out().println(table);
  }

  /**
   * What is inside an object stands behind the object's name and a dot; what is empty is left out.
   */
  private static void rows(Table table, String prefix, JsonNode object) {
    for (Map.Entry<String, JsonNode> field : object.properties()) {
      String name = prefix + field.getKey();
      if (field.getValue().isObject()) {
        rows(table, name + ".", field.getValue());
      } else if (!text(field.getValue()).isEmpty()) {
        table.row(name, text(field.getValue()));
      }
    }
  }

  private static String text(JsonNode value) {
    if (value.isFloatingPointNumber()) {
      return new BigDecimal(value.asText())
          .round(new MathContext(DIGITS))
          .stripTrailingZeros()
          .toPlainString();
    }
    return value.isValueNode() ? value.asText() : value.toString();
  }
}
