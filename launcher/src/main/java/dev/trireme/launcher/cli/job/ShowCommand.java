package dev.trireme.launcher.cli.job;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.trireme.launcher.cli.Console;
import dev.trireme.launcher.cli.ExitCode;
import dev.trireme.launcher.cli.cluster.Asking;
import dev.trireme.launcher.cli.cluster.ClusterOptions.UnknownClusterException;
import dev.trireme.launcher.control.ControlClient.RefusedException;
import dev.trireme.launcher.control.ControlClient.UnreachableException;
import dev.trireme.launcher.control.RunFiles;
import dev.trireme.protocol.JobState;
import java.io.IOException;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code trireme job show}. */
@Command(
    name = "show",
    header = "Says how a job stands and why, or how it ended.",
    footerHeading = "%nExamples:%n",
    footer = {
      "  trireme job show job-7          # of the cluster",
      "  trireme job show runs/RUN       # of a run that 'trireme train' began"
    })
final class ShowCommand implements Callable<Integer> {
  @Mixin private JobTarget target;

  @Option(names = "--json", description = "Prints JSON.")
  private boolean json;

  private final Console console;

  ShowCommand(Console console) {
    this.console = console;
  }

  @Override
  public Integer call() {
    try {
      Optional<JsonNode> result = target.isRun() ? RunFiles.result(target.run()) : Optional.empty();
      return Asking.run(
          console,
          () -> {
            Printing.object(console, result.isPresent() ? result.get() : ask(), json);
            return ExitCode.DONE;
          });
    } catch (IOException e) {
      console.err().println("trireme: " + e.getMessage());
      return ExitCode.FAILED;
    }
  }

  /** How it stands; of a job of a cluster that has ended what it came to, too. */
  private JsonNode ask() throws UnreachableException, RefusedException, UnknownClusterException {
    JsonNode status = target.channel().show();
    if (target.isRun() || !JobState.valueOf(status.path("state").asText()).isFinal()) {
      return status;
    }
    try {
      return both(status, target.client().result(target.id()));
    } catch (RefusedException e) {
      return status; // It has left no result: its run directory cannot be written.
    }
  }

  /** The fields of the first, then those that the second alone has. */
  static JsonNode both(JsonNode status, JsonNode result) {
    ObjectNode both = status.deepCopy();
    for (Map.Entry<String, JsonNode> field : result.properties()) {
      if (!both.has(field.getKey())) {
        both.set(field.getKey(), field.getValue());
      }
    }
    return both;
  }
}
