package dev.trireme.launcher.config;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;
import static org.assertj.core.api.Assertions.fail;

import dev.trireme.api.data.DataException;
import dev.trireme.api.data.DatasetInfo;
import dev.trireme.api.job.ParallelSpec.DeviceKind;
import dev.trireme.api.job.ParallelSpec.SyncKind;
import dev.trireme.api.job.TrainSpec;
import dev.trireme.api.tensor.DType;
import dev.trireme.api.tensor.Shape;
import dev.trireme.api.train.TrainingProgram;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class JobValidationTest {
  private static final DatasetInfo DIGITS =
      new DatasetInfo(95, Shape.of(1, 28, 28), DType.FLOAT32, 10);
  private static final DatasetInfo WORDS = new DatasetInfo(95, Shape.of(16), DType.INT64, 10);
  private static final DatasetInfo COINS = new DatasetInfo(95, Shape.of(8), DType.FLOAT32, 2);
  private static final DatasetInfo PRICES = new DatasetInfo(95, Shape.of(8), DType.FLOAT32, 0);

  @TempDir Path directory;

  private static ValidatedJob check(DatasetInfo data, String... overrides) {
    return check(spec -> new DataInspector.Sets(data, Optional.empty()), overrides);
  }

  private static ValidatedJob check(DataInspector inspector, String... overrides) {
    return new JobValidation(Capabilities.ofThisVersion(), inspector, 4)
        .check(JobReader.read("job.yaml", JobReaderTest.SMALL, List.of(overrides)));
  }

  private static List<String> refused(DatasetInfo data, String... overrides) {
    return refused(spec -> new DataInspector.Sets(data, Optional.empty()), overrides);
  }

  private static List<String> refused(DataInspector inspector, String... overrides) {
    return catchThrowableOfType(ConfigException.class, () -> check(inspector, overrides))
        .problems()
        .stream()
        .map(p -> p.key() + ": " + p.message())
        .toList();
  }

  @Test
  void shouldRefuseFloat16WithoutAGpu() {
    assertThat(refused(DIGITS, "train.precision=fp16"))
        .containsExactly(
            "train.precision: fp16 is for GPUs only, found parallel.device: auto; set"
                + " parallel.device: cuda, or use bf16, which the CPU has too");
    assertThat(check(DIGITS, "train.precision=bf16").resolved().spec().train().precision())
        .isEqualTo(TrainSpec.Precision.BF16);
    assertThat(refused(DIGITS, "train.deterministic=elastic", "parallel.device=cuda").get(0))
        .startsWith("train.deterministic: elastic gives the same bits on the CPU only");
  }

  @Test
  void shouldTellWhatAValidJobWillDo() {
    ValidatedJob job = check(DIGITS, "train.epochs=3");
    assertThat(job.stepsPerEpoch()).isEqualTo(10);
    assertThat(job.totalSteps()).isEqualTo(30);
    assertThat(job.model().orElseThrow().parameters()).isEqualTo(7850);
    assertThat(job.warnings()).isEmpty();
  }

  @Test
  void shouldRefuseLayersThatCannotTakeTheirInput() {
    assertThat(refused(DIGITS, "model.layers=[flatten, conv2d: {out: 1, kernel: 3}]").get(0))
        .startsWith("model.layers[1]: conv2d at layers[1]: expected an item of channels x height")
        .contains("784");
    assertThat(refused(DIGITS, "model.layers=[residual: [flatten], flatten]").get(0))
        .startsWith("model.layers[0]: residual");
  }

  @Test
  void shouldFindTheLayerInsideABlock() {
    String block = "model.layers=[flatten, residual: [relu, maxpool2d: 2], linear: 10]";
    assertThat(refused(DIGITS, block).get(0))
        .startsWith("model.layers[1].residual.layers[1]: maxpool2d");
  }

  @Test
  void shouldRefuseSizesPastAllBounds() {
    String wide = ", linear: 2147483647";
    assertThat(refused(DIGITS, "model.layers=[flatten" + wide.repeat(4) + "]"))
        .containsExactly(
            "model.layers: the sizes of the layers multiply to more than 64 bits can hold");
    assertThat(refused(DIGITS, "model.layers=[linear: 2147483647]").get(0))
        .startsWith("model.layers[0]: linear at layers[0]: it would turn 1x28x28 into");
  }

  @Test
  void shouldMatchTheOutputWithTheClasses() {
    assertThat(refused(DIGITS, "model.layers.1.linear.out=8"))
        .containsExactly(
            "model.layers[1]: the model gives 8 outputs, the data has 10 classes; end it with"
                + " linear: {out: 10}");
    assertThat(check(DIGITS, "model.layers.1.linear.out=12").model()).isPresent();
    assertThat(refused(DIGITS, "model.layers=[relu]").get(0)).contains("the shape 1x28x28");
  }

  @Test
  void shouldMatchTheLossWithTheLabels() {
    assertThat(refused(DIGITS, "train.loss=mse").get(0)).contains("10 classes; use cross-entropy");
    assertThat(refused(PRICES).get(0)).contains("needs labels that are classes");
    assertThat(check(PRICES, "train.loss=l1").model()).isPresent();
    assertThat(refused(PRICES, "model={class: a.Model}").get(0)).startsWith("train.loss: cross");
  }

  @Test
  void shouldTellTwoClassesApartByOneLogit() {
    String logit = "model.layers.1.linear.out=1";
    assertThat(check(COINS, "train.loss=bce-with-logits", logit).model()).isPresent();
    assertThat(refused(COINS, "train.loss=bce-with-logits").get(0)).contains("by one output");
    assertThat(refused(COINS, "train.loss=mse", logit).get(0)).contains("2 classes; use cross");
  }

  @Test
  void shouldGiveIndicesToEmbeddingsOnly() {
    String embedded = "model.layers=[embedding: {rows: 9, dim: 4}, flatten, linear: 10]";
    assertThat(check(WORDS, embedded).model().orElseThrow().parameters()).isEqualTo(36 + 650);
    assertThat(refused(DIGITS, embedded).get(0)).startsWith("model.layers[0]: embedding expects");
    assertThat(refused(WORDS))
        .containsExactly(
            "model.layers[1]: linear expects real numbers, found integer indices; put an embedding"
                + " first");
    String inside = "model.layers=[flatten, residual: [relu], linear: 10]";
    assertThat(refused(WORDS, inside).get(0))
        .startsWith("model.layers[1].residual.layers[0]: relu");
  }

  @Test
  void shouldWantARowForEachIndex() {
    DatasetInfo ratings = new DatasetInfo(95, Shape.of(2), DType.INT64, 0, 12);
    String table = "model.layers=[factorization: {rows: %d, dim: 4}]";
    assertThat(check(ratings, "train.loss=mse", table.formatted(12)).model().orElseThrow())
        .satisfies(m -> assertThat(m.parameters()).isEqualTo(1 + 12 + 48));
    assertThat(refused(ratings, "train.loss=mse", table.formatted(11)))
        .containsExactly(
            "model.layers[0].factorization.rows: expected a row for each of the 12 indices of the data, found 11;"
                + " set it to 12");
  }

  /** A job on ratings, with these keys of its evaluation set. */
  private static List<String> ratings(String training, String evaluation) {
    DatasetInfo data = new DatasetInfo(95, Shape.of(2), DType.INT64, 0, 12);
    String[] overrides = {
      "train.loss=mse",
      "model.layers=[factorization: {rows: 12, dim: 4}]",
      "data.train={format: ratings, file: a.csv" + training + "}",
      "data.eval={format: ratings" + evaluation + "}"
    };
    try {
      assertThat(check(data, overrides)).isNotNull();
      return List.of();
    } catch (ConfigException e) {
      return e.problems().stream().map(p -> p.key() + ": " + p.message()).toList();
    }
  }

  @Test
  void shouldRefuseRatingsToEvaluateThatDoNotBelongToTheTrainingSet() {
    assertThat(ratings("", ", file: ./a.csv, part: validation")).isEmpty();
    assertThat(ratings(", part: validation", ", file: a.csv")).isEmpty();
    assertThat(ratings("", ", file: b.csv, part: validation"))
        .containsExactly(
            "data.eval.file: expected that of data.train (a.csv), for another file numbers users"
                + " and items otherwise, found b.csv; set it to a.csv");
    assertThat(ratings("", ", file: a.csv"))
        .containsExactly(
            "data.eval.part: expected another part than that of data.train, found the same, so"
                + " that what was trained on is evaluated; set it to validation");
    assertThat(ratings(", part: validation", ", file: a.csv, part: validation"))
        .singleElement()
        .asString()
        .startsWith("data.train.part: expected another part than that of data.eval")
        .endsWith("set it to train");
    assertThat(ratings("", ", file: a.csv, part: validation, heldOut: 5")).isEmpty();
    assertThat(ratings(", heldOut: 5", ", file: a.csv, part: validation, splitSeed: 2"))
        .containsExactly(
            "data.eval.heldOut: expected that of data.train (5), for another split holds out"
                + " ratings that are trained on, found 10; set it to 5",
            "data.eval.splitSeed: expected that of data.train (1), for another split holds out"
                + " ratings that are trained on, found 2; set it to 1");
  }

  @Test
  void shouldRefuseBatchesThatNoRankCanHold() {
    // 6 MiB an item, of which 341 are less than 2 GiB.
    DatasetInfo large = new DatasetInfo(5000, Shape.of(3, 512, 1024), DType.FLOAT32, 10);
    DataInspector both = spec -> new DataInspector.Sets(large, Optional.of(large));
    String eval = "data.eval={format: strokes, items: 100, seed: 2}";
    String layers = "model.layers=[flatten, linear: 10]";
    assertThat(refused(both, eval, layers, "parallel.workers=2", "data.batchSize=683"))
        .containsExactlyInAnyOrder(
            "data.batchSize: expected at most 682 for 2 workers, found 683: one rank can come to"
                + " have 342 items of 3x512x1024 at once, and they must take less than 2 GiB; lower"
                + " it, or raise the fewest workers of parallel.workers",
            "data.evalBatchSize: expected at most 341, found 500: one rank can come to have 500"
                + " items of 3x512x1024 at once, and they must take less than 2 GiB; lower it");
    String fits = "data.evalBatchSize=341";
    assertThat(check(both, eval, layers, fits, "parallel.workers=2", "data.batchSize=682"))
        .isNotNull();
    assertThat(refused(both, eval, layers, fits, "parallel.workers='1:2'", "data.batchSize=682"))
        .singleElement()
        .asString()
        .startsWith("data.batchSize: expected at most 341 for 1 worker, found 682");
    // Of three ranks one holds half of the logical shards, and a whole evaluation set is enough.
    String elastic = "train={deterministic: elastic, logicalShards: 4}";
    assertThat(refused(both, eval, layers, elastic, "parallel.workers=3", "data.batchSize=683"))
        .hasSize(2);
    assertThat(check(both, eval, layers, "parallel.workers=15", "data.batchSize=683")).isNotNull();
    // Whoever is fastest may be dealt all of a batch, and a 64th of the set at least.
    String served = "parallel={sync: parameter-server, workers: 2, parameterServer: {%s}}";
    assertThat(
            refused(both, eval, layers, served.formatted("consistency: asp"), "data.batchSize=342"))
        .containsExactly(
            "data.batchSize: expected at most 341, found 342: one rank can come to have 342 items"
                + " of 3x512x1024 at once, and they must take less than 2 GiB; lower it");
  }

  @Test
  void shouldWarnOfServersOnOneHost() {
    String served = "parallel={sync: parameter-server, parameterServer: {servers: 2%s}}";
    assertThat(check(DIGITS, served.formatted("")).warnings())
        .anyMatch(w -> w.contains("all servers are on one host"));
    assertThat(check(DIGITS, served.formatted(", backups: 1")).warnings())
        .anyMatch(w -> w.contains("outlive a server's process and not the host"));
  }

  @Test
  void shouldRefuseToWriteBesideTheCheckpointsOfAnotherRun() throws Exception {
    Path full = Files.createDirectories(directory.resolve("full"));
    check(DIGITS, "checkpoint={path: " + full + "}");
    Files.createDirectories(full.resolve("step-00000100"));

    assertThat(refused(DIGITS, "checkpoint={path: " + full + "}"))
        .singleElement()
        .asString()
        .startsWith("checkpoint.path: '" + full + "' is not empty")
        .endsWith("continue that run with checkpoint.resumeFrom: " + full);
    check(DIGITS, "checkpoint={path: " + full + ", resumeFrom: " + full + "}");
    Path none = Files.createDirectories(directory.resolve("none"));
    assertThat(check(DIGITS, "checkpoint={resumeFrom: " + none + "}").warnings())
        .anyMatch(w -> w.startsWith("checkpoint.resumeFrom: '" + none + "' holds no checkpoint"));
    Files.createDirectory(none.resolve(".old-step-00000100"));
    assertThat(check(DIGITS, "checkpoint={resumeFrom: " + none + "}").warnings())
        .noneMatch(w -> w.contains("holds no checkpoint"));
    check(DIGITS, "checkpoint={path: 's3://bucket/run'}");
    assertThat(refused(DIGITS, "checkpoint={path: 's3://Bucket/run'}"))
        .singleElement()
        .asString()
        .startsWith("checkpoint.path: 's3://Bucket/run' is no place in an object store");
  }

  @Test
  void shouldRefuseWeightsThatAreNotThere() {
    assertThat(refused(DIGITS, "model.weights=none.safetensors"))
        .containsExactly(
            "model.weights: expected a safetensors file at 'none.safetensors', found no such file");
  }

  @Test
  void shouldLookForTheFilesOfAJob() throws Exception {
    String there = Files.createFile(directory.resolve("a.jar")).toString();
    String trainer = "program={class: dev.trireme.worker.train.Trainer, jar: " + there + "}";
    assertThat(check(DIGITS, trainer).resolved()).isNotNull();
    assertThat(
            refused(
                DIGITS,
                "program={class: a.B, jar: " + directory + "}",
                "model={class: a.Model, jar: no.jar}",
                "checkpoint={resumeFrom: " + there + ", path: " + there + "}"))
        .containsExactly(
            "program.jar: expected a jar at '" + directory + "', found a directory",
            "model.jar: expected a jar at 'no.jar', found no such file",
            "checkpoint.resumeFrom: expected a checkpoints directory or one step-* at '"
                + there
                + "', found a file",
            "checkpoint.path: expected a directory at '" + there + "', found a file");
    assertThat(refused(DIGITS, "model={torchscript: no.pt}").get(0))
        .startsWith("model.torchscript: expected a TorchScript file at 'no.pt'");
  }

  /** A class of a user's; one whose code runs while the job is but looked at is found out. */
  public static final class Secretive {
    static {
      fail("initialised by a look at the job");
    }

    /** No constructor of a program's. */
    public Secretive(String secret) {
      throw new AssertionError(secret);
    }
  }

  @Test
  void shouldLookAtTheClassesOfAJobWithoutRunningThem() {
    String secretive = Secretive.class.getName();
    assertThat(refused(DIGITS, "program={class: a.Missing}", "model={class: " + secretive + "}"))
        .containsExactly(
            "program.class: no class 'a.Missing' in the jar or on the class path",
            "model.class: '" + secretive + "' does not implement dev.trireme.engine.ModelFactory");
    String abstractly = TrainingProgram.class.getName();
    assertThat(refused(DIGITS, "program={class: " + abstractly + "}"))
        .containsExactly(
            "program.class: '"
                + abstractly
                + "' needs to be a public class with a public constructor without parameters");
  }

  @Test
  void shouldShowTheFaultsOfBothSets() {
    DataInspector broken =
        spec -> {
          throw new DataException("data.train.images: broken, " + spec.train().files());
        };
    String idx = "{format: idx, images: %s, labels: %s}";
    assertThat(
            refused(
                broken,
                "data.train=" + idx.formatted("a", "b"),
                "data.eval=" + idx.formatted("c", "d")))
        .containsExactly("data.train.images: broken, [a, b]", "data.eval.images: broken, [c, d]");
    DataInspector vague =
        spec -> {
          throw new DataException("out of luck");
        };
    assertThat(refused(vague)).containsExactly("data.train: out of luck");
  }

  @Test
  void shouldRefuseMoreWorkersThanItems() {
    assertThat(refused(DIGITS, "data.batchSize=200", "parallel.workers=96").get(0))
        .isEqualTo("parallel.workers: there are more workers (96) than training items (95)");
  }

  @Test
  void shouldRefuseAWarmUpWithoutAnEnd() {
    assertThat(refused(DIGITS, "train.warmupSteps=10").get(0)).contains("the job's 10 steps");
    assertThat(check(DIGITS, "train.warmupSteps=9").totalSteps()).isEqualTo(10);
  }

  @Test
  void shouldWarnOfWhatIsUnlikelyToBeMeant() {
    ValidatedJob job =
        check(
            DIGITS,
            "parallel={workers: 3, threads: 2}",
            "data.batchSize=100",
            "checkpoint.everySteps=2",
            "model.layers.2=softmax");
    assertThat(job.warnings())
        .hasSize(4)
        .anyMatch(w -> w.startsWith("parallel: 3 ranks with 2 threads each share 4 cores"))
        .anyMatch(w -> w.startsWith("data.batchSize: one batch (100) holds the whole"))
        .anyMatch(w -> w.startsWith("checkpoint.everySteps: the job ends after 1 steps"))
        .anyMatch(w -> w.startsWith("model.layers: cross-entropy takes a softmax itself"));
  }

  @Test
  void shouldAskForWhatTheBuildHas() {
    Capabilities all = new Capabilities(Set.of(DeviceKind.values()), Set.of(SyncKind.values()));
    ResolvedJob job =
        JobReader.read(
            "job.yaml",
            JobReaderTest.SMALL,
            List.of("parallel={sync: parameter-server, workers: 2}"));
    Capabilities less = new Capabilities(Set.of(DeviceKind.values()), Set.of(SyncKind.ALLREDUCE));
    assertThat(all.refusals(job.spec())).isEmpty();
    assertThat(Capabilities.ofThisVersion().refusals(job.spec())).isEmpty();
    assertThat(less.refusals(job.spec()))
        .extracting(Capabilities.Refusal::key)
        .containsExactly("parallel.sync");
  }

  /** Written by hand: 8 bytes of length, then JSON, then 8 bytes of values. */
  private String weights(String json) throws Exception {
    byte[] header = json.getBytes(java.nio.charset.StandardCharsets.UTF_8);
    java.nio.ByteBuffer file =
        java.nio.ByteBuffer.allocate(16 + header.length).order(java.nio.ByteOrder.LITTLE_ENDIAN);
    file.putLong(json.isEmpty() ? Long.MIN_VALUE : header.length).put(header);
    return Files.write(directory.resolve("weights"), file.array()).toString();
  }

  @Test
  void shouldLookIntoTheWeights() throws Exception {
    String tensor = "{'dtype':'F32','shape':[%s],'data_offsets':[%s]}";
    for (String json :
        List.of(
            "",
            "{",
            "{'a':" + tensor.formatted("1", "0,4") + ",'b':" + tensor.formatted("2", "0,8") + "}",
            "{'a':" + tensor.formatted("4611686018427387904,4", "0,8") + "}",
            "{'a':" + tensor.formatted("2", "NaN,8") + "}",
            "{'a':" + tensor.formatted("2", "0,9223372036854775807") + "}")) {
      String file = weights(json.replace('\'', '"'));
      assertThat(refused(DIGITS, "model.weights=" + file))
          .as(json)
          .singleElement()
          .asString()
          .startsWith("model.weights: " + file + " is not a whole safetensors file: ");
    }
    String whole = weights(("{'a':" + tensor.formatted("2", "0,8") + "}").replace('\'', '"'));
    assertThat(check(DIGITS, "model.weights=" + whole).warnings()).isEmpty();
  }

  @Test
  void shouldWarnOfAModelThatTheMachineCannotHold() {
    List<String> warnings = check(DIGITS, "model.layers=[flatten, linear: 2000000000]").warnings();
    assertThat(warnings)
        .singleElement()
        .asString()
        .startsWith("model.layers: the weights of 1,570,000,000,000 parameters")
        .contains("GiB on each of 1 rank, and this machine has ");
  }
}
