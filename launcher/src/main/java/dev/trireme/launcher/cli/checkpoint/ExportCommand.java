package dev.trireme.launcher.cli.checkpoint;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import dev.trireme.checkpoint.CheckpointPlace;
import dev.trireme.checkpoint.CheckpointReader;
import dev.trireme.checkpoint.WeightsExport;
import dev.trireme.checkpoint.format.DamagedException;
import dev.trireme.checkpoint.format.Manifest;
import dev.trireme.checkpoint.format.TensorSpec;
import dev.trireme.launcher.cli.Console;
import dev.trireme.launcher.cli.ExitCode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code trireme checkpoint export}. */
@Command(
    name = "export",
    header = "Writes the model of a checkpoint to one safetensors file.",
    description = {
      "The tensors have PyTorch's names and layouts. Of a directory, takes the newest whole"
          + " checkpoint. The file can be a job's model.weights."
    })
final class ExportCommand implements Callable<Integer> {
  @Mixin private PlaceArguments arguments;

  @Option(names = "--to", required = true, paramLabel = "FILE", description = "A new file.")
  private Path to;

  private final Console console;

  ExportCommand(Console console) {
    this.console = console;
  }

  @Override
  public Integer call() {
    return arguments.with(console, this::run);
  }

  private int run(CheckpointPlace place, CheckpointReader reader) throws IOException {
    if (Files.exists(to)) {
      console.err().println("trireme: --to: '" + to + "' is there already; name a new file");
      return ExitCode.USAGE;
    }
    String name = PlaceArguments.newest(place, reader);
    try {
      Manifest manifest = reader.glance(name);
      List<TensorSpec> written = WeightsExport.write(reader, name, manifest, to);
      long bytes = written.stream().mapToLong(TensorSpec::byteCount).sum();
      console
          .out()
          .println(
              arguments.json()
                  ? PlaceArguments.text(
                      JsonNodeFactory.instance
                          .objectNode()
                          .put("checkpoint", name)
                          .put("step", manifest.step())
                          .put("file", to.toString())
                          .put("tensors", written.size())
                          .put("bytes", bytes))
                  : written.size() + " tensors, " + bytes + " bytes, of " + name + " are in " + to);
      return ExitCode.DONE;
    } catch (DamagedException e) {
      console.err().println("trireme: " + name + " is damaged: " + e.getMessage());
      return ExitCode.FAILED;
    }
  }
}
