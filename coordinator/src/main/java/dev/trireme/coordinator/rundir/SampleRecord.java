package dev.trireme.coordinator.rundir;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import dev.trireme.api.data.Cursor;
import dev.trireme.coordinator.CoordinatorException;
import dev.trireme.protocol.SampleRange;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * What {@link SampleLog} has written, read back line by line. A last line without an end was being
 * written when the machine stopped, and is left out; any other line that is not one of the two
 * kinds is refused.
 *
 * @param lines in order
 * @param torn whether a last line without an end was left out
 */
record SampleRecord(List<Line> lines, boolean torn) {
  /** A line. */
  sealed interface Line {
    /** The generation that it is about. */
    long generation();
  }

  /**
   * A generation begins.
   *
   * @param step whose state it begins with
   * @param cursor where its first batch begins
   */
  record Start(long generation, long step, Cursor cursor) implements Line {}

  /**
   * Steps were trained.
   *
   * @param items of the training set
   */
  record Trained(SampleRange range, long items) implements Line {
    @Override
    public long generation() {
      return range.generation();
    }
  }

  SampleRecord {
    lines = List.copyOf(lines);
  }

  /**
   * Reads a record.
   *
   * @throws CoordinatorException when there is none, or it is damaged; the message says where
   */
  static SampleRecord read(Path file) {
    String text = text(file);
    List<Line> lines = new ArrayList<>();
    int begin = 0;
    for (int end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n', begin)) {
      lines.add(line(file, lines.size() + 1, text.substring(begin, end)));
      begin = end + 1;
    }
    return new SampleRecord(lines, begin < text.length());
  }

  private static String text(Path file) {
    try {
      if (!Files.exists(file)) {
        throw new CoordinatorException(
            "expected the record of a run's samples at "
                + file
                + ", found nothing there; name the directory of a run");
      }
      return Files.readString(file, StandardCharsets.UTF_8);
    } catch (IOException e) {
      throw new CoordinatorException("cannot read " + file + ": " + e, e);
    }
  }

  private static Line line(Path file, int number, String text) {
    try {
      Map<String, Long> numbers = numbers(text);
      return numbers.containsKey("firstStep") ? trained(numbers) : start(numbers);
    } catch (IOException | RuntimeException e) {
      String shown = text.length() > 200 ? text.substring(0, 200) + "..." : text;
      throw new CoordinatorException(
          file
              + ", line "
              + number
              + ": the record is damaged: "
              + e.getMessage().lines().findFirst().orElse("")
              + "; found: "
              + shown,
          e);
    }
  }

  private static Line trained(Map<String, Long> numbers) {
    SampleRange range =
        new SampleRange(
            need(numbers, "generation"),
            need(numbers, "firstStep"),
            need(numbers, "lastStep"),
            new Cursor(Math.toIntExact(need(numbers, "epoch")), need(numbers, "position")),
            Math.toIntExact(need(numbers, "batch")),
            need(numbers, "samples"));
    long items = need(numbers, "items");
    if (range.end() > items) {
      throw new IllegalArgumentException(
          "items up to " + range.end() + " of a set of " + items + " were trained on");
    }
    return new Trained(range, items);
  }

  private static Line start(Map<String, Long> numbers) {
    return new Start(
        need(numbers, "generation"),
        need(numbers, "step"),
        new Cursor(Math.toIntExact(need(numbers, "epoch")), need(numbers, "position")));
  }

  private static long need(Map<String, Long> numbers, String name) {
    Long number = numbers.get(name);
    if (number == null) {
      throw new IllegalArgumentException("expected a number '" + name + "', found none");
    }
    return number;
  }

  /** The whole numbers of a flat object by name. */
  private static Map<String, Long> numbers(String text) throws IOException {
    Map<String, Long> numbers = new HashMap<>();
    try (JsonParser parser = new JsonFactory().createParser(text)) {
      if (parser.nextToken() != JsonToken.START_OBJECT) {
        throw new IllegalArgumentException("expected a JSON object");
      }
      while (parser.nextToken() == JsonToken.FIELD_NAME) {
        String name = parser.currentName();
        JsonToken value = parser.nextToken();
        if (value == JsonToken.VALUE_NUMBER_INT) {
          numbers.put(name, parser.getLongValue());
        } else if (!value.isScalarValue()) {
          throw new IllegalArgumentException(
              "expected a flat object, found more in '" + name + "'");
        }
      }
      if (parser.currentToken() != JsonToken.END_OBJECT || parser.nextToken() != null) {
        throw new IllegalArgumentException("expected one JSON object");
      }
    }
    return numbers;
  }
}
