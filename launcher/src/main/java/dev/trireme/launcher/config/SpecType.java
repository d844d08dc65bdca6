package dev.trireme.launcher.config;

import dev.trireme.api.job.Choice;
import dev.trireme.api.job.Key;
import dev.trireme.api.job.Variant;
import dev.trireme.api.job.WorkerCount;
import java.lang.annotation.Annotation;
import java.lang.reflect.AnnotatedElement;
import java.lang.reflect.ParameterizedType;
import java.lang.reflect.RecordComponent;
import java.lang.reflect.Type;
import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;

/**
 * What a key of a job spec takes, read off the records by reflection: the one description from
 * which the reader, the writer and the JSON Schema all work. What a type is made of is looked up
 * only when it is asked for, because layers nest in themselves.
 */
sealed interface SpecType {
  /** Any text. */
  record Text() implements SpecType {}

  /** True or false. */
  record Flag() implements SpecType {}

  /**
   * A whole number.
   *
   * @param wide whether it is a {@code long} and not an {@code int}
   * @param size whether it may be written as {@code 4k}, {@code 25m}, {@code 1g}
   * @param auto whether {@link #AUTO} may stand for it, which is 0 then
   */
  record Whole(long min, long max, boolean wide, boolean size, boolean auto) implements SpecType {
    static final String AUTO = "auto";
  }

  /** A finite real number; infinite bounds mean none. */
  record Real(double min, boolean exclusiveMin, double max) implements SpecType {}

  /** One of some words, each of which stands for a constant of an enum. */
  record Word(Map<String, Object> words) implements SpecType {}

  /** {@code 2} or {@code "1:4"}. */
  record Workers() implements SpecType {}

  /** A list of values of one type. */
  record ListOf(Type elementType, Optional<Key> key) implements SpecType {
    SpecType element() {
      return SpecType.of(elementType, key);
    }

    /** Whether the name of a file with the list may stand for it. */
    boolean orFile() {
      return key.map(Key::file).orElse(false);
    }
  }

  /** The keys of a record. */
  record Keys(Class<?> record) implements SpecType {
    List<Field> fields() {
      return Known.FIELDS.get(record);
    }

    List<String> names() {
      return fields().stream().map(Field::name).toList();
    }
  }

  /** One of the records of a sealed interface. */
  record OneOf(Class<?> choice) implements SpecType {
    /** The key that names the variant from among the variant's own keys, where it is so written. */
    Optional<String> selector() {
      return Optional.ofNullable(choice.getAnnotation(Choice.class)).map(Choice::value);
    }

    /** The variants by name, in the order of their declaration. */
    Map<String, VariantType> variants() {
      return Known.VARIANTS.get(choice);
    }

    static String nameOf(Class<?> variant) {
      return annotation(variant, Variant.class).value();
    }
  }

  /**
   * What was read off a class before. The JVM reads annotations anew from each copy of a record
   * component that it hands out, which would cost a start tens of milliseconds.
   */
  final class Known {
    private static final ClassValue<List<Field>> FIELDS =
        new ClassValue<>() {
          @Override
          protected List<Field> computeValue(Class<?> record) {
            return Arrays.stream(record.getRecordComponents()).map(Field::new).toList();
          }
        };

    private static final ClassValue<Map<String, VariantType>> VARIANTS =
        new ClassValue<>() {
          @Override
          protected Map<String, VariantType> computeValue(Class<?> choice) {
            Map<String, VariantType> variants = new LinkedHashMap<>();
            for (Class<?> permitted : choice.getPermittedSubclasses()) {
              variants.put(OneOf.nameOf(permitted), new VariantType(permitted));
            }
            return Collections.unmodifiableMap(variants);
          }
        };

    private Known() {}
  }

  /** A variant of a choice. */
  record VariantType(Class<?> record) {
    Keys keys() {
      return new Keys(record);
    }

    String doc() {
      return annotation(record, Variant.class).doc();
    }

    /** Whether its name alone can be meant: no key must be given, nor is a list the point of it. */
    boolean standsAlone() {
      return keys().fields().stream()
          .noneMatch(f -> f.required() || f.component().getType() == List.class);
    }

    /** The key that a bare value fills. */
    Optional<Field> shorthand() {
      String name = annotation(record, Variant.class).shorthand();
      return keys().fields().stream().filter(f -> f.component().getName().equals(name)).findAny();
    }
  }

  /** A key of a record. */
  record Field(RecordComponent component) {
    Key key() {
      return annotation(component, Key.class);
    }

    String name() {
      return key().name().isEmpty() ? component.getName() : key().name();
    }

    boolean optional() {
      return component.getType() == Optional.class;
    }

    /** What stands in where the key is not given, as YAML. */
    Optional<String> defaultValue() {
      return Optional.of(key().defaultValue()).filter(text -> !text.isEmpty());
    }

    boolean required() {
      return !optional() && component.getType() != List.class && defaultValue().isEmpty();
    }

    SpecType type() {
      Type type = component.getGenericType();
      return SpecType.of(optional() ? argument(type) : type, Optional.of(key()));
    }
  }

  /** The type of a value whose Java type is this, with the bounds of its key. */
  static SpecType of(Type type, Optional<Key> key) {
    if (type instanceof ParameterizedType list && list.getRawType() == List.class) {
      return new ListOf(argument(list), key);
    }
    Class<?> raw = (Class<?>) type;
    if (raw == String.class) {
      return new Text();
    }
    if (raw == boolean.class || raw == Boolean.class) {
      return new Flag();
    }
    if (raw == WorkerCount.class) {
      return new Workers();
    }
    if (raw.isRecord()) {
      return new Keys(raw);
    }
    if (raw.isEnum()) {
      return new Word(words(raw));
    }
    if (raw.isSealed()) {
      return new OneOf(raw);
    }
    return number(raw, key);
  }

  private static SpecType number(Class<?> raw, Optional<Key> key) {
    double min = key.map(Key::min).orElse(Double.NEGATIVE_INFINITY);
    double max = key.map(Key::max).orElse(Double.POSITIVE_INFINITY);
    if (raw == int.class || raw == Integer.class) {
      return new Whole(
          (long) Math.max(min, Integer.MIN_VALUE),
          (long) Math.min(max, Integer.MAX_VALUE),
          false,
          key.map(Key::size).orElse(false),
          false);
    }
    if (raw == long.class || raw == Long.class) {
      // A double cast to long saturates, so that no bound becomes the widest one.
      return new Whole(
          (long) min,
          (long) max,
          true,
          key.map(Key::size).orElse(false),
          key.map(Key::auto).orElse(false));
    }
    if (raw == double.class || raw == Double.class) {
      return new Real(min, key.map(Key::exclusiveMin).orElse(false), max);
    }
    throw new IllegalStateException("a job spec has no way to write a " + raw.getName());
  }

  private static Map<String, Object> words(Class<?> raw) {
    return Arrays.stream(raw.getEnumConstants())
        .collect(
            Collectors.toMap(
                SpecType::word, constant -> constant, (a, b) -> a, LinkedHashMap::new));
  }

  /** The word for a constant of an enum: lower case with dashes. */
  static String word(Object constant) {
    return ((Enum<?>) constant).name().toLowerCase(Locale.ROOT).replace('_', '-');
  }

  private static Type argument(Type parameterized) {
    return ((ParameterizedType) parameterized).getActualTypeArguments()[0];
  }

  private static <A extends Annotation> A annotation(AnnotatedElement element, Class<A> type) {
    A annotation = element.getAnnotation(type);
    if (annotation == null) {
      throw new IllegalStateException(element + " needs a @" + type.getSimpleName());
    }
    return annotation;
  }
}
