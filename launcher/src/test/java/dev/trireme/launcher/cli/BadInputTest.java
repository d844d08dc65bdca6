package dev.trireme.launcher.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Wrong jobs, wrong data and wrong command lines: each is refused with a message that names the
 * fault and the mend, with exit code 2, without a stack trace, with nothing started and nothing
 * left behind.
 */
class BadInputTest {
  private static final String JOB =
      """
      name: good
      model:
        layers:
          - conv2d: {out: 4, kernel: 3}
          - relu
          - maxpool2d: 2
          - flatten
          - linear: 10
      data:
        train: {format: idx, images: images, labels: labels}
        path: PATH
        batchSize: 10
      train:
        epochs: 2
        loss: cross-entropy
        optimizer: {sgd: {lr: 0.1}}
      parallel:
        workers: 2
      """;

  @TempDir Path directory;

  /** Something wrong and the words in which it must be told. */
  private record Bad(String what, List<String> arguments, Change change, List<String> told) {
    @Override
    public String toString() {
      return what;
    }
  }

  /** What is done to a directory with a good job.yaml and good data before the run. */
  @FunctionalInterface
  private interface Change {
    void apply(Path directory) throws IOException;
  }

  private static Bad commandLine(String what, String arguments, String... told) {
    return new Bad(what, List.of(arguments.split(" ")), d -> {}, List.of(told));
  }

  private static Bad bench(String what, String arguments, String... told) {
    return commandLine(what, "bench allreduce " + arguments, told);
  }

  private static Bad job(String what, String from, String to, String... told) {
    Change change = d -> edit(d.resolve("job.yaml"), from, to);
    return new Bad(what, List.of("train", "JOB"), change, List.of(told));
  }

  private static Bad override(String what, String override, String... told) {
    List<String> arguments = List.of("train", "JOB", "--set", override);
    List<String> all = new ArrayList<>(List.of("--set " + override + ": "));
    all.addAll(List.of(told));
    return new Bad(what, arguments, d -> {}, all);
  }

  private static Bad data(String what, Change change, String... told) {
    return new Bad(what, List.of("train", "JOB"), change, List.of(told));
  }

  private static void edit(Path file, String from, String to) throws IOException {
    String text = Files.readString(file);
    assertThat(text).contains(from);
    Files.writeString(file, text.replace(from, to));
  }

  static Stream<Bad> commandLines() {
    return Stream.of(
        commandLine("no such command", "trian job.yaml", "unknown command 'trian'", "'train'?"),
        commandLine("no such option", "train JOB --sett a=1", "option '--sett'", "'--set'?"),
        commandLine("an option of another command", "train JOB --json", "option '--json'"),
        commandLine("a short option that is none", "train JOB -x", "unknown option '-x'"),
        commandLine("no job file", "train", "expected JOB.yaml, found nothing", "--help"),
        commandLine("an unknown option and no file", "train --foo", "unknown option '--foo'"),
        commandLine("help for a command", "help train", "unknown command 'help'"),
        commandLine("two job files", "train JOB b.yaml", "unexpected argument 'b.yaml'"),
        commandLine("an option without its value", "train JOB --set", "'--set' needs a value"),
        commandLine("a flag with a value", "validate JOB --json=1", "--json"),
        commandLine("a file given twice", "train JOB --run-dir a --run-dir b", "--run-dir"),
        commandLine("a missing job file", "train jbo.yaml", "jbo.yaml: no such file"),
        commandLine("a directory for a job", "train DIR", "expected a job file, found a directory"),
        commandLine("an override without value", "train JOB --set name", "expected key=value"),
        commandLine("nothing to measure", "bench", "expected a command (commands: allreduce"),
        commandLine("nothing such to measure", "bench allreduse", "'allreduce'?"),
        commandLine("no number of ranks", "bench allreduce", "expected --ranks N, found nothing"),
        bench("a word for a number", "--ranks two", "--ranks: expected a whole number from 1 to"),
        bench("no ranks", "--ranks 0", "from 1 to 64, found '0'"),
        bench("too many ranks", "--ranks 65", "from 1 to 64, found '65'"),
        bench("a size that is none", "--ranks 2 -b 4q", "-b: expected a size of 4 to 1g"),
        bench("a size of no whole elements", "--ranks 2 -e 4097", "-e: expected a size of 4"),
        bench("a size too large", "--ranks 2 -e 2g", "-e: ", "found '2g'"),
        bench("a size past all bounds", "--ranks 2 -e 999999999g", "-e: ", "999999999g"),
        bench("the sizes swapped", "--ranks 2 -b 1m -e 4k", "at least the smallest size, 1m"),
        bench("a factor that goes nowhere", "--ranks 2 -f 1", "-f: expected a whole number from 2"),
        bench("a transport that is none", "--ranks 2 --transport icp", "ipc, tcp, udp", "'ipc'?"),
        bench("an algorithm that is none", "--ranks 2 --algorithm rang", "auto, ", "'ring'?"),
        bench(
            "halves over udp",
            "--ranks 2 --transport udp --algorithm halving-doubling",
            "use --transport ipc"),
        bench("direct for large sizes", "--ranks 2 --algorithm direct", "up to 2k; add -e 2k"),
        bench("no rounds", "--ranks 2 --iterations 0", "--iterations: ", "from 1 to 1000000"),
        bench("less than no warm-up", "--ranks 2 --warmup -1", "--warmup", "found '-1'"),
        bench("no duration", "--ranks 2 --soak 10", "--soak: expected a duration as 30s"),
        bench("two trials", "--ranks 2 --soak 1s --idle 1s", "either --soak or --idle"),
        bench("an argument too many", "--ranks 2 4k", "unexpected argument '4k'"),
        bench("a number of ranks twice", "--ranks 2 --ranks 3", "--ranks"));
  }

  static Stream<Bad> clusters() {
    String blank = "10.0.0.1:7401, node_1:7401";
    return Stream.of(
        commandLine(
            "a context that cannot be",
            "cluster show --cluster prod/eu",
            "expected the name of a context, 1 to 64 letters",
            "found 'prod/eu'"),
        commandLine("dots for a context", "job list --cluster ..", "found '..'"),
        commandLine("dots for a new context", "cluster use .. 10.0.0.1:7401", "found '..'"),
        commandLine(
            "no port in a context",
            "cluster use x 10.0.0.1",
            "expected HOST:PORT, found '10.0.0.1'"),
        new Bad(
            "a host that no URL can name",
            List.of("job", "list", "--cluster", blank),
            d -> {},
            List.of("--cluster: expected HOST:PORT with a host of letters", "'node_1:7401'")));
  }

  static Stream<Bad> coordinators() {
    String three = "coordinators: ['127.0.0.1:7400', 'b', '127.0.0.3:7400']";
    return Stream.of(
        coordinator(
            "a coordinator without its port",
            three,
            "coordinators[1]: expected HOST:PORT, found 'b'"),
        coordinator("no address to listen on", "listen: here", "listen: expected HOST:PORT"),
        coordinator("no address of its own", "api: '127.0.0.1'", "api: expected HOST:PORT"),
        coordinator("a blank in an address", "health: '127.0.0.1 :1'", "health: ", "blanks"));
  }

  private static Bad coordinator(String what, String line, String... told) {
    Change change =
        d ->
            Files.writeString(
                d.resolve("job.yaml"), "stateDirectory: state\nruns: runs\n" + line + "\n");
    return new Bad(what, List.of("coordinator", "--config", "JOB"), change, List.of(told));
  }

  static Stream<Bad> jobs() {
    return Stream.of(
        job("unknown key", "epochs", "epochz", ":14:3: train.epochz: unknown key", "'epochs'?"),
        job("unknown section", "parallel:", "paralell:", ":17:1: paralell", "'parallel'?"),
        job("unknown layer", "- relu", "- rulu", ":5:7: model.layers[1]", "'relu'?"),
        job("unknown optimizer", "sgd", "sdg", ":16:15: train.optimizer", "did you mean 'sgd'?"),
        job("unknown loss", "cross-entropy", "crossentropy", "'cross-entropy'?", ":15:9:"),
        job("unknown format", "idx", "csv", ":10:19: data.train.format: expected one of idx, "),
        job("no format", "format: idx, ", "", "data.train.format: missing; expected one of"),
        job("missing key", "  batchSize: 10\n", "", ":9:1: data.batchSize: missing; expected a w"),
        job(
            "text for a number",
            "epochs: 2",
            "epochs: two",
            "expected a whole number of at least 1",
            "found 'two'"),
        job("a fraction for a count", "epochs: 2", "epochs: 2.5", "whole number", "found 2.5"),
        job("a number in quotes", "epochs: 2", "epochs: '2'", "take the quotes off"),
        job("nothing for a number", "epochs: 2", "epochs:", "found nothing"),
        job("a list for a number", "epochs: 2", "epochs: [2]", "found a list of 1"),
        job(
            "a number out of range",
            "batchSize: 10",
            "batchSize: 0",
            "from 1 to 16777216, found 0"),
        job("a rate of zero", "lr: 0.1", "lr: 0", "expected a number above 0, found 0"),
        job("a rate that is no number", "lr: 0.1", "lr: .nan", "found .nan"),
        job("a number past all bounds", "lr: 0.1", "lr: 1e999", "found 1e999"),
        job("yes for true", "lr: 0.1", "lr: 0.1, momentum: 0.9, nesterov: yes", "true or false"),
        job("a size that is none", "workers: 2", "workers: 2\n  bucketSize: 25q", "as 4k, 25m or"),
        job(
            "buckets with a parameter server",
            "workers: 2",
            "workers: 2\n  sync: parameter-server\n  bucketSize: auto",
            "there are no buckets to tune"),
        job("a name with blanks", "name: good", "name: so so", ":1:1: name: expected 1 to 64 "),
        job("neither epochs nor steps", "epochs: 2", "seed: 2", "'epochs' or 'steps' or both"),
        job("two forms of a model", "model:", "model:\n  torchscript: m.pt", "exactly one of"),
        job("no layers", "model:", "model: {}\nx:", ":2:1: model: expected exactly one of"),
        job("a key twice", "epochs: 2", "epochs: 2\n  epochs: 3", ":15:3: key 'epochs'", "twice"),
        job("a bracket left open", "{sgd: {lr: 0.1}}", "{sgd: {lr: 0.1}", "not YAML"),
        job("a tab", "  epochs", "\tepochs", ":14:1: not YAML", "TAB"),
        job("keys not indented", "- linear: 10", "- linear:\n      out: 10", "indent what belongs"),
        job(
            "workers from more to less",
            "workers: 2",
            "workers: \"4:2\"",
            "min at most max, as 2:4, found 4:2"),
        job("more workers than items in a batch", "workers: 2", "workers: 11", ":18:3: parallel.w"),
        job("Nesterov alone", "lr: 0.1", "lr: 0.1, nesterov: true", "needs a momentum above 0"));
  }

  static Stream<Bad> meaning() {
    return Stream.of(
        job(
            "too few outputs",
            "linear: 10",
            "linear: 8",
            ":8:7: model.layers[4]",
            "gives 8 outputs," + " the data has 10 classes"),
        job("no vector of outputs", "    - flatten\n    - linear: 10\n", "", "the shape 4x13x13"),
        job(
            "a window too large",
            "kernel: 3",
            "kernel: 29",
            ":4:7: model.layers[0]",
            "29x29 does" + " not fit into its input 1x28x28"),
        job(
            "an image layer on a vector",
            "    - conv2d",
            "    - flatten\n    - conv2d",
            ":5:7: ",
            "expected an item of channels x height x width, found shape 784"),
        job(
            "an embedding of real numbers",
            "- relu",
            "- embedding: {rows: 9, dim: 4}",
            "model.layers[1]",
            "embedding expects integer indices"),
        job(
            "a residual that changes the shape",
            "- relu",
            "- residual: [conv2d: {out: 4, kernel:" + " 3}]",
            ":5:7: ",
            "residual at",
            "4x26x26 into 4x24x24"),
        job("a loss for real values", "cross-entropy", "mse", ":15:3: train.loss", "use cross-ent"),
        override(
            "servers that nobody asks",
            "parallel.parameterServer={servers: 2}",
            "nobody asks them"),
        override("more backups than other servers", served("servers: 2, backups: 2"), "backups"),
        override("a lone server with a backup", served("backups: 1"), "other servers (0)"),
        override(
            "more servers than there is room for", served("servers: 60"), "at most 45 workers"),
        override(
            "gradients that leave a residual",
            "parallel={sync: parameter-server, compression: {topk: 0.1}}",
            "bfloat16"),
        override("a staleness below 0", served("consistency: {ssp: -1}"), "-1"),
        override("an unknown consistency", served("consistency: lsp"), "ssp"),
        override(
            "a step without gradients", served("consistency: {bsp: 1}"), "a step needs a gradient"),
        override("a precision without a device", "train.precision=fp8", "bf16"),
        override("a misspelt policy", "failurePolicy.maxRestart=1", "maxRestarts"),
        override(
            "a program without its jar",
            "program={class: a.B, jar: no.jar}",
            "expected a jar" + " at 'no.jar', found no such file"),
        override(
            "a misspelt program", "program.class=dev.trireme.worker.train.Trainor", "no class"),
        override("nothing to resume from", "checkpoint.resumeFrom=nowhere", "found nothing there"),
        override("a warm-up longer than the job", "train.warmupSteps=4", "the job's 4 steps"),
        override(
            "the training set's seed",
            "data={train: {format: strokes, items: 9}, eval:"
                + " {format: strokes, items: 9}, batchSize: 2}",
            "set it to 2"));
  }

  private static String served(String keys) {
    return "parallel={sync: parameter-server, parameterServer: {" + keys + "}}";
  }

  static Stream<Bad> datas() {
    String evaluation = "\n  eval: {format: idx, images: images, labels: other}";
    return Stream.of(
        data(
            "images cut off",
            d -> cut(d.resolve("images"), 100),
            ":10:24: data.train.images: ",
            "truncated"),
        data("labels cut off", d -> cut(d.resolve("labels"), 1), "data.train.labels", "truncated"),
        data("an empty file", d -> Files.write(d.resolve("images"), new byte[0]), "is empty"),
        data("a web page", d -> Files.writeString(d.resolve("images"), "<html>"), "magic number"),
        data(
            "labels for images",
            d -> edit(d.resolve("job.yaml"), "images: images", "images: labels"),
            "are 'images' and 'labels' swapped?"),
        data(
            "more labels than images",
            d -> Files.write(d.resolve("labels"), IdxFiles.labels(21)),
            "20",
            "21"),
        data(
            "labels out of range",
            d -> {
              byte[] labels = IdxFiles.labels(20);
              labels[8] = 77;
              Files.write(d.resolve("other"), labels);
              edit(d.resolve("job.yaml"), "labels: labels}", "labels: labels}" + evaluation);
            },
            ":11:39: data.eval.labels: ",
            "label 0 is 77, expected 0..9"),
        data("a missing file", d -> Files.delete(d.resolve("images")), "does not exist"),
        data(
            "two missing files",
            d ->
                edit(
                    d.resolve("job.yaml"),
                    "images: images, labels: labels}",
                    "images: a, labels: b}" + evaluation.replace("images: images", "images: c")),
            "data.train.images: ",
            "data.eval.images: ",
            "2 problems; nothing was started"),
        data("a directory for a file", d -> directoryFor(d.resolve("images")), "is a directory"),
        data("a wrong path", d -> edit(d.resolve("job.yaml"), "path: ", "path: x"), "data.path"));
  }

  private static void cut(Path file, int bytes) throws IOException {
    byte[] all = Files.readAllBytes(file);
    Files.write(file, Arrays.copyOf(all, all.length - bytes));
  }

  private static void directoryFor(Path file) throws IOException {
    Files.delete(file);
    Files.createDirectory(file);
  }

  @ParameterizedTest
  @MethodSource({"commandLines", "clusters", "coordinators", "jobs", "meaning", "datas"})
  void shouldBeRefusedInPlainWords(Bad bad) throws IOException {
    Path job = directory.resolve("job.yaml");
    Files.writeString(job, JOB.replace("PATH", directory.toString()));
    IdxFiles.writeGood(directory);
    bad.change().apply(directory);
    List<Path> before = files();

    String[] arguments =
        bad.arguments().stream()
            .map(a -> a.equals("JOB") ? job.toString() : a.equals("DIR") ? directory.toString() : a)
            .toArray(String[]::new);
    CliRun run = CliRun.of(arguments);

    assertThat(run.code()).as(run.err()).isEqualTo(ExitCode.USAGE);
    assertThat(run.trained()).isEmpty();
    assertThat(run.out()).isEmpty();
    assertThat(run.err()).contains(bad.told());
    assertThat(run.err())
        .doesNotContain("\tat ")
        .doesNotContain("Exception")
        .doesNotContain("null");
    assertThat(files()).isEqualTo(before);
  }

  private List<Path> files() throws IOException {
    try (Stream<Path> files = Files.walk(directory)) {
      return files.sorted().toList();
    }
  }

  @Test
  void shouldTakeTheJobThatTheseAreMadeFrom() throws IOException {
    Path job = directory.resolve("job.yaml");
    Files.writeString(job, JOB.replace("PATH", directory.toString()));
    IdxFiles.writeGood(directory);
    CliRun run = CliRun.of("train", job.toString(), "--run-dir", "x");
    assertThat(run.err()).isEmpty();
    assertThat(run.code()).isEqualTo(ExitCode.DONE);
    assertThat(run.trained()).hasSize(1);
  }
}
