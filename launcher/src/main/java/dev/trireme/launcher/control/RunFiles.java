package dev.trireme.launcher.control;

import com.fasterxml.jackson.core.JacksonException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.IOException;
import java.io.InputStream;
import java.io.RandomAccessFile;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;

/** What the files of a run tell when there is nobody to ask. Pure reading. */
public final class RunFiles {
  private static final JsonMapper JSON = JsonMapper.builder().build();
  private static final int MAX_RESULT = 1 << 20;
  private static final int TAIL = 64 << 10;

  private RunFiles() {}

  /**
   * How the run ended; empty when it has not, or not in order.
   *
   * @throws IOException when result.json cannot be one that a run left; the message says which file
   */
  public static Optional<JsonNode> result(Path runDirectory) throws IOException {
    Path file = runDirectory.resolve("result.json");
    if (!Files.isRegularFile(file)) {
      return Optional.empty();
    }
    try (InputStream in = Files.newInputStream(file)) {
      JsonNode result = JSON.readTree(in.readNBytes(MAX_RESULT));
      if (result.isObject() && result.path("state").isTextual()) {
        return Optional.of(result);
      }
    } catch (JacksonException e) {
      // Falls through to the one message.
    }
    throw new IOException(
        file
            + ": expected a JSON object with the 'state' in which the run ended, found something"
            + " else; events.jsonl beside it tells of the run, too");
  }

  /**
   * Why there is nobody to ask about a run, with the mend where there is one. For a directory
   * without a living process.
   *
   * @throws ControlClient.RefusedException when it is no directory of a run, or the run has ended
   */
  static ControlClient.UnreachableException nobody(Path run) throws ControlClient.RefusedException {
    if (!Files.isDirectory(run)) {
      throw new ControlClient.RefusedException(
          "expected the directory of a run, found none at '" + run + "'");
    }
    try {
      Optional<JsonNode> result = result(run);
      if (result.isPresent()) {
        throw new ControlClient.RefusedException(
            "the run in " + run + " has ended: " + result.get().path("state").asText());
      }
    } catch (IOException e) {
      return new ControlClient.UnreachableException(e.getMessage());
    }
    if (!Files.isRegularFile(run.resolve("job.yaml"))) {
      throw new ControlClient.RefusedException(
          "'" + run + "' is no directory of a run: there is no job.yaml in it");
    }
    OptionalLong step = lastStep(run);
    return new ControlClient.UnreachableException(
        "the process of the run in "
            + run
            + " is gone"
            + (step.isPresent() ? ", at step " + step.getAsLong() + " or soon after" : "")
            + "; ./trireme job resume "
            + run
            + " continues it from its last checkpoint");
  }

  /** The last step that metrics.jsonl tells of. */
  static OptionalLong lastStep(Path run) {
    Path file = run.resolve("metrics.jsonl");
    if (!Files.isRegularFile(file)) {
      return OptionalLong.empty();
    }
    try (RandomAccessFile metrics = new RandomAccessFile(file.toFile(), "r")) {
      long from = Math.max(0, metrics.length() - TAIL);
      byte[] tail = new byte[(int) (metrics.length() - from)];
      metrics.seek(from);
      metrics.readFully(tail);
      List<String> lines = new String(tail, StandardCharsets.UTF_8).lines().toList();
      for (int i = lines.size() - 1; i >= 0; i--) {
        Optional<Long> step = step(lines.get(i));
        if (step.isPresent()) {
          return OptionalLong.of(step.get());
        }
      }
    } catch (IOException e) {
      // Only an addition to a message.
    }
    return OptionalLong.empty();
  }

  private static Optional<Long> step(String line) {
    try {
      return Optional.of(JSON.readTree(line).path("step"))
          .filter(JsonNode::isIntegralNumber)
          .map(JsonNode::asLong);
    } catch (JacksonException e) {
      return Optional.empty(); // the line was being written
    }
  }
}
