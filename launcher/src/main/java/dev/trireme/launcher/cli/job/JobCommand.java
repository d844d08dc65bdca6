package dev.trireme.launcher.cli.job;

import com.fasterxml.jackson.databind.JsonNode;
import dev.trireme.launcher.cli.Console;
import dev.trireme.launcher.cli.ExitCode;
import dev.trireme.launcher.cli.Table;
import dev.trireme.launcher.cli.TrainRunner;
import dev.trireme.launcher.cli.cluster.Asking;
import dev.trireme.launcher.cli.cluster.ClusterOptions;
import dev.trireme.launcher.control.JobChannel;
import java.util.concurrent.Callable;
import java.util.function.Supplier;
import picocli.CommandLine;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code trireme job}: what can be done with a job that was started. */
@Command(
    name = "job",
    header = "Hands in, shows, changes, ends or continues jobs.",
    commandListHeading = "%nCommands:%n")
public final class JobCommand implements Callable<Integer> {
  @Spec private CommandSpec spec;

  /**
   * With its subcommands.
   *
   * @param audit what {@code job audit} does
   */
  public static CommandLine commandLine(
      Console console, Supplier<TrainRunner> runner, Callable<Integer> audit) {
    return new CommandLine(new JobCommand())
        .addSubcommand(new SubmitCommand(console))
        .addSubcommand(new All(console))
        .addSubcommand(new ShowCommand(console))
        .addSubcommand(new LogsCommand(console))
        .addSubcommand(new WaitCommand(console))
        .addSubcommand(new Scale(console))
        .addSubcommand(new Cancel(console))
        .addSubcommand(new Resume(console, runner))
        .addSubcommand(audit);
  }

  @Override
  public Integer call() {
    throw new CommandLine.ParameterException(spec.commandLine(), "expected a command");
  }

  /** {@code job list}. */
  @Command(name = "list", header = "Lists the jobs of a cluster, oldest first.")
  private static final class All implements Callable<Integer> {
    @Mixin private ClusterOptions cluster;

    @Option(names = "--json", description = "Prints JSON.")
    private boolean json;

    private final Console console;

    All(Console console) {
      this.console = console;
    }

    @Override
    public Integer call() {
      return Asking.run(
          console,
          () -> {
            JsonNode jobs = cluster.client(JobTarget.PATIENCE).jobs();
            console.out().println(json ? jobs.toPrettyString() : table(jobs));
            return ExitCode.DONE;
          });
    }

    private static Table table(JsonNode jobs) {
      Table table = new Table("lllrlrl");
      table.row("JOB", "NAME", "USER", "PRIORITY", "STATE", "RANKS", "REASON");
      for (JsonNode job : jobs) {
        table.row(
            job.path("job").asText(),
            job.path("name").asText(),
            job.path("user").asText(),
            job.path("priority").asText(),
            job.path("state").asText(),
            job.path("worldSize").asText(),
            job.path("reason").asText());
      }
      return table;
    }
  }

  /** {@code job scale}. */
  @Command(
      name = "scale",
      header = "Changes the number of a job's ranks, or of its servers.",
      description = {
        "Workers: within the job's parallel.workers. The ranks stop at the end of a step, and those"
            + " of the new number go on from there; nothing is computed twice or left out.",
        "Servers, of a job with a parameter server: more than it has backups. New ones start beside"
            + " its first rank once there are slots, and shards move to them while workers train."
      })
  private static final class Scale implements Callable<Integer> {
    @Mixin private JobTarget target;

    @ArgGroup(multiplicity = "1")
    private Number number;

    private static final class Number {
      @Option(names = "--workers", paramLabel = "N", description = "How many ranks.")
      private Integer workers;

      @Option(names = "--servers", paramLabel = "N", description = "How many servers.")
      private Integer servers;
    }

    private final Console console;

    Scale(Console console) {
      this.console = console;
    }

    @Override
    public Integer call() {
      return Asking.run(
          console,
          () -> {
            JobChannel channel = target.channel();
            Printing.object(
                console,
                number.servers == null
                    ? channel.scale(number.workers)
                    : channel.scaleServers(number.servers),
                false);
            return ExitCode.DONE;
          });
    }
  }

  /** {@code job cancel}. */
  @Command(name = "cancel", header = "Ends a job after its current step.")
  private static final class Cancel implements Callable<Integer> {
    @Mixin private JobTarget target;

    @Option(names = "--checkpoint", description = "Saves a checkpoint first.")
    private boolean checkpoint;

    private final Console console;

    Cancel(Console console) {
      this.console = console;
    }

    @Override
    public Integer call() {
      return Asking.run(
          console,
          () -> {
            Printing.object(console, target.channel().cancel(checkpoint), false);
            return ExitCode.DONE;
          });
    }
  }

  /** {@code job resume}. */
  @Command(
      name = "resume",
      header = "Continues a job that failed or was cancelled, or a run whose process is gone.",
      description = "From its newest whole checkpoint, in the same run directory.")
  private static final class Resume implements Callable<Integer> {
    @Mixin private JobTarget target;

    private final Console console;
    private final Supplier<TrainRunner> runner;

    Resume(Console console, Supplier<TrainRunner> runner) {
      this.console = console;
      this.runner = runner;
    }

    @Override
    public Integer call() {
      if (target.isRun()) {
        return runner.get().resume(target.run(), console);
      }
      return Asking.run(
          console,
          () -> {
            Printing.object(console, target.client().resume(target.id()), false);
            return ExitCode.DONE;
          });
    }
  }
}
