package dev.trireme.launcher.config;

import dev.trireme.api.job.AlgorithmRow;
import dev.trireme.api.job.JobSpec;
import dev.trireme.api.job.LayerSpec;
import dev.trireme.api.job.ModelSpec;
import dev.trireme.api.job.SpecException;
import dev.trireme.api.job.WorkerCount;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.RecordComponent;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.function.Supplier;

/**
 * Job specs of every shape, made from the same description as the reader's, so that a key added to
 * the records is in them from its first day.
 */
final class RandomJobs {
  private static final int DEPTH = 2;
  private static final int TRIES = 1000;

  /** Text that YAML would take for something else, or that has a meaning in its syntax. */
  private static final List<String> TRAPS =
      List.of(
          "true",
          "Null",
          "~",
          "1e3",
          "0x10",
          ".inf",
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
          "<<",
          "=",
          "1:2",
          "---",
          "?",
          "a\u2028b",
          "\ud83d\ude00");

  private static final List<String> NAMES = List.of("a", "1", "1.5", "true", "null", "a-b_c.d");
  private static final List<Double> REALS = List.of(1e-8, 0.1, 1.0 / 3, Double.MIN_VALUE, 1.0, 0.5);

  private final Random random;

  private RandomJobs(long seed) {
    this.random = new Random(seed);
  }

  static JobSpec job(long seed) {
    return (JobSpec) new RandomJobs(seed).keys(new SpecType.Keys(JobSpec.class), DEPTH);
  }

  private Object of(SpecType type, int depth) {
    if (type instanceof SpecType.Keys keys) {
      return keys.record() == ModelSpec.class ? model() : keys(keys, depth);
    }
    if (type instanceof SpecType.OneOf choice) {
      return oneOf(choice, depth);
    }
    if (type instanceof SpecType.ListOf list && list.orFile()) {
      return random.nextBoolean() ? List.of() : algorithms();
    }
    if (type instanceof SpecType.ListOf list) {
      return several(() -> of(list.element(), depth));
    }
    if (type instanceof SpecType.Word word) {
      return any(List.copyOf(word.words().values()));
    }
    if (type instanceof SpecType.Whole whole) {
      boolean auto = whole.auto() && random.nextInt(4) == 0;
      long number = auto ? 0 : whole(whole.min(), whole.max());
      return whole.wide() ? (Object) number : (Object) (int) number;
    }
    if (type instanceof SpecType.Real real) {
      return real(real);
    }
    if (type instanceof SpecType.Workers) {
      int min = 1 + random.nextInt(4);
      return new WorkerCount(min, min + random.nextInt(3));
    }
    return type instanceof SpecType.Flag ? (Object) random.nextBoolean() : text();
  }

  /** A table as it must be, for any rows would rarely make one. */
  private List<AlgorithmRow> algorithms() {
    int ranks = 1 + random.nextInt(4);
    Optional<Long> limit = Optional.of(1 + random.nextLong(AlgorithmRow.DIRECT_BYTES));
    return List.of(
        new AlgorithmRow(ranks, limit, any(List.of(AlgorithmRow.Algorithm.values()))),
        new AlgorithmRow(ranks, Optional.empty(), AlgorithmRow.Algorithm.HALVING_DOUBLING),
        new AlgorithmRow(4096, Optional.empty(), AlgorithmRow.Algorithm.RING));
  }

  private String text() {
    if (random.nextBoolean()) {
      return any(TRAPS);
    }
    StringBuilder text = new StringBuilder();
    random.ints(1 + random.nextInt(12), ' ', 0x7f).forEach(text::appendCodePoint);
    return text.toString().isBlank() ? "x" : text.toString();
  }

  /** The bounds themselves, numbers of which a size has a short form, or any others between. */
  private long whole(long min, long max) {
    long number =
        switch (random.nextInt(4)) {
          case 0 -> min;
          case 1 -> max;
          case 2 -> 1024L << random.nextInt(20);
          default -> random.nextLong();
        };
    return number < min || number > max ? random.nextLong(min, max) : number;
  }

  private double real(SpecType.Real real) {
    double low = Math.max(real.min(), -1e300);
    double high = Math.min(real.max(), 1e300);
    double number = random.nextBoolean() ? any(REALS) : low + random.nextDouble() * (high - low);
    boolean fits = number <= high && (real.exclusiveMin() ? number > low : number >= low);
    return fits ? number : high;
  }

  private Object oneOf(SpecType.OneOf choice, int depth) {
    List<SpecType.VariantType> variants =
        choice.variants().values().stream()
            .filter(v -> depth > 0 || v.record() != LayerSpec.Residual.class)
            .toList();
    return keys(any(variants).keys(), depth - 1);
  }

  private ModelSpec model() {
    Optional<String> none = Optional.empty();
    return switch (random.nextInt(4)) {
      case 0 -> new ModelSpec(List.of(), Optional.of(text()), none, none);
      case 1 -> new ModelSpec(List.of(), none, Optional.of(text()), Optional.of(text()));
      default ->
          new ModelSpec(
              several(() -> (LayerSpec) oneOf(new SpecType.OneOf(LayerSpec.class), DEPTH)),
              none,
              none,
              none);
    };
  }

  /** A record; another one where its parts contradict each other. */
  private Object keys(SpecType.Keys keys, int depth) {
    for (int i = 0; i < TRIES; i++) {
      Object[] values = keys.fields().stream().map(f -> field(keys, f, depth)).toArray();
      Optional<Object> made = make(keys.record(), values);
      if (made.isPresent()) {
        return made.get();
      }
    }
    throw new IllegalStateException("no way found to make a " + keys.record().getSimpleName());
  }

  private Object field(SpecType.Keys keys, SpecType.Field field, int depth) {
    if (keys.record() == JobSpec.class && field.name().equals("name")) {
      return any(NAMES);
    }
    if (field.optional()) {
      return random.nextBoolean() ? Optional.empty() : Optional.of(of(field.type(), depth));
    }
    return of(field.type(), depth);
  }

  private static Optional<Object> make(Class<?> record, Object[] values) {
    Class<?>[] types =
        Arrays.stream(record.getRecordComponents())
            .map(RecordComponent::getType)
            .toArray(Class<?>[]::new);
    try {
      return Optional.of(record.getDeclaredConstructor(types).newInstance(values));
    } catch (InvocationTargetException e) {
      if (e.getCause() instanceof SpecException) {
        return Optional.empty();
      }
      throw new IllegalStateException(e.getCause());
    } catch (ReflectiveOperationException e) {
      throw new IllegalStateException(e);
    }
  }

  private <T> List<T> several(Supplier<T> one) {
    List<T> list = new ArrayList<>();
    for (int i = random.nextInt(4); i >= 0; i--) {
      list.add(one.get());
    }
    return list;
  }

  private <T> T any(List<T> list) {
    return list.get(random.nextInt(list.size()));
  }
}
