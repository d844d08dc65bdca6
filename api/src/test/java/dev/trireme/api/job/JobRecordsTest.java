package dev.trireme.api.job;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

class JobRecordsTest {
  private static final List<LayerSpec> LAYERS = List.of(new LayerSpec.Linear(10, true));
  private static final Optional<String> NONE = Optional.empty();

  /** What is made, the key at fault, and what the message must say. */
  static Stream<Arguments> contradictions() {
    return Stream.of(
        refuses(() -> job("", 2), "name", "1 to 64 letters", "found ''"),
        refuses(() -> job("a b", 2), "name", "found 'a b'"),
        refuses(() -> job("../up", 2), "name", "found '../up'"),
        refuses(() -> job("..", 2), "name", "found '..'"),
        refuses(() -> job("x".repeat(65), 2), "name", "1 to 64"),
        refuses(() -> job("ok", 129), "parallel.workers", "(129)", "(128)", "data.batchSize"),
        refuses(() -> new ModelSpec(List.of(), NONE, NONE, NONE), "", "exactly one", "found 0"),
        refuses(
            () -> new ModelSpec(LAYERS, Optional.of("m.pt"), NONE, NONE),
            "",
            "exactly one",
            "'layers', 'torchscript' and 'class'",
            "found 2"),
        refuses(
            () -> new ModelSpec(LAYERS, Optional.of("m.pt"), Optional.of("a.B"), NONE),
            "",
            "found 3"),
        refuses(
            () -> new ModelSpec(LAYERS, NONE, NONE, Optional.of("m.jar")),
            "jar",
            "beside 'class'",
            "remove it"),
        refuses(() -> train(Optional.empty(), Optional.empty()), "", "'epochs' or 'steps'"),
        refuses(
            () -> new OptimizerSpec.Sgd(0.1, 0, true, 0), "nesterov", "momentum above 0", "0.9"),
        refuses(() -> reshape(), "shape", "sizes of 1 or more", "[]"),
        refuses(() -> reshape(0), "shape", "[0]"),
        refuses(() -> reshape(3, -2), "shape", "[3, -2]"),
        refuses(() -> reshape(-1, -1), "shape", "at most one -1", "[-1, -1]"),
        refuses(() -> new LayerSpec.Residual(List.of()), "layers", "at least one layer"),
        refuses(() -> new DataSpec.NormalizeSpec(0.5, 0), "std", "above 0", "found 0.0"),
        refuses(() -> new DataSpec.NormalizeSpec(0.5, -1), "std", "found -1.0"),
        refuses(() -> new DataSpec.NormalizeSpec(0.5, Double.NaN), "std", "found NaN"),
        refuses(() -> new DataSpec.NormalizeSpec(0.5, Double.POSITIVE_INFINITY), "std", "Infinity"),
        refuses(() -> new DataSpec.NormalizeSpec(Double.NaN, 1), "mean", "found NaN"));
  }

  @ParameterizedTest
  @MethodSource("contradictions")
  void shouldRefuseContradiction(ThrowingCallable making, String key, String[] parts) {
    assertThatThrownBy(making)
        .isInstanceOf(SpecException.class)
        .hasMessageContainingAll(parts)
        .satisfies(e -> assertThat(((SpecException) e).key()).isEqualTo(key));
  }

  @Test
  void shouldTakeNamesThatMakeGoodDirectories() {
    for (String name : List.of("a", "mnist-cnn", "A.b_c-9", ".hidden", "x".repeat(64))) {
      assertThat(job(name, 2).name()).isEqualTo(name);
    }
  }

  @Test
  void shouldAllowAWorkerForEachItemOfABatch() {
    assertThat(job("ok", 128).parallel().workers().max()).isEqualTo(128);
  }

  @Test
  void shouldCountStepsByEpochsOrStepsWhicheverEndsFirst() {
    assertThat(train(Optional.of(2), Optional.empty()).totalSteps(60_000, 128)).isEqualTo(938);
    assertThat(train(Optional.of(1), Optional.empty()).totalSteps(128, 128)).isEqualTo(1);
    assertThat(train(Optional.of(1), Optional.empty()).totalSteps(129, 128)).isEqualTo(2);
    assertThat(train(Optional.of(3), Optional.empty()).totalSteps(5, 128)).isEqualTo(3);
    assertThat(train(Optional.empty(), Optional.of(7L)).totalSteps(60_000, 128)).isEqualTo(7);
    assertThat(train(Optional.of(2), Optional.of(7L)).totalSteps(60_000, 128)).isEqualTo(7);
    assertThat(train(Optional.of(2), Optional.of(999L)).totalSteps(60_000, 128)).isEqualTo(938);
    assertThat(
            train(Optional.of(Integer.MAX_VALUE), Optional.empty())
                .totalSteps(Integer.MAX_VALUE, 1))
        .isEqualTo((long) Integer.MAX_VALUE * Integer.MAX_VALUE);
  }

  @Test
  void shouldNotFollowListsThatChangeLater() {
    List<LayerSpec> layers = new ArrayList<>(LAYERS);
    ModelSpec model = new ModelSpec(layers, NONE, NONE, NONE);
    LayerSpec.Residual residual = new LayerSpec.Residual(layers);
    List<Long> sizes = new ArrayList<>(List.of(1L, 2L));
    LayerSpec.Reshape reshape = new LayerSpec.Reshape(sizes);
    layers.clear();
    sizes.clear();

    assertThat(model.layers()).hasSize(1);
    assertThat(residual.layers()).hasSize(1);
    assertThat(reshape.shape()).containsExactly(1L, 2L);
  }

  @Test
  void shouldListTheFilesOfItsDataSets() {
    DatasetSpec train = new DatasetSpec.Idx("a", "b");
    assertThat(data(train, Optional.of(new DatasetSpec.Idx("c", "d"))).files())
        .containsExactly("a", "b", "c", "d");
    assertThat(data(train, Optional.of(new DatasetSpec.Strokes(5, 2))).files())
        .containsExactly("a", "b");
  }

  /**
   * What readers of YAML, schema and help are built on: every choice names its variants, every key
   * is described, and a shorthand is a key that exists.
   */
  @ParameterizedTest
  @MethodSource("choices")
  void shouldDescribeEveryKeyOfEveryVariant(Class<?> choice) {
    for (Class<?> variant : choice.getPermittedSubclasses()) {
      Variant description = variant.getAnnotation(Variant.class);
      assertThat(description).as("%s has @Variant", variant).isNotNull();
      assertThat(description.value()).matches("[a-z0-9-]+");
      assertThat(description.doc()).isNotBlank();
      for (var component : variant.getRecordComponents()) {
        assertThat(component.getAnnotation(Key.class)).as("@Key on %s", component).isNotNull();
      }
      if (!description.shorthand().isEmpty()) {
        assertThat(variant.getRecordComponents())
            .extracting(c -> c.getName())
            .contains(description.shorthand());
      }
    }
    assertThat(choice.getPermittedSubclasses())
        .extracting(variant -> variant.getAnnotation(Variant.class).value())
        .doesNotHaveDuplicates();
  }

  static Stream<Class<?>> choices() {
    return Stream.of(LayerSpec.class, OptimizerSpec.class, ScheduleSpec.class, DatasetSpec.class);
  }

  @Test
  void shouldNameLayersAsInYaml() {
    assertThat(new LayerSpec.Relu().kind()).isEqualTo("relu");
    assertThat(new LayerSpec.Conv2d(1, 1, 1, 0, true).kind()).isEqualTo("conv2d");
  }

  private static Arguments refuses(ThrowingCallable making, String key, String... parts) {
    return Arguments.of(making, key, parts);
  }

  private static LayerSpec reshape(long... sizes) {
    return new LayerSpec.Reshape(Arrays.stream(sizes).boxed().toList());
  }

  @Test
  void shouldKeepEverythingElseOnAnotherDevice() {
    JobSpec plain = job("ok", 2);
    ParallelSpec parallel =
        new ParallelSpec(
            new WorkerCount(2, 2),
            ParallelSpec.DeviceKind.AUTO,
            ParallelSpec.SyncKind.PARAMETER_SERVER,
            Optional.of(3),
            2 << 20,
            1 << 20,
            7,
            new CompressionSpec.None(),
            List.of(),
            ParallelSpec.BackendKind.AERON,
            Optional.of(new ParameterServerSpec(3, 1, new ConsistencySpec.Ssp(4), true)));
    JobSpec job =
        new JobSpec(
            "served",
            plain.model(),
            Optional.empty(),
            plain.data(),
            plain.train(),
            parallel,
            plain.checkpoint(),
            plain.failurePolicy(),
            new QueueSpec(5, QueueSpec.Placing.SPREAD));

    JobSpec moved = job.on(ParallelSpec.DeviceKind.CPU);

    assertThat(moved.parallel().device()).isEqualTo(ParallelSpec.DeviceKind.CPU);
    assertThat(moved).usingRecursiveComparison().ignoringFields("parallel.device").isEqualTo(job);
  }

  private static TrainSpec train(Optional<Integer> epochs, Optional<Long> steps) {
    return new TrainSpec(
        epochs,
        steps,
        1,
        LossKind.CROSS_ENTROPY,
        new OptimizerSpec.Sgd(0.1, 0, false, 0),
        new ScheduleSpec.Constant(),
        0,
        Optional.empty());
  }

  private static DataSpec data(DatasetSpec train, Optional<DatasetSpec> eval) {
    return new DataSpec(train, eval, ".", 128, 500, 2, Optional.empty());
  }

  private static JobSpec job(String name, int workers) {
    return new JobSpec(
        name,
        new ModelSpec(LAYERS, NONE, NONE, NONE),
        Optional.empty(),
        data(new DatasetSpec.Strokes(1000, 1), Optional.empty()),
        train(Optional.of(1), Optional.empty()),
        new ParallelSpec(
            new WorkerCount(1, workers),
            ParallelSpec.DeviceKind.CPU,
            ParallelSpec.SyncKind.ALLREDUCE,
            Optional.empty(),
            1 << 20,
            1 << 20,
            60),
        new CheckpointSpec(Optional.empty(), 3, NONE, NONE));
  }
}
