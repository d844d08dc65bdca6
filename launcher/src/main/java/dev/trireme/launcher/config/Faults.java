package dev.trireme.launcher.config;

import dev.trireme.launcher.config.YamlNode.Entry;
import dev.trireme.launcher.config.YamlNode.Mapping;
import java.util.Collection;
import java.util.List;
import java.util.Optional;

/** The problems found so far, and the words in which the usual ones are told. */
final class Faults {
  private final List<ConfigProblem> problems;

  Faults(List<ConfigProblem> problems) {
    this.problems = problems;
  }

  /**
   * Where the binder stands.
   *
   * @param path of the key, empty for the spec as a whole
   * @param place of the key; what lacks a key is reported here
   */
  record Spot(String path, Place place) {
    Spot key(String name, Place keyPlace) {
      return new Spot(path.isEmpty() ? name : path + "." + name, keyPlace);
    }

    Spot item(int index, Place itemPlace) {
      return new Spot(path + "[" + index + "]", itemPlace);
    }
  }

  int count() {
    return problems.size();
  }

  void add(ConfigProblem problem) {
    problems.add(problem);
  }

  void mismatch(YamlNode node, SpecType type, Spot at) {
    add(at, node.place(), "expected " + Expected.words(type) + ", found " + node.found());
  }

  void refused(YamlNode node, ScalarReader.Reading reading, Spot at) {
    problems.add(new ConfigProblem(node.place(), at.path(), reading.refusal(), reading.nearest()));
  }

  void missingKey(SpecType.Field field, Spot at) {
    add(
        at.key(field.name(), at.place()),
        at.place(),
        "missing; expected " + Expected.words(field.type()) + ". " + field.key().value());
  }

  void missingSelector(String selector, Mapping mapping, SpecType.OneOf type, Spot at) {
    String misspelt =
        mapping.entries().keySet().stream()
            .filter(name -> NearestName.of(name, List.of(selector)).isPresent())
            .findFirst()
            .map(name -> "; is '" + name + "' it?")
            .orElse("");
    String names = Expected.words(type);
    add(at.key(selector, at.place()), at.place(), "missing; expected " + names + misspelt);
  }

  void noSelector(String selector, YamlNode node, SpecType.OneOf type, Spot at) {
    add(
        at,
        node.place(),
        "expected keys, '"
            + selector
            + "' ("
            + Expected.words(type)
            + ") among them, found "
            + node.found());
  }

  void unknownKey(String name, Entry entry, List<String> right, Optional<String> nearest, Spot at) {
    String merge = "<<".equals(name) ? "; YAML 1.2 has no merge keys, write the keys out" : "";
    String here =
        right.isEmpty() ? "there are none here" : "keys here: " + String.join(", ", right);
    problems.add(
        new ConfigProblem(
            entry.keyPlace(),
            at.key(name, entry.keyPlace()).path(),
            "unknown key" + merge + didYouMean(nearest) + " (" + here + ")",
            nearest));
  }

  void unknownName(String found, String name, Place place, Collection<String> right, Spot at) {
    Optional<String> nearest = NearestName.of(name, right);
    String message = "expected " + Expected.oneOf(right) + ", found " + found;
    problems.add(new ConfigProblem(place, at.path(), message + didYouMean(nearest), nearest));
  }

  /** Two names where one belongs: two variants, or a variant whose keys are not indented. */
  void severalNames(Mapping mapping, Collection<String> right, Spot at) {
    List<String> found = List.copyOf(mapping.entries().keySet());
    String last = found.get(found.size() - 1);
    String override = at.path().replace("[", ".").replace("]", "") + "={" + last + ": {...}}";
    String mend =
        right.containsAll(found)
            ? "keep one of them (an override takes the place of all of it: --set '"
                + override
                + "')"
            : "indent what belongs to '"
                + found.get(0)
                + "' further than its name"
                + around(at.path());
    add(
        at,
        mapping.entries().get(last).keyPlace(),
        "expected one name with its keys, found " + String.join(", ", found) + "; " + mend);
  }

  /** A key may be meant for the mapping around this one; there is none around an item of a list. */
  private static String around(String path) {
    int end = path.lastIndexOf('.');
    return end < 0 || path.endsWith("]")
        ? ""
        : ", and what belongs to '" + path.substring(0, end) + "' less";
  }

  static String didYouMean(Optional<String> nearest) {
    return nearest.map(name -> "; did you mean '" + name + "'?").orElse("");
  }

  private void add(Spot at, Place place, String message) {
    problems.add(ConfigProblem.of(place, at.path(), message));
  }
}
