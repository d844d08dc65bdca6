package dev.trireme.launcher.cli.job;

import com.fasterxml.jackson.databind.JsonNode;
import dev.trireme.launcher.cli.Console;
import dev.trireme.launcher.cli.ExitCode;
import dev.trireme.launcher.cli.JobArguments;
import dev.trireme.launcher.cli.cluster.Asking;
import dev.trireme.launcher.cli.cluster.ClusterOptions;
import dev.trireme.launcher.config.JobReader;
import dev.trireme.launcher.config.ResolvedJob;
import dev.trireme.launcher.config.WorkingDirectory;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code trireme job submit}. */
@Command(
    name = "submit",
    header = "Hands a job to a cluster, and prints its id.",
    description = {
      "The job is durable when this returns; it runs as soon as its ranks fit. Relative paths in it"
          + " are relative to this directory. Jars, models and weights are sent to the cluster, by"
          + " what is in them; data is read on the hosts of the ranks."
    },
    footerHeading = "%nExample:%n",
    footer = "  trireme job submit configs/mnist-cnn.yaml --set data.path=/shared/mnist --wait")
final class SubmitCommand implements Callable<Integer> {
  @Mixin private JobArguments arguments;

  @Mixin private ClusterOptions cluster;

  @Option(names = "--wait", description = "Waits for the job's end, as 'trireme job wait' does.")
  private boolean wait;

  @Option(names = "--json", description = "Prints JSON.")
  private boolean json;

  private final Console console;

  SubmitCommand(Console console) {
    this.console = console;
  }

  @Override
  public Integer call() {
    ResolvedJob job =
        WorkingDirectory.read(
            arguments.file(), arguments.overrides(), Path.of("").toAbsolutePath());
    return Asking.run(
        console,
        () -> {
          var client = cluster.client(JobTarget.PATIENCE);
          JsonNode accepted =
              client.submit(
                  JobReader.toYaml(Shipping.ship(job, client, console).spec()),
                  System.getProperty("user.name", ""));
          String id = accepted.path("job").asText();
          console.out().println(json ? accepted.toPrettyString() : id);
          console.out().flush();
          return wait ? WaitCommand.await(client, id, console) : ExitCode.DONE;
        });
  }
}
