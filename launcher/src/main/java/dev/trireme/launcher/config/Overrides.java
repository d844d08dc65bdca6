package dev.trireme.launcher.config;

import dev.trireme.launcher.config.YamlNode.Entry;
import dev.trireme.launcher.config.YamlNode.Mapping;
import dev.trireme.launcher.config.YamlNode.Sequence;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.regex.Pattern;

/**
 * Puts values from the command line over those of a file: {@code train.epochs=3}, {@code
 * model.layers.0.conv2d.out=8}, {@code data.eval=null}. The value is YAML. Sections that are not
 * there yet are made; an index one past the end of a list adds to it.
 */
final class Overrides {
  private static final Pattern KEY =
      Pattern.compile("[^.\\[\\]\\s]+(\\.[^.\\[\\]\\s]+|\\[[0-9]+])*");

  private final List<ConfigProblem> problems;

  Overrides(List<ConfigProblem> problems) {
    this.problems = problems;
  }

  /** The node with this override in it; the node as it was, and a problem, when it cannot be. */
  YamlNode apply(YamlNode root, int index, String text) {
    Place place = new Place.InOverride(index, text);
    int equals = text.indexOf('=');
    String key = equals < 0 ? text.strip() : text.substring(0, equals).strip();
    if (equals < 0 || !KEY.matcher(key).matches()) {
      problems.add(
          ConfigProblem.of(place, "", "expected key=value with a dotted key, as train.epochs=3"));
      return root;
    }
    return YamlReader.readValue(text.substring(equals + 1), place, problems)
        .flatMap(value -> set(root, KeyPaths.steps(key), 0, new Entry(place, value)))
        .orElse(root);
  }

  private Optional<YamlNode> set(YamlNode node, List<String> steps, int depth, Entry value) {
    if (depth == steps.size()) {
      return Optional.of(value.value());
    }
    String step = steps.get(depth);
    Place place = value.keyPlace();
    if (node.isAbsent()) {
      return set(Mapping.empty(place), steps, depth, value);
    }
    if (node instanceof Mapping mapping) {
      Entry old = mapping.entries().get(step);
      YamlNode inner = old == null ? Mapping.empty(place) : old.value();
      // A key keeps its own place, so that a fault of the section is still found in the file.
      Place keyPlace = old == null || depth == steps.size() - 1 ? place : old.keyPlace();
      return set(inner, steps, depth + 1, value)
          .map(changed -> mapping.with(step, new Entry(keyPlace, changed)));
    }
    String path = String.join(".", steps.subList(0, depth));
    if (!(node instanceof Sequence sequence)) {
      return refuse(place, path, "is " + node.found() + " and has no keys; set it as a whole");
    }
    int size = sequence.items().size();
    if (!KeyPaths.isIndex(step) || Integer.parseInt(step) > size) {
      return refuse(
          place,
          path,
          "is "
              + node.found()
              + "; expected an index from 0 to "
              + (size - 1)
              + ", or "
              + size
              + " to add to it, found '"
              + step
              + "'");
    }
    return item(sequence, steps, depth, value);
  }

  private Optional<YamlNode> item(Sequence list, List<String> steps, int depth, Entry value) {
    int index = Integer.parseInt(steps.get(depth));
    boolean added = index == list.items().size();
    YamlNode inner = added ? Mapping.empty(value.keyPlace()) : list.items().get(index);
    return set(inner, steps, depth + 1, value)
        .map(
            changed -> {
              List<YamlNode> items = new ArrayList<>(list.items());
              if (added) {
                items.add(changed);
              } else {
                items.set(index, changed);
              }
              return new Sequence(items, list.place());
            });
  }

  private Optional<YamlNode> refuse(Place place, String path, String message) {
    problems.add(ConfigProblem.of(place, path, message));
    return Optional.empty();
  }
}
