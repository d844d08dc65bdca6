package dev.trireme.launcher.cli.job;

import com.fasterxml.jackson.databind.JsonNode;
import dev.trireme.launcher.cli.Console;

/** Answers, for people or programs. */
final class Printing {
  private Printing() {}

  /** An object: a line a field, or JSON. */
  static void object(Console console, JsonNode answer, boolean json) {
    if (json) {
      console.out().println(answer.toPrettyString());
      return;
    }
    answer
        .properties()
        .forEach(
            field ->
                console
                    .out()
                    .printf(
                        "%-18s %s%n",
                        field.getKey(),
                        field.getValue().isValueNode()
                            ? field.getValue().asText()
                            : field.getValue().toString()));
  }
}
