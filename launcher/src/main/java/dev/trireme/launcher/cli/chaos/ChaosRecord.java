package dev.trireme.launcher.cli.chaos;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.trireme.protocol.HarmKind;
import java.time.Duration;
import java.time.Instant;
import java.util.Optional;

/**
 * One harm and what came of it.
 *
 * @param at when it was done
 * @param how it was done, as the agent says
 * @param failure the run's event of it: a failed save where there was no room for one, else a
 *     failure; absent when nothing was noticed
 * @param recovered the event of the end of it: a save that was committed again, else the end of a
 *     recovery; absent when none was needed or none came
 */
record ChaosRecord(
    int number,
    HarmKind kind,
    int rank,
    long pid,
    long generation,
    Instant at,
    String how,
    Optional<JsonNode> failure,
    Optional<JsonNode> recovered) {

  /** Seconds from the harm until it was decided who was to blame, or until a save failed. */
  double detected() {
    return failure.map(f -> after(RunEvents.time(f))).orElse(Double.NaN);
  }

  /** Seconds from the harm until a part of the recovery was over. */
  double until(String part) {
    return recovered
        .filter(r -> r.path(part + "Seconds").isNumber())
        .map(r -> detected() + r.path(part + "Seconds").asDouble())
        .orElse(Double.NaN);
  }

  /** Seconds from the harm until a save was committed again. */
  double savedAgain() {
    return kind == HarmKind.FILL_DISK
        ? recovered.map(r -> after(RunEvents.time(r))).orElse(Double.NaN)
        : Double.NaN;
  }

  private double after(Instant time) {
    return Duration.between(at, time).toMillis() / 1e3;
  }

  ObjectNode json() {
    ObjectNode object =
        JsonNodeFactory.instance
            .objectNode()
            .put("number", number)
            .put("kind", kind.word())
            .put("rank", rank)
            .put("pid", pid)
            .put("generation", generation)
            .put("time", at.toString())
            .put("how", how)
            .put("noticed", failure.isPresent())
            .put("recovered", recovered.isPresent());
    put(object, "detectedSeconds", detected());
    for (String part : new String[] {"aborted", "formed", "restored", "stepped"}) {
      put(object, part + "Seconds", until(part));
    }
    put(object, "savedAgainSeconds", savedAgain());
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
    String what = "%s rank %d (process %d)".formatted(kind.past(), rank, pid);
    if (kind == HarmKind.FILL_DISK) {
      what += ": " + how;
      return recovered.isPresent()
          ? "%s: a save failed %.2f s later (%s), one was written %.2f s later"
              .formatted(
                  what, detected(), failure.orElseThrow().path("reason").asText(), savedAgain())
          : what
              + (failure.isPresent() ? ": a save failed, none was written since" : ": not noticed");
    }
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
}
