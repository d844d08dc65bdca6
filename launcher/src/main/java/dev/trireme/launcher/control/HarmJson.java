package dev.trireme.launcher.control;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.trireme.coordinator.JobService.HarmOrder;
import dev.trireme.coordinator.JobService.Harmed;
import dev.trireme.protocol.HarmKind;
import java.time.Duration;
import java.util.Map;

/** What is done to a job on purpose, as the HTTP interfaces ask for it and tell it. */
final class HarmJson {
  private HarmJson() {}

  /** A query as {@link #order(Map)} reads it. */
  static String query(HarmKind kind, int rank, Duration lasting, boolean trial) {
    return "kind=%s&rank=%d&lastingMillis=%d&trial=%s"
        .formatted(kind.word(), rank, lasting.toMillis(), trial);
  }

  /**
   * @throws IllegalArgumentException when the query makes no sense
   */
  static HarmOrder order(Map<String, String> query) {
    String word = query.getOrDefault("kind", "");
    HarmKind kind =
        HarmKind.of(word)
            .orElseThrow(
                () ->
                    new IllegalArgumentException(
                        "expected kind=" + HarmKind.words() + ", found '" + word + "'"));
    return new HarmOrder(
        kind,
        (int) Math.min(Integer.MAX_VALUE, Http.number(query, "rank")),
        Duration.ofMillis(Http.number(query, "lastingMillis")),
        query.getOrDefault("trial", "false").equals("true"));
  }

  static ObjectNode of(Harmed harmed) {
    return JsonNodeFactory.instance
        .objectNode()
        .put("kind", harmed.order().kind().word())
        .put("rank", harmed.order().rank())
        .put("pid", harmed.pid())
        .put("generation", harmed.generation())
        .put("time", harmed.at().toString())
        .put("how", harmed.how());
  }
}
