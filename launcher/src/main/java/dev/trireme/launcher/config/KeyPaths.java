package dev.trireme.launcher.config;

import dev.trireme.launcher.config.YamlNode.Mapping;
import dev.trireme.launcher.config.YamlNode.Sequence;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Reads key paths such as {@code model.layers[3].conv2d.out} and follows them. */
final class KeyPaths {
  private static final Pattern STEP = Pattern.compile("([^.\\[\\]]+)|\\[([0-9]{1,9})]");

  private KeyPaths() {}

  /**
   * Where a path led.
   *
   * @param path in full, with the names of variants that lay on the way
   * @param place of its last part that is there
   */
  record Found(String path, Place place) {}

  /** The names and indices of a path; an index is a name of digits. */
  static List<String> steps(String path) {
    List<String> steps = new ArrayList<>();
    Matcher matcher = STEP.matcher(path);
    while (matcher.find()) {
      steps.add(matcher.group(1) != null ? matcher.group(1) : matcher.group(2));
    }
    return steps;
  }

  /**
   * Follows a path as far as it goes. The name of a variant may be left out of it: {@code
   * layers[3].out} finds {@code layers[3].conv2d.out}.
   *
   * @param root where the path begins
   * @param prefix the path of {@code root} itself
   * @param place of {@code root}'s key
   */
  static Found locate(YamlNode root, String path, String prefix, Place place) {
    Walk walk = new Walk(root, prefix, place);
    steps(path).forEach(walk::step);
    return new Found(walk.path, walk.place);
  }

  /** A position in a tree that moves on step by step, and stays where there is no further step. */
  private static final class Walk {
    private Optional<YamlNode> node;
    private String path;
    private Place place;

    Walk(YamlNode root, String path, Place place) {
      this.node = Optional.of(root);
      this.path = path;
      this.place = place;
    }

    void step(String step) {
      if (node.isPresent() && node.get() instanceof Mapping mapping) {
        variantAround(mapping, step).ifPresent(this::into);
      }
      into(step);
    }

    private void into(String step) {
      YamlNode here = node.orElse(null);
      path = isIndex(step) ? path + "[" + step + "]" : path.isEmpty() ? step : path + "." + step;
      node = Optional.empty();
      if (here instanceof Mapping mapping && mapping.entries().containsKey(step)) {
        place = mapping.entries().get(step).keyPlace();
        node = mapping.value(step);
      } else if (here instanceof Sequence list && isIndex(step)) {
        node = list.items().stream().skip(Integer.parseInt(step)).findFirst();
        place = node.map(YamlNode::place).orElse(place);
      }
    }

    /** The only key of a mapping, where it is not the one asked for but holds that one. */
    private static Optional<String> variantAround(Mapping mapping, String step) {
      return mapping.entries().keySet().stream()
          .filter(name -> mapping.entries().size() == 1 && !name.equals(step))
          .filter(
              name ->
                  mapping.value(name).orElseThrow() instanceof Mapping m
                      && m.entries().containsKey(step))
          .findFirst();
    }
  }

  static boolean isIndex(String step) {
    return step.matches("[0-9]{1,9}");
  }
}
