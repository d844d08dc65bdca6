package dev.trireme.launcher.cli.job;

import com.fasterxml.jackson.databind.JsonNode;
import dev.trireme.launcher.cli.Console;
import dev.trireme.launcher.cli.ExitCode;
import dev.trireme.launcher.cli.cluster.Asking;
import dev.trireme.launcher.cli.cluster.ClusterOptions.UnknownClusterException;
import dev.trireme.launcher.control.ApiClient;
import dev.trireme.launcher.control.ClusterFile;
import dev.trireme.launcher.control.ControlClient.RefusedException;
import dev.trireme.launcher.control.ControlClient.UnreachableException;
import dev.trireme.launcher.control.LogSlice;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code trireme job logs}. */
@Command(
    name = "logs",
    header = "Prints what a rank of a job has printed.",
    footerHeading = "%nExample:%n",
    footer = {"  trireme job logs job-7 --rank 1 -f", "  trireme job logs runs/quickstart"})
final class LogsCommand implements Callable<Integer> {
  @Mixin private JobTarget target;

  @Option(
      names = "--rank",
      paramLabel = "R",
      defaultValue = "0",
      description = "Which rank; by default 0.")
  private int rank;

  @Option(
      names = {"-f", "--follow"},
      description = "Goes on until the job has ended; a job of a cluster by its id.")
  private boolean follow;

  @Spec private CommandSpec spec;

  private final Console console;

  LogsCommand(Console console) {
    this.console = console;
  }

  @Override
  public Integer call() {
    if (rank < 0) {
      throw new CommandLine.ParameterException(
          spec.commandLine(), "--rank: expected at least 0, found " + rank);
    }
    return Asking.run(console, target.isRun() ? this::printOfRun : this::print);
  }

  private int printOfRun() throws UnreachableException, RefusedException {
    Path run = target.run();
    Path log = run.resolve("logs").resolve("rank-" + rank + ".log");
    if (!Files.isRegularFile(log)) {
      throw new RefusedException("expected a log of rank " + rank + ", found no file " + log);
    }
    try {
      for (long offset = 0; ; ) {
        // Asked before the log is read, so that its end is not missed.
        boolean alive = follow && isAlive(run);
        LogSlice part = LogSlice.read(run, rank, offset);
        offset = part.next();
        console.out().print(new String(part.bytes(), StandardCharsets.UTF_8));
        console.out().flush();
        if (part.bytes().length == 0) {
          if (!alive) {
            return ExitCode.DONE;
          }
          WaitCommand.pause();
        }
      }
    } catch (IOException e) {
      throw new UnreachableException("cannot read " + log + ": " + e.getMessage());
    }
  }

  /** Of a job of a cluster nothing is known here. */
  private static boolean isAlive(Path run) throws IOException {
    try {
      return ClusterFile.read(run).isPresent();
    } catch (ClusterFile.UnusableException e) {
      return false;
    }
  }

  private int print() throws UnreachableException, RefusedException, UnknownClusterException {
    ApiClient client = target.client();
    long offset = 0;
    boolean printed = false;
    while (true) {
      ApiClient.LogPart part = client.log(target.id(), rank, offset);
      offset = part.next();
      console.out().print(part.text());
      console.out().flush();
      printed |= !part.text().isEmpty();
      if (part.text().isEmpty()) {
        if (!follow || part.jobEnded()) {
          return printed ? ExitCode.DONE : nothing(client.job(target.id()).show());
        }
        WaitCommand.pause();
      }
    }
  }

  /** Says why there is nothing to print. */
  private int nothing(JsonNode job) {
    int ranks = job.path("worldSize").asInt();
    console
        .err()
        .printf(
            "trireme: rank %d of %s has printed nothing%s%n",
            rank,
            target.id(),
            ranks == 0
                ? ": the job has not started; it is " + job.path("state").asText()
                : ranks > rank ? " so far" : ": expected a rank of 0 to " + (ranks - 1));
    return ranks == 0 || ranks > rank ? ExitCode.DONE : ExitCode.USAGE;
  }
}
