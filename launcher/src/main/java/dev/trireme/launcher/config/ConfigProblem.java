package dev.trireme.launcher.config;

import java.util.Optional;

/**
 * One thing that is wrong with a job spec.
 *
 * @param place where it was written
 * @param key the path of the key at fault, as {@code model.layers[3].conv2d.out}; empty for the
 *     spec as a whole
 * @param message what was expected, what was found, how to mend it
 * @param nearest the right name that is most like the wrong one, where there is one
 */
public record ConfigProblem(Place place, String key, String message, Optional<String> nearest) {

  /** A problem without a name to suggest. */
  public static ConfigProblem of(Place place, String key, String message) {
    return new ConfigProblem(place, key, message, Optional.empty());
  }

  /** As a compiler would say it: {@code file:line:column: key: message}. */
  @Override
  public String toString() {
    return place + ": " + (key.isEmpty() ? "" : key + ": ") + message;
  }
}
