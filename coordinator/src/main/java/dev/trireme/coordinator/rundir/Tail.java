package dev.trireme.coordinator.rundir;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * The last lines of a file of JSON objects, as another process that was killed has left it. A line
 * that it did not come to end goes: nobody was told that it was there.
 */
final class Tail {
  /** More than agents keep of what no coordinator has told them to be recorded. */
  private static final int BYTES = 1 << 20;

  private Tail() {}

  /**
   * Cuts off a last line that is not whole, and reads those before it, 1 MiB at most.
   *
   * @return of each line its fields with simple values, as text; lines that are no objects are left
   *     out
   * @throws IOException when it cannot be read, or something else is in its place
   */
  static List<Map<String, String>> read(Path file) throws IOException {
    if (!RunFile.check(file)) {
      return List.of();
    }
    try (FileChannel channel =
        FileChannel.open(
            file, StandardOpenOption.READ, StandardOpenOption.WRITE, LinkOption.NOFOLLOW_LINKS)) {
      long from = Math.max(0, channel.size() - BYTES);
      ByteBuffer bytes = ByteBuffer.allocate((int) (channel.size() - from));
      while (bytes.hasRemaining() && channel.read(bytes, from + bytes.position()) >= 0) {
        // Until all is read.
      }
      int end = bytes.position();
      while (end > 0 && bytes.get(end - 1) != '\n') {
        end--;
      }
      channel.truncate(from + end);
      String text = new String(bytes.array(), 0, end, StandardCharsets.UTF_8);
      List<Map<String, String>> lines = new ArrayList<>();
      for (String line : text.split("\n")) {
        parse(line, lines);
      }
      return lines;
    }
  }

  private static void parse(String line, List<Map<String, String>> lines) {
    Map<String, String> fields = new HashMap<>();
    try (JsonParser parser = new JsonFactory().createParser(line)) {
      if (parser.nextToken() != JsonToken.START_OBJECT) {
        return;
      }
      for (JsonToken t = parser.nextToken(); t != JsonToken.END_OBJECT; t = parser.nextToken()) {
        String name = parser.currentName();
        JsonToken value = parser.nextToken();
        if (value.isScalarValue()) {
          fields.put(name, parser.getText());
        } else {
          parser.skipChildren();
        }
      }
      lines.add(fields);
    } catch (IOException e) {
      // The first line may begin in its middle.
    }
  }
}
