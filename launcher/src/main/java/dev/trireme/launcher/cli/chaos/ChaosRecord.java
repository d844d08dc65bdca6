package dev.trireme.launcher.cli.chaos;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.time.Duration;
import java.time.Instant;
import java.util.Locale;
import java.util.Optional;

/**
 * One harm and what came of it.
 *
 * @param at when it was done
 * @param failure the run's event of it; absent when nothing was noticed
 * @param recovered the run's event of the end of the recovery; absent when none was needed
 */
record ChaosRecord(
    int number,
    HarmKind kind,
    int rank,
    long pid,
    long generation,
    Instant at,
    Optional<JsonNode> failure,
    Optional<JsonNode> recovered) {

  /** Seconds from the harm until it was decided who was to blame. */
  double detected() {
    return failure
        .map(f -> Duration.between(at, RunEvents.time(f)).toMillis() / 1e3)
        .orElse(Double.NaN);
  }

  /** Seconds from the harm until a part of the recovery was over. */
  double until(String part) {
    return recovered
        .filter(r -> r.path(part + "Seconds").isNumber())
        .map(r -> detected() + r.path(part + "Seconds").asDouble())
        .orElse(Double.NaN);
  }

  ObjectNode json() {
    ObjectNode object =
        JsonNodeFactory.instance
            .objectNode()
            .put("number", number)
            .put("kind", kind.name().toLowerCase(Locale.ROOT))
            .put("rank", rank)
            .put("pid", pid)
            .put("generation", generation)
            .put("time", at.toString())
            .put("noticed", failure.isPresent())
            .put("recovered", recovered.isPresent());
    put(object, "detectedSeconds", detected());
    for (String part : new String[] {"aborted", "formed", "restored", "stepped"}) {
      put(object, part + "Seconds", until(part));
    }
    return object;
  }

  private static void put(ObjectNode object, String name, double value) {
    if (Double.isNaN(value)) {
      object.putNull(name);
    } else {
      object.put(name, value);
    }
  }

  /** As a person reads it. */
  @Override
  public String toString() {
    String what = "%s rank %d (process %d)".formatted(past(), rank, pid);
    if (recovered.isPresent()) {
      return "%s: detected %.2f s, aborted %.2f s, formed %.2f s, restored %.2f s, stepping %.2f s later"
          .formatted(
              what,
              detected(),
              until("aborted"),
              until("formed"),
              until("restored"),
              until("stepped"));
    }
    return what + (failure.isPresent() ? ": noticed, but not recovered from" : ": not noticed");
  }

  private String past() {
    return switch (kind) {
      case KILL -> "killed";
      case FREEZE -> "froze";
      case SLOW -> "slowed";
    };
  }
}
