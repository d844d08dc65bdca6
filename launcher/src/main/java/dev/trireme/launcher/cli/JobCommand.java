package dev.trireme.launcher.cli;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import dev.trireme.launcher.control.ControlClient;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import java.util.function.Supplier;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code trireme job}: what can be done with a job that was started. */
@Command(
    name = "job",
    header = "Shows, changes, ends or continues a job.",
    commandListHeading = "%nCommands:%n")
final class JobCommand implements Callable<Integer> {
  @Spec private CommandSpec spec;

  /** With its subcommands. */
  static CommandLine commandLine(Console console, Supplier<TrainRunner> runner) {
    return new CommandLine(new JobCommand())
        .addSubcommand(new Show(console))
        .addSubcommand(new Scale(console))
        .addSubcommand(new Cancel(console))
        .addSubcommand(new Resume(console, runner))
        .addSubcommand(new AuditCommand(console));
  }

  @Override
  public Integer call() {
    throw new CommandLine.ParameterException(spec.commandLine(), "expected a command");
  }

  /** What the commands for a run have in common. */
  private abstract static class OfRun implements Callable<Integer> {
    @Parameters(index = "0", paramLabel = "RUN_DIR", description = "The directory of the run.")
    private Path run;

    private final Console console;

    OfRun(Console console) {
      this.console = console;
    }

    Path run() {
      return run;
    }

    Console console() {
      return console;
    }

    abstract JsonNode ask(ControlClient client)
        throws ControlClient.UnreachableException, ControlClient.RefusedException;

    @Override
    public Integer call() {
      try {
        print(ask(ControlClient.of(run)), false);
        return ExitCode.DONE;
      } catch (ControlClient.UnreachableException e) {
        console.err().println("trireme: " + e.getMessage());
        return ExitCode.UNREACHABLE;
      } catch (ControlClient.RefusedException e) {
        console.err().println("trireme: " + e.getMessage());
        return ExitCode.USAGE;
      }
    }

    void print(JsonNode answer, boolean json) {
      if (json) {
        console.out().println(answer.toPrettyString());
      } else {
        answer
            .properties()
            .forEach(
                field ->
                    console
                        .out()
                        .printf(
                            "%-18s %s%n",
                            field.getKey(),
                            field.getValue().isValueNode()
                                ? field.getValue().asText()
                                : field.getValue().toString()));
      }
    }
  }

  /** {@code job show}. */
  @Command(name = "show", header = "Says how a job stands, or how it ended.")
  private static final class Show extends OfRun {
    @Option(names = "--json", description = "Prints JSON.")
    private boolean json;

    Show(Console console) {
      super(console);
    }

    @Override
    JsonNode ask(ControlClient client)
        throws ControlClient.UnreachableException, ControlClient.RefusedException {
      return client.show();
    }

    @Override
    public Integer call() {
      Path result = run().resolve("result.json");
      try {
        JsonNode answer =
            Files.isRegularFile(result)
                ? JsonMapper.builder().build().readTree(result.toFile())
                : ask(ControlClient.of(run()));
        print(answer, json);
        return ExitCode.DONE;
      } catch (IOException e) {
        console().err().println("trireme: cannot read " + result + ": " + e);
        return ExitCode.FAILED;
      } catch (ControlClient.UnreachableException | ControlClient.RefusedException e) {
        console().err().println("trireme: " + e.getMessage());
        return ExitCode.UNREACHABLE;
      }
    }
  }

  /** {@code job scale}. */
  @Command(
      name = "scale",
      header = "Changes the number of a job's ranks.",
      description =
          "Within the job's parallel.workers. The ranks stop at the end of a step, and those of the"
              + " new number go on from there; nothing is computed twice or left out.")
  private static final class Scale extends OfRun {
    @Option(names = "--workers", paramLabel = "N", required = true, description = "How many.")
    private int workers;

    Scale(Console console) {
      super(console);
    }

    @Override
    JsonNode ask(ControlClient client)
        throws ControlClient.UnreachableException, ControlClient.RefusedException {
      return client.scale(workers);
    }
  }

  /** {@code job cancel}. */
  @Command(name = "cancel", header = "Ends a job after its current step.")
  private static final class Cancel extends OfRun {
    @Option(names = "--checkpoint", description = "Saves a checkpoint first.")
    private boolean checkpoint;

    Cancel(Console console) {
      super(console);
    }

    @Override
    JsonNode ask(ControlClient client)
        throws ControlClient.UnreachableException, ControlClient.RefusedException {
      return client.cancel(checkpoint);
    }
  }

  /** {@code job resume}. */
  @Command(
      name = "resume",
      header = "Continues a run whose process is gone, or that failed or was cancelled.",
      description = "From its newest whole checkpoint, in the same run directory.")
  private static final class Resume extends OfRun {
    private final Supplier<TrainRunner> runner;

    Resume(Console console, Supplier<TrainRunner> runner) {
      super(console);
      this.runner = runner;
    }

    @Override
    JsonNode ask(ControlClient client) {
      throw new IllegalStateException("nobody is asked: the run starts here");
    }

    @Override
    public Integer call() {
      return runner.get().resume(run(), console());
    }
  }
}
