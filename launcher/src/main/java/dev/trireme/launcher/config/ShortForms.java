package dev.trireme.launcher.config;

import dev.trireme.launcher.config.YamlNode.Entry;
import dev.trireme.launcher.config.YamlNode.Mapping;
import dev.trireme.launcher.config.YamlNode.Scalar;
import dev.trireme.launcher.config.YamlNode.Sequence;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Writes every short form in full, each part keeping its place: {@code relu} becomes {@code relu:
 * {}}, {@code maxpool2d: 2} becomes {@code maxpool2d: {kernel: 2}}, a section without content
 * becomes {@code {}}. So an override can reach into a short form, and the binder meets one form
 * only. What it does not understand it leaves as it is, for the binder to refuse.
 */
final class ShortForms {
  private ShortForms() {}

  static YamlNode expand(YamlNode node, SpecType type) {
    if (type instanceof SpecType.Keys keys) {
      return keys(node, keys);
    }
    if (type instanceof SpecType.ListOf list && node instanceof Sequence sequence) {
      SpecType element = list.element();
      List<YamlNode> items = sequence.items().stream().map(i -> expand(i, element)).toList();
      return new Sequence(items, sequence.place());
    }
    if (type instanceof SpecType.OneOf choice) {
      return choice.selector().isPresent()
          ? selected(node, choice, choice.selector().get())
          : named(node, choice);
    }
    return node;
  }

  private static YamlNode keys(YamlNode node, SpecType.Keys keys) {
    if (isEmpty(node)) {
      return Mapping.empty(node.place());
    }
    if (!(node instanceof Mapping mapping)) {
      return node;
    }
    Map<String, Entry> entries = new LinkedHashMap<>(mapping.entries());
    for (SpecType.Field field : keys.fields()) {
      entries.computeIfPresent(
          field.name(), (name, entry) -> new Entry(entry.keyPlace(), value(entry, field)));
    }
    return new Mapping(entries, mapping.place());
  }

  /** An explicit null takes a key out, so it is no short form of anything. */
  private static YamlNode value(Entry entry, SpecType.Field field) {
    boolean optionalAndEmpty = field.optional() && isEmpty(entry.value());
    return optionalAndEmpty ? entry.value() : expand(entry.value(), field.type());
  }

  private static YamlNode selected(YamlNode node, SpecType.OneOf choice, String selector) {
    if (node instanceof Mapping mapping
        && mapping.value(selector).orElse(node) instanceof Scalar name
        && choice.variants().containsKey(name.text())) {
      return keys(mapping, choice.variants().get(name.text()).keys());
    }
    return node;
  }

  private static YamlNode named(YamlNode node, SpecType.OneOf choice) {
    if (node instanceof Scalar name && choice.variants().containsKey(name.text())) {
      return Mapping.empty(name.place())
          .with(name.text(), new Entry(name.place(), Mapping.empty(name.place())));
    }
    if (!(node instanceof Mapping mapping)) {
      return node;
    }
    Map<String, Entry> entries = new LinkedHashMap<>(mapping.entries());
    choice
        .variants()
        .forEach(
            (name, variant) ->
                entries.computeIfPresent(
                    name, (n, entry) -> new Entry(entry.keyPlace(), content(entry, variant))));
    return new Mapping(entries, mapping.place());
  }

  private static YamlNode content(Entry entry, SpecType.VariantType variant) {
    YamlNode value = entry.value();
    Optional<SpecType.Field> shorthand = variant.shorthand();
    if (shorthand.isPresent() && !(value instanceof Mapping) && !value.isAbsent()) {
      SpecType.Field field = shorthand.get();
      Entry only = new Entry(value.place(), expand(value, field.type()));
      return Mapping.empty(value.place()).with(field.name(), only);
    }
    return keys(value, variant.keys());
  }

  private static boolean isEmpty(YamlNode node) {
    return node instanceof Scalar s && s.meaning() == YamlNode.Meaning.EMPTY;
  }
}
