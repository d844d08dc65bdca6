package dev.trireme.checkpoint;

import dev.trireme.api.tensor.NamedTensor;
import dev.trireme.checkpoint.format.Bounds;
import dev.trireme.checkpoint.format.Manifest;
import dev.trireme.checkpoint.format.TensorSpec;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/** Whether a checkpoint's tensors are those that a job has: a pure comparison. */
final class Fit {
  private static final int SHOWN = 3;

  private Fit() {}

  /**
   * What differs, for a person.
   *
   * @param stored the checkpoint's tensors
   * @param wanted the job's, with names that differ
   * @return the number of differences and the first few of each kind; empty when there are none
   */
  static Optional<String> differences(Manifest stored, List<NamedTensor> wanted) {
    return differences(
        stored.tensors().stream().map(Manifest.StoredTensor::spec).toList(),
        wanted,
        "the checkpoint",
        "the job");
  }

  /**
   * As above, for tensors of any origin.
   *
   * @param source what holds {@code stored}, for a person
   * @param target what has {@code wanted}, for a person
   */
  static Optional<String> differences(
      List<TensorSpec> stored, List<NamedTensor> wanted, String source, String target) {
    Map<String, TensorSpec> there = new HashMap<>();
    stored.forEach(spec -> there.put(spec.name(), spec));
    List<String> missing = new ArrayList<>();
    List<String> different = new ArrayList<>();
    Set<String> known = new HashSet<>();
    for (NamedTensor tensor : wanted) {
      TensorSpec here = TensorSpec.of(tensor);
      if (!known.add(here.name())) {
        throw new IllegalArgumentException(
            "two tensors are named '" + Bounds.excerpt(here.name()) + "'");
      }
      TensorSpec other = there.get(here.name());
      if (other == null) {
        missing.add("'" + Bounds.excerpt(here.name()) + "' (" + here.typeAndShape() + ")");
      } else if (!other.equals(here)) {
        different.add(
            "'"
                + Bounds.excerpt(here.name())
                + "' ("
                + other.typeAndShape()
                + " in "
                + source
                + ", "
                + here.typeAndShape()
                + " in "
                + target
                + ")");
      }
    }
    List<String> unexpected =
        stored.stream()
            .filter(spec -> !known.contains(spec.name()))
            .map(spec -> "'" + Bounds.excerpt(spec.name()) + "' (" + spec.typeAndShape() + ")")
            .toList();
    List<String> parts = new ArrayList<>();
    addPart(parts, "of another type or shape", different);
    addPart(parts, "missing in " + source, missing);
    addPart(parts, "unknown to " + target, unexpected);
    return parts.isEmpty() ? Optional.empty() : Optional.of(String.join("; ", parts));
  }

  private static void addPart(List<String> parts, String kind, List<String> items) {
    if (items.isEmpty()) {
      return;
    }
    String shown = String.join(", ", items.subList(0, Math.min(SHOWN, items.size())));
    String more = items.size() > SHOWN ? " and " + (items.size() - SHOWN) + " more" : "";
    parts.add(items.size() + " " + kind + ": " + shown + more);
  }
}
