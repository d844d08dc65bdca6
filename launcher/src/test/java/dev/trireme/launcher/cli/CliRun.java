package dev.trireme.launcher.cli;

import dev.trireme.api.job.DataSpec;
import dev.trireme.data.Datasets;
import dev.trireme.launcher.cluster.Services;
import dev.trireme.launcher.config.Capabilities;
import dev.trireme.launcher.config.DataInspector;
import dev.trireme.launcher.config.JobValidation;
import dev.trireme.launcher.config.ValidatedJob;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * One command line, run in this process with a runner that only notes what it is given.
 *
 * @param code the exit code
 * @param out standard output
 * @param err standard error
 * @param trained the jobs that would have been run
 */
record CliRun(int code, String out, String err, List<ValidatedJob> trained) {
  static CliRun of(String... arguments) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    ByteArrayOutputStream err = new ByteArrayOutputStream();
    List<ValidatedJob> trained = new ArrayList<>();
    Console console = new Console(stream(out), stream(err), false, 100);
    JobValidation validation = new JobValidation(Capabilities.ofThisVersion(), CliRun::inspect, 64);
    TrainRunner runner =
        new TrainRunner() {
          @Override
          public int run(ValidatedJob job, Optional<Path> directory, Console to) {
            trained.add(job);
            return ExitCode.DONE;
          }

          @Override
          public int resume(Path directory, Console to) {
            return ExitCode.DONE;
          }
        };
    int code =
        new Cli(
                console,
                validation,
                () -> runner,
                FakeBench::new,
                Services::new,
                () -> (options, job, to) -> ExitCode.DONE)
            .run(arguments);
    return new CliRun(
        code,
        out.toString(StandardCharsets.UTF_8),
        err.toString(StandardCharsets.UTF_8),
        List.copyOf(trained));
  }

  private static DataInspector.Sets inspect(DataSpec spec) {
    Datasets.Inspection found = Datasets.inspect(spec);
    return new DataInspector.Sets(found.training(), found.evaluation());
  }

  private static PrintStream stream(ByteArrayOutputStream bytes) {
    return new PrintStream(bytes, true, StandardCharsets.UTF_8);
  }
}
