package dev.trireme.launcher.config;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import dev.trireme.api.job.AlgorithmRow;
import dev.trireme.api.job.AlgorithmRow.Algorithm;
import dev.trireme.api.job.DatasetSpec;
import dev.trireme.api.job.JobSpec;
import dev.trireme.api.job.LayerSpec;
import dev.trireme.api.job.LossKind;
import dev.trireme.api.job.OptimizerSpec;
import dev.trireme.api.job.ParallelSpec;
import dev.trireme.api.job.ParallelSpec.DeviceKind;
import dev.trireme.api.job.ScheduleSpec;
import dev.trireme.api.job.WorkerCount;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class JobReaderTest {
  static final String SMALL =
      """
      name: small
      model:
        layers:
          - flatten
          - linear: 10
      data:
        train: {format: strokes, items: 100}
        batchSize: 10
      train:
        epochs: 1
        loss: cross-entropy
        optimizer: {sgd: {lr: 0.1}}
      """;

  @TempDir Path directory;

  private static JobSpec read(String yaml, String... overrides) {
    return JobReader.read("job.yaml", yaml, List.of(overrides)).spec();
  }

  private static List<ConfigProblem> problems(String yaml, String... overrides) {
    return catchThrowableOfType(ConfigException.class, () -> read(yaml, overrides)).problems();
  }

  private static List<String> lines(String yaml, String... overrides) {
    return problems(yaml, overrides).stream().map(ConfigProblem::toString).toList();
  }

  private static final String ROWS =
      "- {ranks: 2, upTo: 64k, algorithm: halving-doubling}\n- {ranks: 2, algorithm: ring}\n";

  @Test
  void shouldResolveAFileOfAlgorithmsToItsRows() throws Exception {
    Path file = Files.writeString(directory.resolve("algorithms.yaml"), ROWS);
    ResolvedJob job = JobReader.read("job.yaml", SMALL, List.of("parallel.algorithms=" + file));
    assertThat(job.spec().parallel().algorithms())
        .containsExactly(
            new AlgorithmRow(2, Optional.of(65536L), Algorithm.HALVING_DOUBLING),
            new AlgorithmRow(2, Optional.empty(), Algorithm.RING));
    Files.delete(file);
    assertThat(job.yaml()).contains("upTo: 64k").doesNotContain(file.toString());
    assertThat(read(job.yaml())).isEqualTo(job.spec());
    String inline = SMALL + "parallel:\n  algorithms:\n" + ROWS.indent(2);
    assertThat(read(inline)).isEqualTo(job.spec());
    assertThat(AlgorithmFile.toYaml(job.spec().parallel().algorithms())).contains("upTo: 64k");
  }

  @Test
  void shouldSayWhatIsWrongWithAlgorithms() throws Exception {
    Path file =
        Files.writeString(directory.resolve("rows.yaml"), "- {ranks: 2, algorithm: rnig}\n");
    assertThat(lines(SMALL, "parallel.algorithms=" + file))
        .singleElement()
        .asString()
        .contains("rows.yaml:1", "rnig", "did you mean 'ring'?");
    assertThat(lines(SMALL, "parallel.algorithms=" + directory.resolve("row.yaml")))
        .singleElement()
        .asString()
        .contains("no such file", "did you mean");
    String section = SMALL + "parallel:\n  algorithms:\n";
    assertThat(lines(section + "  - {ranks: 2, upTo: 4k, algorithm: direct}\n"))
        .containsExactly(
            "job.yaml:15:16: parallel.algorithms[0].upTo: expected at most 2048 bytes for direct,"
                + " found 4096; lower it, or name another algorithm");
    assertThat(lines(section + "  - {ranks: 2, upTo: 4k, algorithm: ring}\n"))
        .containsExactly(
            "job.yaml:14:3: parallel.algorithms: row 1: expected no upTo in the last row of 2"
                + " ranks; add one for all larger buffers");
    String right = section + "  - {ranks: 2, algorithm: ring}\n";
    assertThat(lines(right, "train.deterministic=elastic"))
        .singleElement()
        .asString()
        .contains("parallel.algorithms", "order of sums of its own", "leave one of the two out");
    String twice = "  - {ranks: 2, upTo: 4k, algorithm: ring}\n";
    assertThat(lines(section + twice + twice + "  - {ranks: 2, algorithm: owner}\n"))
        .singleElement()
        .asString()
        .contains("row 2: expected more ranks, or a larger upTo, than in the row before");
  }

  @Test
  void shouldFillInEveryDefault() {
    JobSpec job = read(SMALL);
    assertThat(job.train().seed()).isEqualTo(1);
    assertThat(job.train().schedule()).isEqualTo(new ScheduleSpec.Constant());
    assertThat(job.train().steps()).isEmpty();
    assertThat(job.train().optimizer()).isEqualTo(new OptimizerSpec.Sgd(0.1, 0, false, 0));
    assertThat(job.data().eval()).isEmpty();
    assertThat(job.data().train()).isEqualTo(new DatasetSpec.Strokes(100, 1));
    assertThat(job.parallel().workers()).isEqualTo(new WorkerCount(1, 1));
    assertThat(job.parallel().device()).isEqualTo(DeviceKind.AUTO);
    assertThat(job.parallel().bucketSize()).isEqualTo(25L << 20);
    assertThat(job.checkpoint().keep()).isEqualTo(3);
    assertThat(job.program()).isEmpty();
  }

  @Test
  void shouldReadEveryFormOfALayer() {
    String layers =
        """
        model:
          layers:
            - relu
            - relu:
            - relu: {}
            - dropout
            - dropout: 0.25
            - dropout: {p: 0.25}
            - maxpool2d: 2
            - maxpool2d: {kernel: 3, stride: 2}
            - reshape: [1, -1]
            - residual:
                - linear: 10
                - tanh
            - residual: {layers: [gelu]}
        """;
    JobSpec job = read(SMALL.replaceAll("(?s)model:.*data:", layers + "data:"));
    assertThat(job.model().layers())
        .containsExactly(
            new LayerSpec.Relu(),
            new LayerSpec.Relu(),
            new LayerSpec.Relu(),
            new LayerSpec.Dropout(0.5),
            new LayerSpec.Dropout(0.25),
            new LayerSpec.Dropout(0.25),
            new LayerSpec.MaxPool2d(2, Optional.empty()),
            new LayerSpec.MaxPool2d(3, Optional.of(2)),
            new LayerSpec.Reshape(List.of(1L, -1L)),
            new LayerSpec.Residual(List.of(new LayerSpec.Linear(10, true), new LayerSpec.Tanh())),
            new LayerSpec.Residual(List.of(new LayerSpec.Gelu())));
  }

  @Test
  void shouldReadSizesWorkersAndNumbersInEveryNotation() {
    JobSpec job =
        read(
            SMALL,
            "parallel={workers: \"2:4\", bucketSize: 4k, firstBucketSize: 2048}",
            "train.optimizer.sgd.lr=1e-2",
            "train.loss=bce-with-logits",
            "train.seed=-9223372036854775808");
    assertThat(job.parallel().workers()).isEqualTo(new WorkerCount(2, 4));
    assertThat(job.parallel().bucketSize()).isEqualTo(4096);
    assertThat(job.parallel().firstBucketSize()).isEqualTo(2048);
    assertThat(job.train().optimizer().lr()).isEqualTo(0.01);
    assertThat(job.train().loss()).isEqualTo(LossKind.BCE_WITH_LOGITS);
    assertThat(job.train().seed()).isEqualTo(Long.MIN_VALUE);
    assertThat(read(SMALL, "parallel.workers=1:2").parallel().workers().max()).isEqualTo(2);
  }

  @Test
  void shouldLeaveTheSizesOfBucketsToTheRanksWhereTheySayAuto() {
    JobSpec job = read(SMALL, "parallel={workers: 2, bucketSize: auto}");
    assertThat(job.parallel().tunesBuckets()).isTrue();
    assertThat(job.parallel().bucketSize()).isEqualTo(ParallelSpec.AUTO);
    assertThat(job.parallel().firstBucketSize()).isEqualTo(1 << 20);
    assertThat(JobReader.toYaml(job)).contains("bucketSize: auto", "firstBucketSize: 1m");
    JobSpec tuned = job.withBuckets(1 << 16, 1 << 18);
    assertThat(JobReader.toYaml(tuned)).contains("bucketSize: 256k", "firstBucketSize: 1m");
    assertThat(tuned.withBuckets(1, 1)).isEqualTo(tuned);
    assertThat(read(SMALL, "parallel.firstBucketSize=auto").parallel().tunesBuckets()).isTrue();
    assertThat(read(SMALL).parallel().tunesBuckets()).isFalse();
  }

  @Test
  void shouldPutOverridesOverTheFileInTheirOrder() {
    JobSpec job =
        read(
            SMALL,
            "name=other",
            "train.epochs=3",
            "train.epochs=4",
            "checkpoint.everySteps=5",
            "model.layers.1.linear.out=12",
            "model.layers[1].linear.bias=false",
            "model.layers.2=relu",
            "data.train.seed=9",
            "train.schedule.constant={}");
    assertThat(job.name()).isEqualTo("other");
    assertThat(job.train().epochs()).contains(4);
    assertThat(job.checkpoint().everySteps()).contains(5L);
    assertThat(job.model().layers())
        .containsExactly(
            new LayerSpec.Flatten(), new LayerSpec.Linear(12, false), new LayerSpec.Relu());
    assertThat(job.data().train()).isEqualTo(new DatasetSpec.Strokes(100, 9));
  }

  @Test
  void shouldTakeAKeyOutWithNull() {
    String withEval = SMALL.replace("batchSize", "eval: {format: strokes, items: 5}\n  batchSize");
    assertThat(read(withEval).data().eval()).isPresent();
    assertThat(read(withEval, "data.eval=null").data().eval()).isEmpty();
    assertThat(read(SMALL, "train.seed=5", "train.seed=null").train().seed()).isEqualTo(1);
  }

  @Test
  void shouldTakeTextWithoutQuotesFromTheCommandLineOnly() {
    assertThat(read(SMALL, "name=2024").name()).isEqualTo("2024");
    assertThat(lines(SMALL.replace("small", "2024")))
        .containsExactly(
            "job.yaml:1:7: name: expected text, found 2024; put it in quotes if it is meant");
  }

  @Test
  void shouldReadASectionWithoutKeysAsItsDefaults() {
    assertThat(read(SMALL + "checkpoint:\n  # keep: 5\n").checkpoint().keep()).isEqualTo(3);
  }

  @Test
  void shouldReportAllFaultsInTheOrderOfTheirPlaces() {
    String yaml =
        """
        name: bad name
        model:
          layers:
            - conv2d: {out: two, kernal: 3}
            - linaer: 10
        data:
          train: {format: strokes, items: 0}
          batchSize: 10
        train:
          epochz: 1
          optimizer: {sgd: {lr: -1}}
        """;
    assertThat(lines(yaml, "parallel.workers=0"))
        .containsExactly(
            "job.yaml:1:7: name: expected 1 to 64 letters, digits, '.', '_' or '-', the first no"
                + " '-', found 'bad name'",
            "job.yaml:4:21: model.layers[0].conv2d.out: expected a whole number of at least 1,"
                + " found 'two'",
            "job.yaml:4:26: model.layers[0].conv2d.kernal: unknown key; did you mean 'kernel'?"
                + " (keys here: out, kernel, stride, padding, bias)",
            "job.yaml:5:7: model.layers[1]: expected one of linear, conv2d, maxpool2d, avgpool2d,"
                + " batchnorm, layernorm, dropout, embedding, factorization, relu, gelu, tanh, sigmoid,"
                + " softmax, flatten, reshape, residual, found 'linaer'; did you mean 'linear'?",
            "job.yaml:7:35: data.train.items: expected a whole number from 1 to 10000000, found 0",
            "job.yaml:9:1: train.loss: missing; expected one of cross-entropy, mse, l1,"
                + " bce-with-logits. What is minimised.",
            "job.yaml:10:3: train.epochz: unknown key; did you mean 'epochs'? (keys here: epochs,"
                + " steps, seed, loss, optimizer, schedule, warmupSteps, clipGradNorm, deterministic,"
                + " logicalShards, microBatch, precision)",
            "job.yaml:11:25: train.optimizer.sgd.lr: expected a number above 0, found -1",
            "--set parallel.workers=0: parallel.workers: expected a number from 1 to 4096, or"
                + " \"min:max\", found 0");
  }

  @Test
  void shouldPutARecordsOwnRefusalAtTheKeyThatItNames() {
    String yaml = SMALL.replace("{lr: 0.1}", "{lr: 0.1, nesterov: true}");
    assertThat(lines(yaml))
        .containsExactly(
            "job.yaml:12:30: train.optimizer.sgd.nesterov: Nesterov needs a momentum above 0; set"
                + " momentum, as 0.9");
    assertThat(lines(SMALL, "parallel.workers=11").get(0))
        .startsWith("--set parallel.workers=11: parallel.workers: there are more workers");
    assertThat(lines(SMALL.replace("epochs: 1", "seed: 1")))
        .containsExactly(
            "job.yaml:9:1: train: expected 'epochs' or 'steps' or both, found neither");
  }

  @Test
  void shouldSayOnceThatAMisspeltKeyIsMissing() {
    List<String> lines = lines(SMALL.replace("optimizer:", "optimiser:"));
    assertThat(lines).hasSize(1);
    assertThat(lines.get(0)).contains("train.optimiser: unknown key; did you mean 'optimizer'?");
  }

  @Test
  void shouldGiveTheRightNameApartForPrograms() {
    assertThat(problems(SMALL.replace("epochs", "epoch")).get(0).nearest()).contains("epochs");
    assertThat(problems(SMALL, "train.loss=mee").get(0).nearest()).contains("mse");
  }

  @Test
  void shouldRefuseAKeyThatIsThereTwice() {
    assertThat(lines(SMALL + "name: again\n"))
        .containsExactly(
            "job.yaml:13:1: key 'name' is there twice, first at job.yaml:1:1; remove one");
  }

  @Test
  void shouldRefuseWhatIsNoYaml() {
    assertThat(lines("name: [a\nb: }")).hasSize(1).allMatch(l -> l.startsWith("job.yaml:2:"));
    assertThat(lines("a: b: c"))
        .containsExactly("job.yaml:1:5: not YAML: mapping values are not allowed here");
    assertThat(lines("\tname: x").get(0)).startsWith("job.yaml:1:1: not YAML");
    assertThat(lines("name: x\nmodel: \u0007\n").get(0))
        .startsWith("job.yaml:2:8: the character U+0007 is not allowed");
    assertThat(lines(SMALL + "---\na: b\n").get(0)).contains("13:1: a second document begins");
    assertThat(lines("name: !!int 3\n" + SMALL.substring(SMALL.indexOf("model"))).get(0))
        .contains("no use for YAML tags");
  }

  @Test
  void shouldRefuseAnEmptyFile() {
    assertThat(lines(""))
        .containsExactly("job.yaml:1:1: the file is empty; see configs/ for examples");
    assertThat(lines("# only a comment\n")).hasSize(1);
    assertThat(lines("just text").get(0)).contains("expected keys (name, model,");
  }

  @Test
  void shouldBoundDepthAndRepetition() {
    assertThat(lines("a: " + "[".repeat(100_000)).get(0)).contains("nested deeper than 64");
    StringBuilder laughs = new StringBuilder("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for (int i = 1; i < 12; i++) {
      String repeated = ("*a" + (i - 1) + ", ").repeat(10);
      laughs.append("a").append(i).append(": &a").append(i);
      laughs.append(" [").append(repeated, 0, repeated.length() - 2).append("]\n");
    }
    assertThat(lines(laughs.toString()).get(0)).contains("more than 100000 values");
    assertThat(lines("a: &a [*a]").get(0)).contains("*a repeats nothing");
  }

  @Test
  void shouldReadWhatAnAliasRepeats() {
    String yaml =
        SMALL.replace(
            "train: {format: strokes, items: 100}",
            "train: &set {format: strokes, items: 100}\n  eval: *set");
    assertThat(read(yaml).data().eval()).contains(new DatasetSpec.Strokes(100, 1));
  }

  @Test
  void shouldReadFilesFromOtherSystems() throws Exception {
    Path file = directory.resolve("job.yaml");
    Files.writeString(file, "\uFEFF" + SMALL.replace("\n", "\r\n"));
    assertThat(JobReader.read(file, List.of()).spec()).isEqualTo(read(SMALL));
  }

  @Test
  void shouldSayWhyAFileCannotBeRead() throws Exception {
    Path right = Files.writeString(directory.resolve("quickstart.yaml"), SMALL);
    Path wrong = directory.resolve("quikstart.yaml");
    assertThat(fault(wrong)).isEqualTo(wrong + ": no such file; did you mean '" + right + "'?");
    assertThat(fault(directory)).endsWith(": expected a job file, found a directory");
    assertThat(fault(Path.of(""))).contains("expected a job file, found a directory");
    Path latin = directory.resolve("latin.yaml");
    Files.write(latin, "name: caf\u00e9".getBytes(StandardCharsets.ISO_8859_1));
    assertThat(fault(latin)).contains("expected text in UTF-8");
    Path large = directory.resolve("large.yaml");
    byte[] blanks = new byte[JobReader.MAX_BYTES + 1];
    Arrays.fill(blanks, (byte) ' ');
    Files.write(large, blanks);
    assertThat(fault(large)).contains("larger than 1 MiB");
  }

  private static String fault(Path file) {
    ConfigException refused =
        catchThrowableOfType(ConfigException.class, () -> JobReader.read(file, List.of()));
    assertThat(refused.problems()).hasSize(1);
    return refused.problems().get(0).toString();
  }

  @Test
  void shouldSayWhyAnOverrideCannotBeSet() {
    assertThat(lines(SMALL, "train.epochs", "=1", "a..b=1", "name.x=1", "model.layers.9=relu"))
        .containsExactly(
            "--set train.epochs: expected key=value with a dotted key, as train.epochs=3",
            "--set =1: expected key=value with a dotted key, as train.epochs=3",
            "--set a..b=1: expected key=value with a dotted key, as train.epochs=3",
            "--set name.x=1: name: is 'small' and has no keys; set it as a whole",
            "--set model.layers.9=relu: model.layers: is a list of 2; expected an index from 0 to"
                + " 1, or 2 to add to it, found '9'");
    assertThat(lines(SMALL, "train.epochs=[1").get(0))
        .startsWith("--set train.epochs=[1: not YAML");
    assertThat(lines(SMALL, "train.epochz=2").get(0))
        .startsWith("--set train.epochz=2: train.epochz: unknown key; did you mean 'epochs'?");
  }

  @Test
  void shouldSayHowToReplaceAVariantByAnother() {
    assertThat(lines(SMALL, "train.optimizer.adam.lr=0.1"))
        .containsExactly(
            "--set train.optimizer.adam.lr=0.1: train.optimizer: expected one name with its keys,"
                + " found sgd, adam; keep one of them (an override takes the place of all of it:"
                + " --set 'train.optimizer={adam: {...}}')");
    assertThat(read(SMALL, "train.optimizer={adam: {lr: 0.1}}").train().optimizer())
        .isInstanceOf(OptimizerSpec.Adam.class);
  }

  @Test
  void shouldFindKeysThatAreNotIndentedEnough() {
    String yaml = SMALL.replace("- linear: 10", "- linear:\n      out: 10");
    assertThat(lines(yaml))
        .containsExactly(
            "job.yaml:6:7: model.layers[1]: expected one name with its keys, found linear, out;"
                + " indent what belongs to 'linear' further than its name");
    String outside = SMALL.replace("{sgd: {lr: 0.1}}", "\n    sgd: {lr: 0.1}\n    warmupSteps: 5");
    assertThat(lines(outside).get(0))
        .endsWith(
            "found sgd, warmupSteps; indent what belongs to 'sgd' further than its name, and what"
                + " belongs to 'train' less");
  }

  @Test
  void shouldWriteTheResolvedJobSoThatItReadsBackTheSame() {
    ResolvedJob job = JobReader.read("job.yaml", SMALL, List.of("train.seed=7"));
    assertThat(job.yaml())
        .contains("seed: 7", "keep: 3", "bucketSize: 25m", "- linear: {out: 10, bias: true}")
        .doesNotContain("eval:", "everySteps", "!!");
    ResolvedJob again = JobReader.read("resolved", job.yaml(), List.of());
    assertThat(again.spec()).isEqualTo(job.spec());
    assertThat(again.yaml()).isEqualTo(job.yaml());
  }

  @Test
  void shouldTellFaultsBelowAMisspeltKeyAndABadName() {
    String text = SMALL.replaceFirst("name: .*", "name: --help").replace("model:", "modle:");
    assertThat(text).contains("modle:", "--help");
    List<String> problems =
        catchThrowableOfType(
                ConfigException.class,
                () ->
                    JobReader.read("job.yaml", text.replace("linear: 10", "linaer: 10"), List.of()))
            .problems()
            .stream()
            .map(p -> p.key() + ": " + p.message())
            .toList();
    assertThat(problems).hasSize(3);
    assertThat(problems)
        .anySatisfy(p -> assertThat(p).contains("modle: unknown key; did you mean 'model'?"))
        .anySatisfy(p -> assertThat(p).startsWith("model.layers[1]").contains("'linear'?"))
        .anySatisfy(p -> assertThat(p).startsWith("name: expected 1 to 64").contains("'--help'"));
  }

  @Test
  @org.junit.jupiter.api.Timeout(20)
  void shouldNotWaitForAPipe(@org.junit.jupiter.api.io.TempDir Path directory) throws Exception {
    Path pipe = directory.resolve("pipe");
    assertThat(new ProcessBuilder("mkfifo", pipe.toString()).start().waitFor()).isZero();
    assertThat(
            catchThrowableOfType(ConfigException.class, () -> JobReader.read(pipe, List.of()))
                .getMessage())
        .contains("no regular file");
  }
}
