package dev.trireme.coordinator.rundir;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import dev.trireme.api.data.Cursor;
import dev.trireme.coordinator.CoordinatorException;
import dev.trireme.protocol.SampleRange;
import java.io.BufferedInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;

/**
 * What {@link SampleLog} has written, read back line by line. A last line without an end was being
 * written when the machine stopped, and is left out; any other line that is not one of the two
 * kinds is refused.
 *
 * <p>Cost: one pass over the file, a line of it in memory at a time.
 */
final class SampleRecord {
  /** In bytes; a line has some 200. */
  private static final int MAX_LINE = 16 << 10;

  private static final int SHOWN = 200;

  private SampleRecord() {}

  /** Takes the lines in their order. */
  @FunctionalInterface
  interface Reader {
    /**
     * A line.
     *
     * @param number from 1 on
     */
    void take(int number, Line line);
  }

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

  /**
   * Reads a record.
   *
   * @return whether a last line without an end was left out
   * @throws CoordinatorException when there is none, or it is damaged; the message says where
   */
  static boolean read(Path file, Reader reader) {
    if (!Files.exists(file)) {
      throw new CoordinatorException(
          "expected the record of a run's samples at "
              + file
              + ", found nothing there; name the directory of a run");
    }
    if (!Files.isRegularFile(file)) {
      throw new CoordinatorException(file + " is not a regular file");
    }
    try (InputStream in = new BufferedInputStream(Files.newInputStream(file), 1 << 16)) {
      ByteArrayOutputStream line = new ByteArrayOutputStream();
      int number = 1;
      for (int next = in.read(); next >= 0; next = in.read()) {
        if (next == '\n') {
          reader.take(number, line(file, number, line.toString(StandardCharsets.UTF_8)));
          number++;
          line.reset();
        } else if (line.size() == MAX_LINE) {
          throw new CoordinatorException(
              file
                  + ", line "
                  + number
                  + ": the record is damaged: expected at most "
                  + MAX_LINE
                  + " bytes, found more");
        } else {
          line.write(next);
        }
      }
      return line.size() > 0;
    } catch (IOException e) {
      throw new CoordinatorException("cannot read " + file + ": " + e, e);
    }
  }

  private static Line line(Path file, int number, String text) {
    try {
      Map<String, Long> numbers = numbers(text);
      return numbers.containsKey("firstStep") ? trained(numbers) : start(numbers);
    } catch (IOException | RuntimeException e) {
      // It may be anything, and is shown on a terminal.
      String printable = text.replaceAll("\\p{Cntrl}", "?");
      String shown = printable.length() > SHOWN ? printable.substring(0, SHOWN) + "..." : printable;
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
