package dev.trireme.launcher.config;

import dev.trireme.api.job.JobSpec;
import dev.trireme.api.job.LayerSpec;
import dev.trireme.api.job.ModelSpec;
import dev.trireme.api.job.SpecException;
import dev.trireme.api.job.WorkerCount;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.RecordComponent;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;

/**
 * Job specs of every shape, made from the same description as the reader's, so that a key added to
 * the records is in them from its first day.
 */
final class SpecArbitraries {
  private static final int DEPTH = 2;

  private SpecArbitraries() {}

  static Arbitrary<JobSpec> jobs() {
    return keys(new SpecType.Keys(JobSpec.class), DEPTH).map(JobSpec.class::cast);
  }

  private static Arbitrary<?> of(SpecType type, int depth) {
    if (type instanceof SpecType.Keys keys) {
      return keys.record() == ModelSpec.class ? models() : keys(keys, depth);
    }
    if (type instanceof SpecType.OneOf choice) {
      return oneOf(choice, depth);
    }
    if (type instanceof SpecType.ListOf list) {
      return of(list.element(), depth).list().ofMinSize(1).ofMaxSize(4);
    }
    if (type instanceof SpecType.Word word) {
      return Arbitraries.of(word.words().values());
    }
    if (type instanceof SpecType.Whole whole) {
      return whole.wide()
          ? Arbitraries.longs().between(whole.min(), whole.max())
          : Arbitraries.integers().between((int) whole.min(), (int) whole.max());
    }
    if (type instanceof SpecType.Real real) {
      return real(real);
    }
    if (type instanceof SpecType.Workers) {
      return Arbitraries.integers()
          .between(1, 9)
          .flatMap(min -> Arbitraries.integers().between(min, 9).map(m -> new WorkerCount(min, m)));
    }
    return type instanceof SpecType.Flag ? Arbitraries.of(true, false) : text();
  }

  /** Text that YAML would take for something else is what is worth trying. */
  private static Arbitrary<String> text() {
    Arbitrary<String> traps =
        Arbitraries.of(
            "true",
            "null",
            "~",
            "1e3",
            "0x10",
            "- a",
            "a: b",
            "#x",
            "a #b",
            "'",
            "\"",
            "&a",
            "*a",
            "!x",
            "{",
            "[",
            "%",
            "@",
            "`",
            "a\\b",
            " lead",
            "trail ",
            "\u00e9\u4e2d",
            "yes",
            "<<");
    return Arbitraries.oneOf(
        traps, Arbitraries.strings().ascii().ofMinLength(1).ofMaxLength(20).filter(s -> isLine(s)));
  }

  private static boolean isLine(String text) {
    return !text.isBlank() && text.chars().noneMatch(Character::isISOControl);
  }

  private static Arbitrary<Double> real(SpecType.Real real) {
    double low = Math.max(real.min(), -1e300);
    double high = Math.min(real.max(), 1e300);
    Arbitrary<Double> between = Arbitraries.doubles().between(low, high).ofScale(9);
    return Arbitraries.oneOf(between, Arbitraries.of(1e-8, 0.1, 1.0 / 3, 5e-324, 1.0))
        .filter(v -> v <= high && (real.exclusiveMin() ? v > low : v >= low))
        .map(v -> v + 0.0);
  }

  private static Arbitrary<?> oneOf(SpecType.OneOf choice, int depth) {
    List<SpecType.VariantType> variants =
        choice.variants().values().stream()
            .filter(v -> depth > 0 || v.record() != LayerSpec.Residual.class)
            .toList();
    return Arbitraries.of(variants).flatMap(v -> keys(v.keys(), depth - 1).map(o -> o));
  }

  private static Arbitrary<ModelSpec> models() {
    Arbitrary<List<LayerSpec>> layers =
        oneOf(new SpecType.OneOf(LayerSpec.class), DEPTH)
            .map(LayerSpec.class::cast)
            .list()
            .ofMinSize(1)
            .ofMaxSize(5);
    return Arbitraries.oneOf(
        layers.map(l -> new ModelSpec(l, Optional.empty(), Optional.empty(), Optional.empty())),
        text()
            .map(t -> new ModelSpec(List.of(), Optional.of(t), Optional.empty(), Optional.empty())),
        text()
            .map(c -> new ModelSpec(List.of(), Optional.empty(), Optional.of(c), Optional.of(c))));
  }

  private static Arbitrary<Object> keys(SpecType.Keys keys, int depth) {
    List<Arbitrary<Object>> values =
        keys.fields().stream().map(field -> field(keys, field, depth)).toList();
    return Combinators.combine(values)
        .as(list -> make(keys.record(), list))
        .filter(Optional::isPresent)
        .map(Optional::get);
  }

  private static Arbitrary<Object> field(SpecType.Keys keys, SpecType.Field field, int depth) {
    if (keys.record() == JobSpec.class && field.name().equals("name")) {
      return Arbitraries.of("a", "1", "1.5", "true", "null", "a-b_c.d").map(s -> s);
    }
    Arbitrary<?> value = of(field.type(), depth);
    return field.optional() ? value.map(v -> v).optional().map(o -> o) : value.map(v -> v);
  }

  /** The record, or nothing where it refuses its parts together. */
  private static Optional<Object> make(Class<?> record, List<Object> values) {
    Class<?>[] types =
        Arrays.stream(record.getRecordComponents())
            .map(RecordComponent::getType)
            .toArray(Class<?>[]::new);
    try {
      return Optional.of(record.getDeclaredConstructor(types).newInstance(values.toArray()));
    } catch (InvocationTargetException e) {
      if (e.getCause() instanceof SpecException) {
        return Optional.empty();
      }
      throw new IllegalStateException(e.getCause());
    } catch (ReflectiveOperationException e) {
      throw new IllegalStateException(e);
    }
  }
}
