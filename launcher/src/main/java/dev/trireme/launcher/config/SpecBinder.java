package dev.trireme.launcher.config;

import dev.trireme.api.job.SpecException;
import dev.trireme.launcher.config.Faults.Spot;
import dev.trireme.launcher.config.YamlNode.Entry;
import dev.trireme.launcher.config.YamlNode.Mapping;
import dev.trireme.launcher.config.YamlNode.Scalar;
import dev.trireme.launcher.config.YamlNode.Sequence;
import java.lang.reflect.Constructor;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.RecordComponent;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Turns YAML, its short forms written in full, into records, and notes everything that does not
 * fit. It goes on after a fault, so that one reading finds all of them; a record is made, and so
 * checks itself, only when each of its parts was right.
 */
final class SpecBinder {
  private final Faults faults;

  SpecBinder(Faults faults) {
    this.faults = faults;
  }

  /** The value, or nothing when it had faults, which have then been noted. */
  Optional<Object> bind(YamlNode node, SpecType type, Spot at) {
    if (type instanceof SpecType.Keys keys) {
      return keys(node, keys, at, List.of());
    }
    if (type instanceof SpecType.OneOf choice) {
      return choice.selector().isPresent()
          ? selected(node, choice, choice.selector().get(), at)
          : named(node, choice, at);
    }
    if (type instanceof SpecType.ListOf list) {
      return list(node, list, at);
    }
    if (!(node instanceof Scalar scalar)) {
      faults.mismatch(node, type, at);
      return Optional.empty();
    }
    ScalarReader.Reading reading = ScalarReader.read(scalar, type);
    if (reading.value().isEmpty()) {
      faults.refused(node, reading, at);
    }
    return reading.value();
  }

  private Optional<Object> list(YamlNode node, SpecType.ListOf type, Spot at) {
    if (!(node instanceof Sequence sequence)) {
      faults.mismatch(node, type, at);
      return Optional.empty();
    }
    SpecType element = type.element();
    List<Object> bound = new ArrayList<>();
    for (int i = 0; i < sequence.items().size(); i++) {
      YamlNode item = sequence.items().get(i);
      bind(item, element, at.item(i, item.place())).ifPresent(bound::add);
    }
    return bound.size() == sequence.items().size() ? Optional.of(bound) : Optional.empty();
  }

  /**
   * A record.
   *
   * @param others keys that may stand beside the record's own
   */
  private Optional<Object> keys(YamlNode node, SpecType.Keys type, Spot at, List<String> others) {
    if (!(node instanceof Mapping mapping)) {
      faults.mismatch(node, type, at);
      return Optional.empty();
    }
    int before = faults.count();
    Map<String, Entry> misspelt = unknownKeys(mapping, type, at, others);
    List<SpecType.Field> fields = type.fields();
    Object[] values = new Object[fields.size()];
    for (int i = 0; i < values.length; i++) {
      SpecType.Field field = fields.get(i);
      Entry entry = mapping.entries().get(field.name());
      if (entry != null && !leftOut(entry.value(), field)) {
        Spot spot = at.key(field.name(), entry.keyPlace());
        Optional<Object> value = bind(entry.value(), field.type(), spot);
        values[i] = field.optional() ? value : value.orElse(null);
      } else if (entry == null && misspelt.containsKey(field.name())) {
        // What is below a misspelt key may have faults of its own; the value is of no use.
        Entry meant = misspelt.get(field.name());
        YamlNode value = ShortForms.expand(meant.value(), field.type());
        bind(value, field.type(), at.key(field.name(), meant.keyPlace()));
      } else if (!field.required()) {
        values[i] = absent(field);
      } else {
        faults.missingKey(field, at);
      }
    }
    return faults.count() == before ? make(type, values, mapping, at) : Optional.empty();
  }

  /** An explicit null means the same as leaving the key out, so that an override can remove it. */
  private static boolean leftOut(YamlNode value, SpecType.Field field) {
    return !field.required() && value instanceof Scalar s && s.meaning() == YamlNode.Meaning.NULL;
  }

  /** The value of a key that is not given: its default, nothing, or an empty list. */
  private static Object absent(SpecType.Field field) {
    if (field.optional()) {
      return Optional.empty();
    }
    Optional<String> text = field.defaultValue();
    if (text.isEmpty()) {
      return List.of();
    }
    Place place = Place.InFile.whole("default of " + field.name());
    List<ConfigProblem> problems = new ArrayList<>();
    SpecBinder binder = new SpecBinder(new Faults(problems));
    return YamlReader.readValue(text.get(), place, problems)
        .map(node -> ShortForms.expand(node, field.type()))
        .flatMap(node -> binder.bind(node, field.type(), new Spot("", place)))
        .orElseThrow(() -> new IllegalStateException("a default does not fit: " + problems));
  }

  /** Notes keys that do not belong here, and returns them by the names that were suggested. */
  private Map<String, Entry> unknownKeys(
      Mapping mapping, SpecType.Keys type, Spot at, List<String> others) {
    List<String> right = new ArrayList<>(others);
    right.addAll(type.names());
    Map<String, Entry> suggested = new HashMap<>();
    for (Map.Entry<String, Entry> entry : mapping.entries().entrySet()) {
      if (!right.contains(entry.getKey())) {
        Optional<String> nearest = NearestName.of(entry.getKey(), right);
        nearest.ifPresent(name -> suggested.put(name, entry.getValue()));
        faults.unknownKey(entry.getKey(), entry.getValue(), right, nearest, at);
      }
    }
    return suggested;
  }

  /** A variant whose name is the single key around its own keys. */
  private Optional<Object> named(YamlNode node, SpecType.OneOf type, Spot at) {
    Map<String, SpecType.VariantType> variants = type.variants();
    if (!(node instanceof Mapping mapping) || mapping.entries().isEmpty()) {
      String name = node instanceof Scalar s ? s.text() : "";
      faults.unknownName(node.found(), name, node.place(), variants.keySet(), at);
      return Optional.empty();
    }
    if (mapping.entries().size() > 1) {
      faults.severalNames(mapping, variants.keySet(), at);
      return Optional.empty();
    }
    String name = mapping.entries().keySet().iterator().next();
    Entry only = mapping.entries().get(name);
    if (!variants.containsKey(name)) {
      faults.unknownName("'" + name + "'", name, only.keyPlace(), variants.keySet(), at);
      return Optional.empty();
    }
    Spot inside = at.key(name, only.keyPlace());
    return keys(only.value(), variants.get(name).keys(), inside, List.of());
  }

  /** A variant whose name stands beside its own keys. */
  private Optional<Object> selected(YamlNode node, SpecType.OneOf type, String selector, Spot at) {
    Map<String, SpecType.VariantType> variants = type.variants();
    if (!(node instanceof Mapping mapping)) {
      faults.noSelector(selector, node, type, at);
      return Optional.empty();
    }
    Entry entry = mapping.entries().get(selector);
    if (entry == null) {
      faults.missingSelector(selector, mapping, type, at);
      return Optional.empty();
    }
    YamlNode value = entry.value();
    String name = value instanceof Scalar s ? s.text() : "";
    if (!variants.containsKey(name)) {
      Spot spot = at.key(selector, entry.keyPlace());
      faults.unknownName(value.found(), name, value.place(), variants.keySet(), spot);
      return Optional.empty();
    }
    return keys(mapping, variants.get(name).keys(), at, List.of(selector));
  }

  private Optional<Object> make(SpecType.Keys type, Object[] values, Mapping mapping, Spot at) {
    Class<?>[] parameters =
        Arrays.stream(type.record().getRecordComponents())
            .map(RecordComponent::getType)
            .toArray(Class<?>[]::new);
    try {
      Constructor<?> constructor = type.record().getDeclaredConstructor(parameters);
      return Optional.of(constructor.newInstance(values));
    } catch (InvocationTargetException e) {
      if (e.getCause() instanceof SpecException refusal) {
        KeyPaths.Found found = KeyPaths.locate(mapping, refusal.key(), at.path(), at.place());
        faults.add(ConfigProblem.of(found.place(), found.path(), refusal.getMessage()));
        return Optional.empty();
      }
      throw new IllegalStateException("cannot make " + type.record().getName(), e.getCause());
    } catch (ReflectiveOperationException e) {
      throw new IllegalStateException("cannot make " + type.record().getName(), e);
    }
  }
}
